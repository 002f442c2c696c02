"""The rate a device really has: some say one and deliver another, and a clock may be switched under them."""

from __future__ import annotations

from collections import deque

from firmware_py.audio.clock import SECOND_NS

RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000, 176400, 192000)
WINDOW_S = 1.0
WINDOWS = 3
"""So many seconds in a row must agree: a machine that was busy delivers in gulps."""
IS_SAME = 0.015
"""Off by less than this it is the same rate, and by less than this it is another of :data:`RATES_HZ`."""


class RateWatch:
    """``observe`` is told of every block; it returns the other standard rate that the last seconds had, or None.

    A device off by some hundred ppm, one that drops samples now and then, and one without a clock are left alone.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._since_ns: int | None = None
        self._frames = 0
        self._found: list[int | None] = []
        self._good: tuple[int, int] | None = None
        self._blocks: deque[tuple[int, int]] = deque()
        self._window: list[tuple[int, int]] = []

    def begin(self, position: int, at_ns: int) -> None:
        """A stream starts: the device's frame ``position`` (lost ones included) is made at ``at_ns``."""
        self.forget()
        self._good = self._good or (position, at_ns)

    def passed(self, rate_hz: int) -> tuple[int, float] | None:
        """Behind a find: from the last frame known to have come at the rate that was said to the newest one, how many
        frames were counted, and the seconds that they took if the last ones came at ``rate_hz``. A block can be late,
        never early: the earliest of all tells the time."""
        if self._good is None or not self._blocks:
            return None
        origin_ns = min(at_ns - end * SECOND_NS // rate_hz for end, at_ns in self._blocks)
        end = self._blocks[-1][0]
        return end - self._good[0], (origin_ns + end * SECOND_NS // rate_hz - self._good[1]) / SECOND_NS

    def observe(self, frames: int, now_ns: int, end: int = 0) -> int | None:
        """``frames`` of the device arrived at ``now_ns``, the last of them its frame ``end`` (lost ones included)."""
        if self._since_ns is None:
            self._since_ns = now_ns
            return None
        self._window.append((end, now_ns))
        self._blocks.append((end, now_ns))
        while now_ns - self._blocks[0][1] > (WINDOWS - 1) * WINDOW_S * SECOND_NS:
            self._blocks.popleft()
        self._frames += frames
        passed_s = (now_ns - self._since_ns) / SECOND_NS
        if passed_s < WINDOW_S:
            return None
        measured_hz = self._frames / passed_s
        if abs(measured_hz / self._rate_hz - 1) < IS_SAME:
            origin_ns = min(at_ns - end * SECOND_NS // self._rate_hz for end, at_ns in self._window)
            self._good = end, origin_ns + end * SECOND_NS // self._rate_hz
        self._found = [*self._found, self._standard(measured_hz)][-WINDOWS:]
        self._since_ns, self._frames, self._window = now_ns, 0, []
        rate = self._found[0]
        return rate if len(self._found) == WINDOWS and len(set(self._found)) == 1 else None

    def forget(self) -> None:
        """The stream was interrupted: what follows is measured anew."""
        self._since_ns, self._frames, self._found, self._window = None, 0, [], []
        self._blocks.clear()

    def _standard(self, measured_hz: float) -> int | None:
        near = min(RATES_HZ, key=lambda rate: abs(measured_hz / rate - 1))
        is_other = abs(measured_hz / self._rate_hz - 1) > 2 * IS_SAME
        return near if is_other and abs(measured_hz / near - 1) < IS_SAME else None
