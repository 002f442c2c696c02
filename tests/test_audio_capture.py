"""The capture thread: every sample into the ring, what is missing counted, nothing waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from firmware_py._ring import Ring
from firmware_py.audio.capture import Capture
from firmware_py.audio.clock import SECOND_NS, SampleClock
from firmware_py.audio.realtime import ask_realtime
from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.errors import DeviceLost
from firmware_py.events import Pcm16

Step = Pcm16 | int | Exception


class ScriptedMicrophone:
    """A microphone that does as told: a block, so many samples lost, or an error; then the end."""

    def __init__(self, steps: list[Step]) -> None:
        self.lost = 0
        self.closed = 0
        self._steps = list(steps)

    def read(self) -> Pcm16 | None:
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, Exception):
                raise step
            if isinstance(step, int):
                self.lost += step
                continue
            return step
        return None

    def close(self) -> None:
        self.closed += 1


def block(value: int, samples: int = 100) -> Pcm16:
    return np.full(samples, value, np.int16)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def run(microphone: ScriptedMicrophone) -> tuple[Capture, Ring]:
    ring = Ring(1 << 12)
    capture = Capture(microphone, ring)
    capture.start()
    until(lambda: capture.ended)
    return capture, ring


def test_every_block_is_copied_and_counted() -> None:
    capture, ring = run(ScriptedMicrophone([block(1), block(2, 50), block(3)]))
    assert capture.frames_in == ring.written == 250
    np.testing.assert_array_equal(ring.read(250), np.repeat([1, 2, 3], [100, 50, 100]))
    assert capture.error is None
    assert capture.lost == 0
    assert capture.last_block_ns > 0


def test_lost_samples_are_counted_where_they_are_missing_and_never_written() -> None:
    told: list[tuple[int, int]] = []
    microphone, ring = ScriptedMicrophone([block(1), 40, block(2), 5, 5, block(3), block(4)]), Ring(1 << 12)
    capture = Capture(microphone, ring, on_gap=lambda at, count: told.append((at, count)))
    capture.start()
    until(lambda: capture.ended)
    assert ring.written == capture.frames_in == 400
    assert capture.lost == 50
    assert told == [(100, 40), (200, 10)]
    assert list(capture.gaps) == [(100, 40), (200, 50)]
    second = [capture.time_ns(n) - capture.t0_ns for n in (0, 99, 100, 199, 200, 399)]
    assert second == [n * SECOND_NS // 16000 for n in (0, 99, 140, 239, 250, 449)]


@pytest.mark.parametrize("error", [DeviceLost("unplugged"), ValueError("a bug in an adapter")])
def test_a_lost_device_ends_the_thread_and_is_told(error: Exception) -> None:
    capture, ring = run(ScriptedMicrophone([block(1), error, block(2)]))
    assert isinstance(capture.error, DeviceLost)
    assert str(error) in str(capture.error)
    assert ring.written == 100


def test_stopping_closes_the_microphone_and_may_be_repeated() -> None:
    microphone = ScriptedMicrophone([block(1)])
    capture, _ = run(microphone)
    capture.stop()
    capture.stop()
    assert microphone.closed


def test_a_ring_that_nobody_reads_does_not_stop_capture() -> None:
    capture, ring = run(ScriptedMicrophone([block(n, 1000) for n in range(20)]))
    assert capture.frames_in == 20_000
    np.testing.assert_array_equal(ring.copy(16_000, 20_000), np.repeat([16, 17, 18, 19], 1000))


def recording(tmp_path: Path, samples: int) -> Path:
    soundfile.write(tmp_path / "a.wav", np.arange(samples, dtype=np.int16), 16000)
    return tmp_path / "a.wav"


def test_a_recording_at_fast_pace_waits_for_the_reader(tmp_path: Path) -> None:
    """Far more than the ring holds, and every sample arrives."""
    ring = Ring(1 << 12)
    capture = Capture(RecordingMicrophone(recording(tmp_path, 30_000), chunk_size=256), ring)
    capture.start()
    got: list[Pcm16] = []
    while not (capture.ended and ring.available() == 0):
        got.append(ring.read(512))
    np.testing.assert_array_equal(np.concatenate(got), np.arange(30_000))
    assert ring.overrun == 0
    capture.stop()


def test_stopping_ends_a_recording_that_waits_for_a_reader_or_for_its_time(tmp_path: Path) -> None:
    path = recording(tmp_path, 30_000)
    for microphone in (
        RecordingMicrophone(path, chunk_size=256),
        RecordingMicrophone(path, pace="real", chunk_size=30_000),
        RecordingMicrophone(path, chunk_size=256, silence_after=True),
    ):
        capture = Capture(microphone, Ring(1 << 12))
        capture.start()
        capture.stop()
        assert capture.ended


def test_a_recordings_own_time_is_taken(tmp_path: Path) -> None:
    microphone = RecordingMicrophone(recording(tmp_path, 100))
    capture = Capture(microphone, Ring(1 << 12))
    capture.start()
    until(lambda: capture.ended)
    assert capture.t0_ns == microphone.t0_ns
    capture.stop()


class TestSampleClock:
    def test_before_the_first_block_nothing_is_known(self) -> None:
        clock = SampleClock(16000)
        assert (clock.origin_ns, clock.time_ns(5), clock.position_at(5)) == (None, None, None)

    @given(late=st.lists(st.integers(0, 50_000_000), min_size=20, max_size=60), t0=st.integers(1, 10**15))
    def test_late_blocks_do_not_move_it(self, late: list[int], t0: int) -> None:
        """One block in the last ten seconds that came in time is enough."""
        clock = SampleClock(16000)
        late[-1] = 0
        for number, delay_ns in enumerate(late, 1):
            clock.observe(number * 1024, t0 + number * 64_000_000 + delay_ns)
        assert clock.origin_ns is not None
        assert abs(clock.origin_ns - t0) <= 1
        assert clock.time_ns(16000) == clock.origin_ns + SECOND_NS
        assert clock.position_at(clock.origin_ns + SECOND_NS) == 16000

    @pytest.mark.parametrize("ppm", [-200, 200])
    def test_it_follows_a_device_whose_clock_is_off_for_a_day(self, ppm: int) -> None:
        clock, position = SampleClock(16000), 0
        for second in range(1, 86_401):
            position += 16000
            now_ns = round(second * SECOND_NS / (1 + ppm / 1e6))
            clock.observe(position, now_ns)
        made = clock.position_at(now_ns)
        assert made is not None
        assert abs(made - position) <= 200e-6 * 16000 * (SampleClock.WINDOW_S + 1)


def test_realtime_priority_is_granted_or_its_absence_said_in_one_line() -> None:
    answers: list[str | None] = []
    thread = threading.Thread(target=lambda: answers.append(ask_realtime(5)))
    thread.start()
    thread.join()
    assert answers[0] is None or ("real-time" in answers[0] and "\n" not in answers[0])
