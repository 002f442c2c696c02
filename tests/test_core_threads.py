"""Writer and reader as Python threads: waiting, waking, ending, and nothing lost unseen."""

from __future__ import annotations

import resource
import signal
import threading
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_py._ring import Lapped, NotWritten, Ring

LONG_S = 60.0
"""A deadline that only a lost wake-up reaches."""


def samples_at(start: int, stop: int) -> NDArray[np.int16]:
    """A hash of the position, so that a reader knows what every position must hold."""
    return (np.arange(start, stop, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)).astype(np.int16)


class Writer(threading.Thread):
    """Writes blocks of random length up to ``last`` and closes; waits for the reader unless it is to be lapped."""

    def __init__(self, ring: Ring, last: int, is_paced: bool) -> None:
        super().__init__(daemon=True)
        self.ring, self.last, self.is_paced = ring, last, is_paced

    def run(self) -> None:
        rng, position = np.random.default_rng(1), 0
        while position < self.last:
            stop = min(self.last, position + int(rng.integers(1, 700)))
            while self.is_paced and stop - self.ring.consumed > self.ring.capacity:
                time.sleep(0)
            self.ring.write(samples_at(position, stop))
            position = stop
        self.ring.close()


@pytest.mark.parametrize("is_paced", [True, False])
def test_two_threads_agree_on_every_sample(is_paced: bool) -> None:
    ring, last, frames_in = Ring(4096), 3_000_000, 0
    writer = Writer(ring, last, is_paced)
    writer.start()
    frame = np.empty(160, np.int16)
    while ring.wait(160, LONG_S) or ring.available():
        count = ring.read_into(frame)
        assert (frame[:count] == samples_at(ring.consumed - count, ring.consumed)).all()
        frames_in += count
    writer.join()
    frames_lost = ring.overrun
    assert frames_in + frames_lost == ring.written == last
    assert frames_lost == 0 if is_paced else frames_in < last


def test_history_is_right_or_refused_while_the_writer_runs() -> None:
    ring, refused, right = Ring(8192), 0, 0
    writer = Writer(ring, 8_000_000, is_paced=False)
    writer.start()
    rng = np.random.default_rng(2)
    while not ring.closed:
        start = max(0, ring.written - int(rng.integers(1, 8400)))
        stop = start + int(rng.integers(1, 2000))
        try:
            view = ring.view(start, stop)
            seen, copied = view.array.copy(), ring.copy(start, stop)
        except (Lapped, NotWritten):
            refused += 1
            continue
        if view.is_valid():
            assert (seen == samples_at(start, stop)).all()
        assert (copied == samples_at(start, stop)).all()
        right += 1
    writer.join()
    assert refused and right


def test_a_write_wakes_the_reader() -> None:
    ring = Ring(1024)
    timer = threading.Timer(0.05, ring.write, [np.zeros(160, np.int16)])
    timer.start()
    assert ring.wait(160, LONG_S)
    timer.join()


def test_closing_wakes_the_reader() -> None:
    ring = Ring(1024)
    ring.write(np.zeros(100, np.int16))
    timer = threading.Timer(0.05, ring.close)
    timer.start()
    assert not ring.wait(160, LONG_S)
    assert ring.wait(100, LONG_S)
    timer.join()


@pytest.mark.parametrize("timeout_s", [-1.0, 0.0, 0.01])
def test_a_wait_ends_at_its_deadline(timeout_s: float) -> None:
    assert not Ring(1024).wait(1, timeout_s)


def test_an_endless_wait_is_allowed() -> None:
    ring = Ring(1024)
    timer = threading.Timer(0.02, ring.close)
    timer.start()
    assert not ring.wait(1, float("inf"))
    timer.join()


def test_what_is_there_needs_no_wait() -> None:
    ring = Ring(16)
    assert ring.wait(0, 0.0)
    ring.write(np.zeros(100, np.int16))
    assert ring.wait(16, 0.0)


@pytest.mark.parametrize("samples", [-1, 17])
def test_a_wait_that_cannot_end_is_refused(samples: int) -> None:
    with pytest.raises(ValueError, match="cannot wait"):
        Ring(16).wait(samples, 0.0)


def test_waiting_does_not_poll() -> None:
    """The kernel counts how often a thread went to sleep of its own accord: once, not once a tick."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    Ring(1024).wait(1, 0.3)
    assert resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before <= 5


def test_waiting_leaves_the_interpreter_to_others() -> None:
    ring, counted = Ring(1024), threading.Event()
    threading.Thread(target=lambda: (counted.set(), ring.close())).start()
    ring.wait(1, LONG_S)
    assert counted.is_set()


def test_a_signal_ends_a_wait() -> None:
    class Stop(Exception):
        pass

    def stop(*_: object) -> None:
        raise Stop

    previous = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Stop):
            Ring(1024).wait(1, LONG_S)
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_a_harmless_signal_does_not_end_a_wait() -> None:
    ring, seen = Ring(1024), []
    previous = signal.signal(signal.SIGALRM, lambda *_: seen.append(1))
    timer = threading.Timer(0.15, ring.write, [np.zeros(1, np.int16)])
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
        timer.start()
        assert ring.wait(1, LONG_S) and seen
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        timer.join()
