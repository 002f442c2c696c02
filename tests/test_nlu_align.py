"""The compiled alignment against a plain one, and what it refuses."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py._align import PhoneCosts, PhoneGraph, Stretches, next_above

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
        if nodes < 2:
            break
        at, node = draw(st.integers(0, len(heard) - 1)), draw(st.integers(0, nodes - 2))
        far = draw(st.integers(at + 1, len(heard)))
        jumps.append((node, at, draw(st.integers(node + 1, nodes - 1)), far, draw(cost)))
    return phone, weight, preds, heard, extra, substitute, drop, jumps


def aligned(problem: tuple, limit: float = 1e9):  # type: ignore[no-untyped-def,type-arg]
    """The cost and the steps of the cheapest way, None if none is within the limit."""
    phone, weight, preds, heard, extra, substitute, drop, jumps = problem
    first = np.cumsum([0] + [len(p) for p in preds]).tolist()
    slots = [(i, start, end) for i, (start, _, end, _, _) in enumerate(jumps)]
    graph = PhoneGraph(phone, weight, first, [u for p in preds for u in p], slots)
    stretches = {i: Stretches([(begin, to, cost)]) for i, (_, begin, _, to, cost) in enumerate(jumps)}
    found = next_above(
        [graph], 0, PhoneCosts(substitute, drop), bytes(heard), np.array(extra, np.float32),
        np.concatenate(([0.0], np.cumsum(extra))), stretches, limit, -1.0,
    )  # fmt: skip
    return found and found[1:]


@settings(max_examples=300, deadline=None)
@given(problems())
def test_it_finds_the_cheapest_way(problem: tuple) -> None:  # type: ignore[type-arg]
    phone, weight, preds, heard, extra, substitute, drop, jumps = problem
    expected = plain(*problem)
    found = aligned(problem)
    if math.isinf(expected):
        assert found is None
        return
    cost, steps = found
    assert cost == pytest.approx(expected, abs=1e-4)
    assert steps[0][:2] == (0, 0) and steps[-1][:2] == (len(phone) - 1, len(heard))
    total = 0.0
    for (u, c, _, _), (v, d, how, so_far) in itertools.pairwise(steps):
        if how == 3:
            total += min(price for *way, price in jumps if way == [u, c, v, d])
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


def scored(problem: tuple, limit: float) -> float | None:  # type: ignore[type-arg]
    """The score of the cheapest way by the definition of ``next_above``."""
    phone, weight, _, _, extra, _, drop, _ = problem
    found = aligned(problem, limit)
    if found is None:
        return None
    cost, steps = found
    said = sum(drop[phone[v]] * weight[v] if phone[v] else 0.0 for v, _, how, _ in steps if how in (0, 1))
    pairs = itertools.pairwise(steps)
    taken = sum(sum(extra[before:after]) for (_, before, _, _), (_, after, how, _) in pairs if how == 3)
    size = max(said, sum(extra) - taken)
    return max(0.0, 1 - cost / size) if size > 0 else None


@settings(max_examples=400, deadline=None)
@given(problems(), st.data(), st.integers(1, 40), st.integers(0, 20))
def test_the_next_above_is_the_first_that_scores_enough(
    problem: tuple,  # type: ignore[type-arg]
    data: st.DataObject,
    sixteenths: int,
    twentieths: int,
) -> None:
    phone, weight, preds, heard, extra, substitute, drop, _ = problem
    least, limit, n = twentieths / 20, sixteenths / 16, len(heard)
    pieces = [
        (a, b, c / 16)
        for a in range(n)
        for b in range(a + 1, n + 1)
        for c in data.draw(st.lists(st.integers(0, 9), max_size=1))
    ]
    graphs, expected = [], []
    first = np.cumsum([0] + [len(p) for p in preds]).tolist()
    for _ in range(data.draw(st.integers(1, 4))):
        node = st.integers(0, len(phone) - 1)
        drawn = data.draw(st.lists(st.tuples(st.sampled_from("ab"), node, node), max_size=2))
        slots = [(source, min(a, b), max(a, b)) for source, a, b in drawn if a != b]
        heavier = [w + data.draw(st.integers(0, 8)) / 16 for w in weight]
        graphs.append(PhoneGraph(phone, heavier, first, [u for p in preds for u in p], slots))
        jumps = [(start, a, end, b, c) for source, start, end in slots if source == "a" for a, b, c in pieces]
        expected.append(scored((phone, heavier, *problem[2:-1], jumps), limit))
    found = next_above(
        graphs, 0, PhoneCosts(substitute, drop), bytes(heard), np.array(extra, np.float32),
        np.concatenate(([0.0], np.cumsum(extra))), {"a": Stretches(pieces)}, limit, least,
    )  # fmt: skip
    if any(score is not None and abs(score - least) < 1e-5 for score in expected):
        return  # rounding decides
    sufficient = [i for i, score in enumerate(expected) if score is not None and score >= least]
    assert (found and found[0]) == (sufficient[0] if sufficient else None)


def test_a_large_graph_is_searched_only_where_a_way_leads() -> None:
    """Twenty branches of a hundred phones: the branches that no way within the limit enters change nothing."""
    phone, weight, preds = [0], [0.0], [[]]  # type: list[int], list[float], list[list[int]]
    ends = []
    for branch in range(20):
        before = 0
        for at in range(100):
            phone.append(1 + (branch * at + at // 7) % 3)
            weight.append(1.0)
            preds.append([before])
            before = len(phone) - 1
        ends.append(before)
    phone, weight, preds = [*phone, 0], [*weight, 0.0], [*preds, ends]
    substitute = [[0.0 if a == b else 0.75 for b in range(4)] for a in range(4)]
    heard = phone[1301:1341] + phone[1350:1401]  # of the fourteenth branch, nine phones short
    problem = (phone, weight, preds, heard, [0.5] * len(heard), substitute, [0.5] * 4, [])
    assert aligned(problem, 4.5)[0] == pytest.approx(plain(*problem)) == 4.5
    assert aligned(problem, 4.4) is None


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
    ("heard", "extra"), [(b"\x02", [1.0]), (b"\x01", []), (b"\x01", [-1.0]), (b"\x01", [math.nan])]
)
def test_what_does_not_fit_is_refused(heard: bytes, extra: list[float]) -> None:
    with pytest.raises(ValueError):
        found_in(PhoneGraph(*GRAPH), heard, np.array(extra, np.float32))


def found_in(graph: PhoneGraph, heard: bytes, extra: np.ndarray):  # type: ignore[no-untyped-def,type-arg]
    return next_above([graph], 0, PhoneCosts(*COSTS), heard, extra, np.zeros(len(heard) + 1), {}, 9.0, -1.0)


@pytest.mark.parametrize("slot", [(0, 3), (-1, 2), (1, 1), (2, 1)])
def test_a_slot_must_go_forward(slot: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        PhoneGraph(*GRAPH, [("a", *slot)])


def test_costs_must_fit_and_not_be_negative() -> None:
    with pytest.raises(ValueError):
        PhoneCosts([[0, 1]], [1, 1])
    with pytest.raises(ValueError):
        PhoneCosts([[0, -1], [1, 0]], [1, 1])


def test_a_size_that_would_take_all_memory_is_refused() -> None:
    graph = PhoneGraph([0] + [1] * 9999, [0.0] + [1.0] * 9999, [0, *range(10_000)], list(range(9999)))
    with pytest.raises(MemoryError):
        found_in(graph, b"\x01" * 5000, np.ones(5000, np.float32))


def test_nothing_heard_drops_everything() -> None:
    found = found_in(PhoneGraph(*GRAPH), b"", np.zeros(0, np.float32))
    assert found is not None
    _, cost, steps = found
    assert cost == 1.0 and [s[0] for s in steps] == [0, 1, 2]


def test_what_next_above_is_given_must_fit() -> None:
    graph, costs, one = PhoneGraph(*GRAPH), PhoneCosts(*COSTS), np.ones(1, np.float32)
    weight = np.array([0.0, 1.0])
    assert next_above([graph], 0, costs, b"\x01", one, weight, {}, 9.0, 0.5) is not None
    assert next_above([], 0, costs, b"\x01", one, weight, {}, 9.0, 0.5) is None
    assert next_above([graph], 1, costs, b"\x01", one, weight, {}, 9.0, 0.5) is None
    with pytest.raises(ValueError):
        next_above([graph], 0, costs, b"\x01", one, weight[:1], {}, 9.0, 0.5)
    with pytest.raises(ValueError):
        next_above([graph], 0, costs, b"\x02", one, weight, {}, 9.0, 0.5)
    slotted = PhoneGraph(*GRAPH, [("a", 0, 2)])
    with pytest.raises(ValueError):
        next_above([slotted], 0, costs, b"\x01", one, weight, {"a": Stretches([(0, 2, 0.0)])}, 9.0, 0.5)
    with pytest.raises(TypeError):
        next_above([None], 0, costs, b"\x01", one, weight, {}, 9.0, 0.5)  # type: ignore[list-item]
    for wrong in ((1, 1, 0.0), (-1, 1, 0.0), (0, 1, -1.0), (0, 1, math.nan)):
        with pytest.raises(ValueError):
            Stretches([wrong])
