"""How much is decoded next: the first sound early, and never a gap."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.tts.schedule import FIRST_FRAMES, GROWTH, LOAD, MAX_FRAMES, Pace

FRAME_MS = 1000 * 256 / 22050


def chunks(pace: Pace, total: int) -> tuple[list[int], float]:
    """The chunk sizes for a piece, and the smallest amount of sound (ms) that was left when one became ready."""
    sizes, least_ms = [pace.first(total)], float("inf")
    now_ms = pace.fixed_ms + pace.per_frame_ms * sizes[0]
    played_from_ms = now_ms
    while sum(sizes) < total:
        ahead_ms = sum(sizes) * pace.frame_ms - (now_ms - played_from_ms)
        size = pace.following(sizes[-1], ahead_ms, total - sum(sizes))
        now_ms += pace.fixed_ms + pace.per_frame_ms * size
        least_ms = min(least_ms, sum(sizes) * pace.frame_ms - (now_ms - played_from_ms))
        sizes.append(size)
    return sizes, least_ms


@given(st.floats(0, 400), st.floats(0, LOAD * FRAME_MS * 0.98), st.integers(1, 3000))
def test_a_machine_that_can_keep_up_never_starves(fixed_ms: float, per_frame_ms: float, total: int) -> None:
    sizes, least_ms = chunks(Pace(fixed_ms, per_frame_ms, FRAME_MS), total)
    assert sum(sizes) == total
    assert all(size > 0 for size in sizes)
    assert least_ms >= 0


@given(st.integers(1, 3000))
def test_a_fast_machine_starts_small_and_grows(total: int) -> None:
    sizes, _ = chunks(Pace(4.0, 0.4, FRAME_MS), total)
    assert sizes[0] <= FIRST_FRAMES + FIRST_FRAMES // 2
    assert all(b <= max(GROWTH * a, FIRST_FRAMES) + FIRST_FRAMES // 2 for a, b in itertools.pairwise(sizes))
    assert max(sizes) <= MAX_FRAMES + FIRST_FRAMES // 2


def test_a_machine_slower_than_playing_decodes_everything_first() -> None:
    assert Pace(0.0, 2 * FRAME_MS, FRAME_MS).first(500) == 500


def test_a_draft_that_waited_goes_on_with_small_steps() -> None:
    """Long after its first chunk nothing is ahead by the clock; the next chunk must still not be a crumb."""
    assert Pace(4.0, 0.4, FRAME_MS).following(16, -5000.0, 400) >= FIRST_FRAMES
    assert Pace(4.0, 0.4, FRAME_MS).following(16, -5000.0, 0) == 0


@pytest.mark.parametrize("fixed_ms", [0.0, 12.5])
@pytest.mark.parametrize("per_frame_ms", [0.4, 3.0])
def test_the_pace_is_found_from_two_measurements(fixed_ms: float, per_frame_ms: float) -> None:
    small, large = ((n, fixed_ms + per_frame_ms * n) for n in (16, 48))
    found = Pace.measured(small, large, FRAME_MS)
    assert found.fixed_ms == pytest.approx(fixed_ms)
    assert found.per_frame_ms == pytest.approx(per_frame_ms)
