"""The compiled alignment against a plain one, and what it refuses."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py._align import PhoneCosts, PhoneGraph

Jump = tuple[int, int, int, int, float]


def plain(
    phone: list[int], weight: list[float], preds: list[list[int]], heard: list[int], extra: list[float],
    substitute: list[list[float]], drop: list[float], jumps: list[Jump],
) -> float:  # fmt: skip
    """The cost by the definition in rtva_align.h, cell by cell."""
    table: dict[tuple[int, int], float] = {}
    for c in range(len(heard) + 1):
        for v in range(len(phone)):
            ways = [0.0] if (c, v) == (0, 0) else []
            ways += [table[fc, fn] + cost for fn, fc, tn, tc, cost in jumps if (tc, tn) == (c, v)]
            price = weight[v] * drop[phone[v]] if phone[v] else 0.0
            ways += [table[c, u] + price for u in preds[v]]
            if c:
                ways.append(table[c - 1, v] + extra[c - 1])
                if phone[v]:
                    ways += [table[c - 1, u] + weight[v] * substitute[heard[c - 1]][phone[v]] for u in preds[v]]
            table[c, v] = min(ways, default=math.inf)
    return table[len(heard), len(phone) - 1]


@st.composite
def problems(draw: st.DrawFn) -> tuple:  # type: ignore[type-arg]
    phones, nodes = draw(st.integers(2, 4)), draw(st.integers(1, 9))
    cost = st.integers(0, 40).map(lambda n: n / 16)
    phone = [0] + [draw(st.integers(0, phones - 1)) for _ in range(nodes - 1)]
    preds = [[]] + [draw(st.lists(st.integers(0, v - 1), min_size=1, max_size=3, unique=True)) for v in range(1, nodes)]
    weight = [draw(cost) for _ in phone]
    heard = draw(st.lists(st.integers(1, phones - 1), max_size=7))
    extra = [draw(cost) for _ in heard]
    substitute = [[draw(cost) for _ in range(phones)] for _ in range(phones)]
    drop = [draw(cost) for _ in range(phones)]
    jumps = []
    for _ in range(draw(st.integers(0, 3)) if heard else 0):
        at = draw(st.integers(0, len(heard) - 1))
        node = st.integers(0, nodes - 1)
        jumps.append((draw(node), at, draw(node), draw(st.integers(at + 1, len(heard))), draw(cost)))
    return phone, weight, preds, heard, extra, substitute, drop, jumps


def aligned(problem: tuple, limit: float = 1e9):  # type: ignore[no-untyped-def,type-arg]
    phone, weight, preds, heard, extra, substitute, drop, jumps = problem
    first = np.cumsum([0] + [len(p) for p in preds]).tolist()
    graph = PhoneGraph(phone, weight, first, [u for p in preds for u in p])
    return graph.align(PhoneCosts(substitute, drop), bytes(heard), np.array(extra, np.float32), jumps, limit)


@settings(max_examples=300, deadline=None)
@given(problems())
def test_it_finds_the_cheapest_way(problem: tuple) -> None:  # type: ignore[type-arg]
    phone, weight, preds, heard, extra, substitute, drop, _ = problem
    expected = plain(*problem)
    found = aligned(problem)
    if math.isinf(expected):
        assert found is None
        return
    cost, steps, jumps = found
    assert cost == pytest.approx(expected, abs=1e-4)
    assert steps[0][:2] == (0, 0) and steps[-1][:2] == (len(phone) - 1, len(heard))
    total = 0.0
    for (u, c, _, _), (v, d, how, so_far) in itertools.pairwise(steps):
        if how & 3 == 3:
            assert jumps[how >> 2][:4] == (u, c, v, d)
            total += jumps[how >> 2][4]
        elif how == 2:
            assert (u, c + 1) == (v, d)
            total += extra[c]
        else:
            assert u in preds[v] and d == c + how
            price = substitute[heard[c]][phone[v]] if how else drop[phone[v]]
            total += weight[v] * price if phone[v] else 0.0
        assert so_far == pytest.approx(total, abs=1e-4)


@settings(max_examples=100, deadline=None)
@given(problems(), st.integers(0, 80))
def test_a_limit_only_hides_what_is_dearer(problem: tuple, sixteenths: int) -> None:  # type: ignore[type-arg]
    limit, expected = sixteenths / 16, plain(*problem)
    found = aligned(problem, limit)
    assert (found is None) == (expected > limit)
    assert found is None or found[0] == pytest.approx(expected, abs=1e-4)


GRAPH: tuple[list[int], list[float], list[int], list[int]] = ([0, 1, 0], [0, 1, 0], [0, 0, 1, 2], [0, 1])
COSTS = ([[0, 1], [1, 0]], [1, 1])


@pytest.mark.parametrize(
    ("phone", "weight", "first", "pred"),
    [
        ([], [], [0], []),
        ([0, 1], [0, 1], [0, 0, 1], [1]),
        ([0, 1], [0, 1], [0, 0, 1], [-1]),
        ([0, 1], [0, 1], [0, 0, 2], [0]),
        ([0, 1], [0, 1], [0, 1, 0], [0]),
        ([0, 1], [0, -1], [0, 0, 1], [0]),
        ([0, 1], [0], [0, 0, 1], [0]),
    ],
)
def test_a_graph_that_is_none_is_refused(
    phone: list[int], weight: list[float], first: list[int], pred: list[int]
) -> None:
    with pytest.raises(ValueError):
        PhoneGraph(phone, weight, first, pred)


@pytest.mark.parametrize(
    ("heard", "extra", "jumps"),
    [
        (b"\x02", [1.0], []),
        (b"\x01", [], []),
        (b"\x01", [-1.0], []),
        (b"\x01", [math.nan], []),
        (b"\x01", [1.0], [(0, 0, 3, 1, 0.0)]),
        (b"\x01", [1.0], [(0, 1, 2, 1, 0.0)]),
        (b"\x01", [1.0], [(0, 0, 2, 2, 0.0)]),
        (b"\x01", [1.0], [(0, 0, 2, 1, -1.0)]),
    ],
)
def test_what_does_not_fit_is_refused(heard: bytes, extra: list[float], jumps: list[Jump]) -> None:
    with pytest.raises(ValueError):
        PhoneGraph(*GRAPH).align(PhoneCosts(*COSTS), heard, np.array(extra, np.float32), jumps, 9.0)


def test_costs_must_fit_and_not_be_negative() -> None:
    with pytest.raises(ValueError):
        PhoneCosts([[0, 1]], [1, 1])
    with pytest.raises(ValueError):
        PhoneCosts([[0, -1], [1, 0]], [1, 1])


def test_a_size_that_would_take_all_memory_is_refused() -> None:
    graph = PhoneGraph([0] + [1] * 9999, [0.0] + [1.0] * 9999, [0, *range(10_000)], list(range(9999)))
    with pytest.raises(MemoryError):
        graph.align(PhoneCosts(*COSTS), b"\x01" * 5000, np.ones(5000, np.float32), [], 9.0)


def test_nothing_heard_drops_everything() -> None:
    cost, steps, _ = PhoneGraph(*GRAPH).align(PhoneCosts(*COSTS), b"", np.zeros(0, np.float32), [], 9.0)
    assert cost == 1.0 and [s[0] for s in steps] == [0, 1, 2]
