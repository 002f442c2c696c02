"""How much is decoded next: the first sound early, and never a gap."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.tts import split_voice
from firmware_py.tts.schedule import FIRST_FRAMES, GROWTH, LOAD, MAX_FRAMES, Pace
from firmware_py.tts.split_voice import SplitVoice

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


def test_a_window_that_took_longer_slows_the_pace_and_no_window_makes_it_faster() -> None:
    pace = Pace(10.0, 0.5, FRAME_MS)
    assert pace.slowed(54.0, 16) == Pace(30.0, 1.5, FRAME_MS)
    assert pace.slowed(1.0, 16) == pace
    assert Pace(0.0, 0.0, FRAME_MS).slowed(5.0, 16) == Pace(0.0, 0.0, FRAME_MS)


MEASURED = {"processor A": (12.0, 0.75), "processor B": (6.0, 0.35)}
"""Milliseconds a window and a frame: one thread of a Zen 4 core shared with others, and of one that is not."""


class Voice(SplitVoice):
    """The real voice's order of things on a clock of our own: a window costs what was measured, times ``slower``."""

    def __init__(self, fixed_ms: float, per_frame_ms: float, frames: int) -> None:
        self.now_ns, self.slower, self.frames = 1, 1.0, frames
        self.cost = Pace(fixed_ms, per_frame_ms, FRAME_MS)
        parts: Any = SimpleNamespace(front=lambda: (np.zeros((1, 1, frames), np.float32),))
        super().__init__(parts, FRAME_MS, lambda: self.now_ns)

    def decode(self, begin: int, end: int) -> np.ndarray:
        self.now_ns += int(1e6 * self.slower * (self.cost.fixed_ms + self.cost.per_frame_ms * (end - begin)))
        return np.zeros((end - begin) * 256, np.float32)


@pytest.fixture
def on_a_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], Voice]:
    def make(processor: str, frames: int) -> Voice:
        voice = Voice(*MEASURED[processor], frames)
        latent = SimpleNamespace(frames=frames, samples=voice.decode)
        monkeypatch.setattr(split_voice, "Latent", lambda parts, array: latent)
        voice.calibrate()
        return voice

    return make


def least_ahead_ms(voice: Voice, on_chunk: Callable[[int], None] = lambda number: None) -> float:
    """The least sound (ms) that was left to play when a chunk came; the player takes each as soon as it is there."""
    produced, least, heard_ns = 0, float("inf"), 0
    for number, chunk in enumerate(voice.sound()):
        if heard_ns:
            least = min(least, produced * FRAME_MS - (voice.now_ns - heard_ns) / 1e6)
        heard_ns = heard_ns or voice.now_ns
        produced += chunk.size // 256
        on_chunk(number)
    assert produced == voice.frames
    return least


@pytest.mark.parametrize("processor", MEASURED)
@pytest.mark.parametrize("frames", [17, 40, 90, 260, 700, 1700])
@pytest.mark.parametrize("slower", [1.0, 3.0])
def test_playback_never_starves(
    on_a_clock: Callable[[str, int], Voice], processor: str, frames: int, slower: float
) -> None:
    """At the measured cost of a window; on a machine that is slower from the start; and on one that became so."""
    voice = on_a_clock(processor, frames)
    voice.slower = slower
    assert least_ahead_ms(voice) >= 0
    voice.calibrate()
    assert least_ahead_ms(voice) >= 0


@pytest.mark.parametrize("processor", MEASURED)
@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_a_machine_that_becomes_slower_in_the_middle_does_not_starve_it(
    on_a_clock: Callable[[str, int], Voice], processor: str, after: int
) -> None:
    voice = on_a_clock(processor, 900)

    def slow_down(number: int) -> None:
        voice.slower = 3.0 if number >= after else 1.0

    assert least_ahead_ms(voice, slow_down) >= 0


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


@pytest.mark.parametrize("frames", [17, 90, 700])
def test_a_machine_far_too_slow_is_looked_at_once_and_says_nothing_before_all_is_there(
    on_a_clock: Callable[[str, int], Voice], frames: int
) -> None:
    voice, windows = on_a_clock("processor A", frames), []  # type: Voice, list[tuple[int, int]]
    voice.slower = 100.0
    decode = voice.decode

    def noted(begin: int, end: int) -> np.ndarray:
        windows.append((begin, end))
        return decode(begin, end)

    split_voice.Latent(None, None).samples = noted  # type: ignore[arg-type,method-assign]
    voice.calibrate()
    assert windows == [(0, split_voice.FIRST_FRAMES)]
    assert [chunk.size for chunk in voice.sound()] == [frames * 256]
