"""A worker that is killed, stopped or crashes in mid-turn costs that turn a retry and not one sample of capture."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from workers_lab import PATIENT, QUICK, stt, tts

from firmware_py._ring import Ring
from firmware_py.audio.capture import Capture
from firmware_py.events import RATE_HZ, Pcm16

PERIOD = 1024
DEVICE_SAMPLES = RATE_HZ
"""What a sound card holds before it drops: a second, so that only a service that stands still loses anything."""


class RampMicrophone:
    """A sound card by the wall clock: sample n is ``n % 30000``; what is not read in time is dropped and counted."""

    def __init__(self) -> None:
        self.lost = 0
        self._began: float | None = None
        self._position = 0
        self._closed = threading.Event()

    def read(self) -> Pcm16 | None:
        self._began = self._began or time.monotonic()
        while not self._closed.is_set():
            there = int((time.monotonic() - self._began) * RATE_HZ)
            if there - self._position > DEVICE_SAMPLES:
                self.lost += there - DEVICE_SAMPLES - self._position
                self._position = there - DEVICE_SAMPLES
            if there - self._position >= PERIOD:
                self._position += PERIOD
                return ramp(self._position - PERIOD, self._position)
            self._closed.wait((PERIOD - (there - self._position)) / RATE_HZ)
        return None

    def close(self) -> None:
        self._closed.set()


def ramp(start: int, stop: int) -> Pcm16:
    return (np.arange(start, stop) % 30_000).astype(np.int16)


@pytest.mark.parametrize("fault", ["sigkill", "sigstop", "segfault"])
def test_a_worker_that_fails_in_mid_turn_costs_no_sample(fault: str, tmp_path: Path) -> None:
    rules = QUICK if fault == "sigstop" else PATIENT
    ring = Ring(1 << 19)
    capture = Capture(RampMicrophone(), ring)
    speech = np.ones(RATE_HZ // 10, np.int16)
    with (
        stt(rules, fault=fault, once=tmp_path / "heard") as heard,
        tts(rules, chunks=8, samples=20_000, fault=fault, once=tmp_path / "said") as said,
    ):
        capture.start()
        for _ in range(3):
            assert heard.transcribe(speech).text == "int16 1600 1600.000"
            assert sum(chunk.size for chunk in said.synthesize("It is ten past nine.")) == 160_000
        while ring.written < RATE_HZ:
            time.sleep(0.01)
        capture.stop()
        assert heard.supervisor.counts["retries"] == said.supervisor.counts["retries"] == 1
    assert capture.error is None and capture.lost == 0 and ring.overrun == 0
    assert capture.frames_in == ring.written
    assert np.array_equal(ring.copy(0, ring.written), ramp(0, ring.written))
