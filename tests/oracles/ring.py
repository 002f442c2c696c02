"""The ring as a list that never forgets."""

from __future__ import annotations


class RingOracle:
    """Keeps every sample ever written and applies the contract of ``ext/rtva_ring.h`` to them."""

    def __init__(self, capacity: int, origin: int = 0) -> None:
        self.capacity = capacity
        self.origin = origin
        self.samples: list[int] = []
        self.consumed = origin
        self.overrun = 0

    @property
    def written(self) -> int:
        return self.origin + len(self.samples)

    @property
    def oldest(self) -> int:
        return max(self.origin, self.written - self.capacity)

    def write(self, samples: list[int]) -> None:
        self.samples += samples

    def available(self) -> int:
        return min(self.written - self.consumed, self.capacity)

    def read(self, n: int) -> list[int]:
        if n == 0 or self.consumed == self.written:
            return []
        lost = max(0, self.oldest - self.consumed)
        self.overrun += lost
        first = self.consumed + lost
        self.consumed = min(self.written, first + n)
        return self.between(first, self.consumed)

    def between(self, start: int, stop: int) -> list[int]:
        return self.samples[start - self.origin : stop - self.origin]

    def fate(self, start: int, stop: int) -> str:
        """What a copy or a view of ``start .. stop`` must say: ``whole``, ``lapped`` or ``not written``."""
        if stop - start > self.capacity:
            return "lapped"
        if stop > self.written:
            return "not written"
        return "lapped" if start < self.oldest else "whole"
