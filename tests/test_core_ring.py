"""The ring in one thread: against its oracle, its counters, its refusals."""

from __future__ import annotations

import array
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from oracles.ring import RingOracle

from firmware_py._ring import Lapped, NotWritten, Ring, RingClosed

ORIGINS = [0, 1, 2**15, 2**31 - 700, 2**32 - 700, 2**52 + 3]


class RingAgainstOracle(RuleBasedStateMachine):
    """Any sequence of calls, at positions around every width that an index could be cut to."""

    @initialize(log2=st.integers(1, 12), origin=st.sampled_from(ORIGINS))
    def make(self, log2: int, origin: int) -> None:
        self.ring, self.oracle = Ring(2**log2, origin=origin), RingOracle(2**log2, origin)
        self.views: list[Any] = []
        self.next = 0

    @rule(n=st.one_of(st.integers(0, 40), st.integers(0, 9000)))
    def write(self, n: int) -> None:
        samples = (np.arange(self.next, self.next + n) * 40503 % 65536 - 32768).astype(np.int16)
        self.next += n
        self.ring.write(samples)
        self.oracle.write(samples.tolist())

    @rule(n=st.one_of(st.integers(0, 40), st.integers(0, 9000)))
    def read(self, n: int) -> None:
        assert self.ring.read(n).tolist() == self.oracle.read(n)

    @rule(n=st.integers(0, 500))
    def read_into(self, n: int) -> None:
        out = np.full(n, 77, np.int16)
        count = self.ring.read_into(out)
        assert out[:count].tolist() == self.oracle.read(n) and (out[count:] == 77).all()

    @rule(back=st.integers(-50, 9000), length=st.integers(0, 4097))
    def copy_and_view(self, back: int, length: int) -> None:
        start = max(0, self.oracle.written - back)
        fate = self.oracle.fate(start, start + length)
        if fate == "whole":
            expected = self.oracle.between(start, start + length)
            assert self.ring.copy(start, start + length).tolist() == expected
            view = self.ring.view(start, start + length)
            assert view.array.tolist() == expected
            self.views.append(view)
            return
        for call in (self.ring.copy, self.ring.view):
            with pytest.raises(Lapped if fate == "lapped" else NotWritten):
                call(start, start + length)

    @invariant()
    def counters_agree(self) -> None:
        ring, oracle = self.ring, self.oracle
        assert (ring.written, ring.consumed, ring.overrun) == (oracle.written, oracle.consumed, oracle.overrun)
        assert ring.available() == len(ring) == oracle.available()

    @invariant()
    def views_know_whether_they_are_whole(self) -> None:
        for view in self.views:
            is_whole = self.oracle.fate(view.start, view.stop) == "whole"
            assert view.is_valid() == is_whole
            if is_whole:
                assert view.array.tolist() == self.oracle.between(view.start, view.stop)


TestRingAgainstOracle = RingAgainstOracle.TestCase
TestRingAgainstOracle.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), origin=st.sampled_from(ORIGINS))
def test_hours_of_virtual_time_are_accounted_for(seed: int, origin: int) -> None:
    """Five hours a run, the reader stalling now and then for up to a minute."""
    rng = np.random.default_rng(seed)
    ring, chunk = Ring(2**15, origin=origin), np.zeros(16000, np.int16)
    out, frames_in = np.empty(2**15, np.int16), 0
    for stall in rng.choice([1, 1, 1, 2, 3, 60], size=2000).tolist():
        for _ in range(stall):
            ring.write(chunk)
        frames_in += ring.read_into(out[: int(rng.integers(1, 2**15))])
        assert frames_in + ring.overrun == ring.consumed - origin
    frames_in += ring.read_into(out)
    frames_lost = ring.overrun
    assert ring.available() == 0
    assert frames_in + frames_lost == ring.written - origin > 5 * 3600 * 16000


def test_the_oldest_is_overwritten_and_counted() -> None:
    ring = Ring(1024)
    ring.write(np.arange(1024, dtype=np.int16))
    assert ring.overrun == 0 and ring.available() == 1024
    ring.write(np.array([7], np.int16))
    assert ring.read(1)[0] == 1
    assert (ring.overrun, ring.consumed) == (1, 2)


def test_one_write_may_exceed_the_capacity() -> None:
    ring = Ring(8)
    ring.write(np.arange(30000, dtype=np.int16))
    assert ring.read(100).tolist() == list(range(29992, 30000))
    assert (ring.written, ring.overrun) == (30000, 29992)


def test_a_view_is_the_memory_itself_contiguous_and_read_only() -> None:
    ring = Ring(2**15)
    ring.write(np.zeros(2**15 - 3, np.int16))
    ring.write(np.arange(100, dtype=np.int16))
    view = ring.view(2**15 - 3, 2**15 + 97)
    window = view.array
    assert window.tolist() == list(range(100)) and window.flags.c_contiguous and not window.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        window[0] = 1
    assert len(view) == 100 and view.is_valid()


def test_a_view_outlives_every_other_reference_to_the_ring() -> None:
    ring = Ring(4096)
    ring.write(np.arange(4096, dtype=np.int16))
    window = ring.view(0, 4096).array
    del ring
    assert window.sum(dtype=np.int64) == 4095 * 4096 // 2


def test_a_view_is_invalid_once_its_first_sample_goes() -> None:
    ring = Ring(16)
    ring.write(np.arange(16, dtype=np.int16))
    oldest, newest = ring.view(0, 1), ring.view(1, 16)
    ring.write(np.zeros(1, np.int16))
    assert not oldest.is_valid() and newest.is_valid()


@pytest.mark.parametrize("capacity", [0, 1, 3, 1000, -1, -1024, 2**32, 2**40])
def test_odd_capacities_are_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        Ring(capacity)


@pytest.mark.parametrize(
    "samples",
    [
        b"1234",
        np.zeros(4, np.int32),
        np.zeros(4, np.uint16),
        np.zeros(4, np.float32),
        np.zeros((2, 2), np.int16),
        np.zeros(4, ">i2"),
        np.int16(3),
    ],
)
def test_anything_but_flat_int16_is_refused(samples: Any) -> None:
    ring = Ring(64)
    with pytest.raises((TypeError, ValueError), match="int16"):
        ring.write(samples)
    assert ring.written == 0


def test_strided_samples_are_refused_and_other_int16_buffers_taken() -> None:
    ring = Ring(64)
    with pytest.raises((BufferError, ValueError)):
        ring.write(np.zeros(8, np.int16)[::2])
    ring.write(array.array("h", [1, 2]))
    ring.write(memoryview(np.array([3], np.int16)))
    assert ring.read(9).tolist() == [1, 2, 3]
    with pytest.raises((BufferError, ValueError)):
        ring.read_into(np.frombuffer(bytes(4), np.int16))


def test_a_span_must_run_forwards() -> None:
    with pytest.raises(ValueError, match="ends before"):
        Ring(64).copy(5, 4)


def test_a_closed_ring_refuses_writes_and_gives_up_the_rest() -> None:
    ring = Ring(64)
    ring.write(np.arange(5, dtype=np.int16))
    ring.close()
    ring.close()
    assert ring.closed
    with pytest.raises(RingClosed):
        ring.write(np.zeros(1, np.int16))
    assert ring.read(9).tolist() == [0, 1, 2, 3, 4]


def test_a_nudge_ends_one_wait_now_or_the_next_one() -> None:
    ring = Ring(1024)
    ring.nudge()
    began = time.monotonic()
    assert not ring.wait(1, 30.0), "a nudge before the wait"
    thread = threading.Timer(0.05, ring.nudge)
    thread.start()
    assert not ring.wait(1, 30.0), "a nudge meanwhile"
    assert time.monotonic() - began < 20
    thread.join()
    assert not ring.wait(1, 0.01) and time.monotonic() - began >= 0.06, "each nudge counts once"
    ring.nudge()
    ring.write(np.zeros(1, np.int16))
    assert ring.wait(1, 30.0)


HELD = """
from pathlib import Path
from firmware_py._ring import Ring


def held():
    return Path("/proc/self/maps").read_text().count("rtva_ring"), len(list(Path("/proc/self/fd").iterdir()))


mappings, descriptors = held()
rings = [Ring(4096) for _ in range(10)]
assert held() == (mappings + 20, descriptors), held()
del rings
assert held() == (mappings, descriptors), held()
"""


def test_memory_is_given_back() -> None:
    """In a process of its own: here the rings of other tests may go meanwhile."""
    subprocess.run([sys.executable, "-c", HELD], check=True)


def test_locking_memory_says_whether_it_was_permitted() -> None:
    assert Ring(4096).lock_memory() in (True, False)
