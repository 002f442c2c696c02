"""The capture thread: microphone -> ring.

Contract of the thread: it copies, counts and returns. It takes no lock, calls no model, writes no log line,
and waits for nothing but the device; a recording at fast pace is the one microphone that waits for room in the ring.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from firmware_py.audio.clock import MONOTONIC, Clock, SampleClock
from firmware_py.audio.realtime import ask_realtime
from firmware_py.errors import DeviceLost, RtvaError
from firmware_py.events import RATE_HZ, Pcm16

JOIN_S = 5.0
GAPS_KEPT = 64


class _Microphone(Protocol):
    lost: int

    def read(self) -> Pcm16 | None: ...
    def close(self) -> None: ...


class _Ring(Protocol):
    @property
    def capacity(self) -> int: ...
    def available(self) -> int: ...
    def write(self, samples: Pcm16) -> None: ...


class Capture:
    """Copies every block of a microphone into the ring until it ends, is lost or ``stop`` is called.

    Lost samples (less those that came too many) are counted and leave no trace in the ring: ``frames_in`` is the ring's
    position, and ``frames_in + lost`` the device's. ``gaps`` holds the last of the places where sound is missing, as
    ``(position in the ring, samples lost up to there)``. ``error`` is what ended the thread, None while all is well.
    ``on_gap(position, samples)`` runs in the thread and must return at once.
    """

    def __init__(
        self,
        microphone: _Microphone,
        ring: _Ring,
        *,
        on_gap: Callable[[int, int], None] | None = None,
        realtime: int | None = None,
        clock: Clock = MONOTONIC,
    ) -> None:
        self.frames_in = 0
        self.last_block_ns = 0
        self.ended = False
        self.error: RtvaError | None = None
        self.realtime_note: str | None = None
        self.gaps: deque[tuple[int, int]] = deque(maxlen=GAPS_KEPT)
        self._microphone, self._ring, self._clock = microphone, ring, clock
        self._on_gap = on_gap
        self._realtime = realtime
        self._samples = SampleClock(RATE_HZ)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._started_ns = clock.now_ns()

    def start(self) -> None:
        self._started_ns = self._clock.now_ns()
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread after the block it is reading, and closes the microphone. May be called twice."""
        self._stopping.set()
        if self._is_recording:
            self._microphone.close()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)
        if not self._thread.is_alive():
            self._microphone.close()

    @property
    def lost(self) -> int:
        """Samples (16 kHz) that the device dropped."""
        return self._microphone.lost

    @property
    def t0_ns(self) -> int:
        """The time of sample 0: a recording's own; of a live microphone, as the newest blocks tell it."""
        own = getattr(self._microphone, "t0_ns", None)
        origin = own if own is not None else self._samples.origin_ns
        return self._started_ns if origin is None else int(origin)

    def time_ns(self, position: int) -> int:
        """The time of the sample at ``position`` of the ring, the gaps before it counted."""
        return self.t0_ns + (position + self.lost_at(position)) * 1_000_000_000 // RATE_HZ

    def lost_at(self, position: int) -> int:
        """Samples that the device dropped before the one at ``position`` of the ring."""
        lost = 0
        for at, total in tuple(self.gaps):
            lost = total if at <= position else lost
        return lost

    def device_position(self, at_ns: int) -> int:
        """Which sample of the device, the lost ones counted, belongs to a time."""
        return (at_ns - self.t0_ns) * RATE_HZ // 1_000_000_000

    def now_ns(self) -> int:
        return self._clock.now_ns()

    @property
    def _is_recording(self) -> bool:
        return hasattr(self._microphone, "is_paced")

    def _run(self) -> None:
        if self._realtime is not None:
            self.realtime_note = ask_realtime(self._realtime)
        waits = not getattr(self._microphone, "is_paced", True)
        try:
            while not self._stopping.is_set():
                block = self._microphone.read()
                if block is None:
                    break
                if waits:
                    self._wait_for_room(block.size)
                self._take(block)
        except RtvaError as error:
            self.error = error
        except Exception as error:
            self.error = DeviceLost(f"the microphone failed: {error}")
        finally:
            self.ended = True

    def _take(self, block: Pcm16) -> None:
        self.last_block_ns = self._clock.now_ns()
        known = self.gaps[-1][1] if self.gaps else 0
        lost = self._microphone.lost - getattr(self._microphone, "surplus", 0)
        if lost < known:
            self._samples = SampleClock(RATE_HZ)  # it was ahead of time, by samples that were none
        if lost != known:
            self.gaps.append((self.frames_in, lost))
            if self._on_gap is not None:
                self._on_gap(self.frames_in, lost - known)
        self._ring.write(block)
        self.frames_in += block.size
        self._samples.observe(self.frames_in + lost, self.last_block_ns)

    def _wait_for_room(self, samples: int) -> None:
        while self._ring.available() + samples > self._ring.capacity // 2 and not self._stopping.is_set():
            self._clock.sleep(0.001)
