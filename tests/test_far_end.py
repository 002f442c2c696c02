"""What was played, and when: counted in samples, whatever the device says of its delay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.audio.clock import Clock
from firmware_py.audio.far_end import JUMP_NS, FarEnd
from firmware_py.audio.play import Player
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.events import RATE_HZ, Pcm16

VOICE_HZ = 22_050
MS = 1_000_000


@dataclass
class Device:
    """A speaker on a clock of the test's own, which tells its delay and writes to a far end."""

    now_ns: int = 5_000 * MS
    ends_ns: int = 0

    def __post_init__(self) -> None:
        self.far_end = FarEnd(Clock(lambda: self.now_ns, lambda seconds: None))

    def write(self, sound: Pcm16, rate_hz: int, wrong_ms: float = 0.0) -> None:
        """Heard behind what was written before, or at once when that is over."""
        self.ends_ns = max(self.ends_ns, self.now_ns) + sound.size * 1_000_000_000 // rate_hz
        self.far_end.wrote(sound, rate_hz, (self.ends_ns - self.now_ns) / 1e9 + wrong_ms / 1000)


def tone(samples: int, rate_hz: int) -> Pcm16:
    out: Pcm16 = (8000 * np.sin(2 * np.pi * 440 * np.arange(samples) / rate_hz)).astype(np.int16)
    return out


def logged(far_end: FarEnd) -> Pcm16:
    run = far_end.runs[-1]
    found = far_end.read(run.first, run.end)
    assert found is not None
    return found


@pytest.mark.parametrize("rate_hz", [RATE_HZ, VOICE_HZ, 48_000])
def test_the_log_has_what_was_written_at_the_walks_rate(rate_hz: int) -> None:
    device = Device()
    whole = tone(rate_hz, rate_hz)
    for start in range(0, rate_hz, 512):
        device.write(whole[start : start + 512], rate_hz)
        device.now_ns += 10 * MS
    device.far_end.paused()
    [run] = device.far_end.runs
    assert run.is_over and run.start_ns == pytest.approx(5_000 * MS, abs=MS)
    assert run.until_ns == pytest.approx(6_000 * MS, abs=MS)
    expected = tone(RATE_HZ, RATE_HZ).astype(float)
    error = logged(device.far_end)[200:15_800].astype(float) - expected[200:15_800]
    assert np.sqrt(np.mean(error**2)) < 30


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 25)), min_size=1, max_size=40))
def test_a_device_that_tells_its_delay_in_periods_moves_nothing(blocks: list[tuple[int, float]]) -> None:
    device = Device()
    for samples, wrong_ms in blocks:
        device.write(tone(samples, RATE_HZ), RATE_HZ, wrong_ms)
    assert len(device.far_end.runs) == 1 and device.far_end.realigned == 0
    [run] = device.far_end.runs
    assert run.end - run.first == sum(samples for samples, _ in blocks)
    assert -1000 <= run.start_ns - 5_000 * MS <= 25 * MS


def test_a_device_that_ran_dry_begins_a_new_run_with_the_block_behind_the_gap() -> None:
    device = Device()
    device.write(tone(1600, RATE_HZ), RATE_HZ)
    device.now_ns += 400 * MS
    device.write(tone(1600, RATE_HZ), RATE_HZ)
    first, second = device.far_end.runs
    assert (first.until_ns, first.is_over) == (5_100 * MS, True)
    assert second.start_ns == 5_400 * MS and device.far_end.realigned == 1


def test_a_delay_that_was_told_too_long_at_first_is_corrected() -> None:
    device = Device()
    for wrong_ms in (70, 46, 23, 0, 0, 0):
        device.write(tone(371, RATE_HZ), RATE_HZ, wrong_ms)
    [run] = device.far_end.runs
    assert run.start_ns == pytest.approx(5_000 * MS, abs=MS)


def test_one_block_that_seems_early_moves_nothing_and_two_do() -> None:
    device = Device()
    early_ms = -2 * JUMP_NS / MS
    for wrong_ms in (0, 0, 0, 0, early_ms, 0, 0, early_ms, 0):
        device.write(tone(1600, RATE_HZ), RATE_HZ, wrong_ms)
    assert device.far_end.realigned == 0
    for _ in range(2):
        device.write(tone(1600, RATE_HZ), RATE_HZ, early_ms)
    assert device.far_end.realigned == 1


def test_what_was_dropped_was_never_heard() -> None:
    device = Device()
    device.write(tone(16_000, RATE_HZ), RATE_HZ)
    device.now_ns += 250 * MS
    device.far_end.paused()
    device.far_end.dropped()
    [run] = device.far_end.runs
    assert (run.until_ns, run.is_over) == (5_250 * MS, True)
    device.now_ns += 100 * MS
    device.ends_ns = 0
    device.write(tone(160, RATE_HZ), RATE_HZ)
    assert device.far_end.runs[-1].start_ns == 5_350 * MS


def test_the_player_tells_what_the_device_took_and_what_it_dropped() -> None:
    far_end = FarEnd()
    player = Player(VirtualSpeaker(RATE_HZ, pace="real"), far_end=far_end)
    player.volume = 0.5
    player.start()
    playback = player.play(iter([np.full(48_000, 10_000, np.int16)]))
    while playback.first_ns is None:
        pass
    player.silence()
    assert playback.wait(5.0)
    player.stop()
    [run] = far_end.runs
    assert run.cut_ns is not None and run.is_over
    assert run.end - run.first == playback.played < 48_000
    assert far_end.read(run.end - 100, run.end).tolist() == [5000] * 100  # type: ignore[union-attr]


def test_what_is_no_longer_there_is_nothing() -> None:
    far_end = FarEnd()
    assert far_end.read(0, 160) is None
