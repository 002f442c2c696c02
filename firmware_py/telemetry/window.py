"""Averages and percentiles over the latest turns."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

QUANTILES = (0.5, 0.95, 0.99)
HORIZON_S = 300.0
MOST = 1000


@dataclass(frozen=True)
class Spread:
    """Milliseconds; ``count`` values. All zero when there were none."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0


def quantile(ordered: list[float], q: float) -> float:
    """Linear between the closest ranks, as ``numpy.percentile`` does; ``ordered`` ascending and not empty, q 0..1."""
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    if not ordered:
        return Spread()
    mean = math.fsum(ordered) / len(ordered)
    return Spread(len(ordered), mean, *(quantile(ordered, q) for q in QUANTILES))


class Window:
    """Values of the last ``horizon_s`` seconds, at most ``most``. ``clock`` is monotonic seconds. Not thread-safe."""

    def __init__(
        self, horizon_s: float = HORIZON_S, most: int = MOST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._horizon_s, self._clock = horizon_s, clock
        self._values: deque[tuple[float, float]] = deque(maxlen=most)

    def add(self, value: float) -> None:
        self._values.append((self._clock(), value))

    def values(self) -> list[float]:
        oldest = self._clock() - self._horizon_s
        while self._values and self._values[0][0] < oldest:
            self._values.popleft()
        return [value for _, value in self._values]

    def spread(self) -> Spread:
        return spread(self.values())

    def per_minute(self) -> float:
        """Values a minute, over the last one."""
        newest = self._clock() - 60.0
        return float(sum(at >= newest for at, _ in self._values))
