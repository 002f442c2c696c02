"""Time at the edge of the walk: a clock that tests can replace, and the time of a sample."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Clock:
    """Monotonic nanoseconds, and a sleep in seconds; both replaced together in tests."""

    now_ns: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[float], object] = time.sleep


MONOTONIC = Clock()


class SampleClock:
    """Which sample stands at which time, from the times at which blocks arrived.

    A block can only be late, never early: so the smallest ``arrival - position / rate`` of the last ``WINDOW_S``
    seconds is the time of sample 0, as seen from now. The window lets it follow a device whose clock is some
    hundred ppm off, for days.
    """

    WINDOW_S = 10

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._best: deque[tuple[int, int]] = deque(maxlen=self.WINDOW_S)

    def observe(self, position: int, arrived_ns: int) -> None:
        """``position`` samples (lost ones included) had been delivered at ``arrived_ns``."""
        origin = arrived_ns - position * SECOND_NS // self.rate_hz
        second = arrived_ns // SECOND_NS
        if self._best and self._best[-1][0] == second:
            self._best[-1] = (second, min(origin, self._best[-1][1]))
        else:
            self._best.append((second, origin))

    @property
    def origin_ns(self) -> int | None:
        """The time of sample 0, None before the first block."""
        return min((origin for _, origin in tuple(self._best)), default=None)

    def time_ns(self, position: int) -> int | None:
        """The time of sample ``position`` (lost ones included)."""
        origin = self.origin_ns
        return None if origin is None else origin + position * SECOND_NS // self.rate_hz

    def position_at(self, now_ns: int) -> int | None:
        """Samples the device has made by ``now_ns``."""
        origin = self.origin_ns
        return None if origin is None else (now_ns - origin) * self.rate_hz // SECOND_NS
