"""The front end over its whole history: no state but lists."""

from __future__ import annotations

import math

FRAME = 160
BLOCK = 20
FULL_SCALE = 32768.0**2


class FrontOracle:
    """What ``ext/rtva_front.h`` promises, recomputed from everything heard so far."""

    def __init__(
        self,
        on_db: float = 5.0,
        range_db: float = 30.0,
        stay_db: float = 3.0,
        floor_db_least: float = -80.0,
        warmup_ms: int = 300,
    ) -> None:
        self.on, self.range, self.stay = 10 ** (on_db / 10), 10 ** (-range_db / 10), 10 ** (-0.1 * stay_db)
        self.least = FULL_SCALE * 10 ** (floor_db_least / 10)
        self.warmup_frames = math.ceil(warmup_ms / 10)
        self.dc_fraction = 0  # offset times 2**16
        self.energies: list[float] = []
        self.smoothed: list[float] = []  # of the frames that are not digital silence
        self.peak = 0.0
        self.is_active = -1
        self.clipped = 0

    def process(self, frame: list[int]) -> list[int]:
        self.clipped = sum(x in (-32768, 32767) for x in frame)
        out = self._without_offset(frame)
        energy = sum(y * y for y in out) / FRAME if len(set(frame)) > 1 else 0.0
        self.energies.append(energy)
        if energy > 0:
            last = self.smoothed[-1] if self.smoothed else energy
            self.smoothed.append(last + 0.25 * (energy - last))
        self.peak = max(self.peak * 10**-0.006, self.smoothed[-1] if self.smoothed else 0.0)
        self.is_active = self._judge()
        return out

    @property
    def floor(self) -> float:
        """The least smoothed energy in the block in progress and the 20 before it."""
        if not self.smoothed:
            return 0.0
        block = (len(self.smoothed) - 1) // BLOCK
        return max(self.least, min(self.smoothed[max(0, block - 20) * BLOCK :]))

    def _without_offset(self, frame: list[int]) -> list[int]:
        if not self.energies:
            self.dc_fraction = math.trunc(sum(frame) * 65536 / FRAME)
        out = []
        for x in frame:
            out.append(max(-32768, min(32767, x - math.floor(self.dc_fraction / 65536 + 0.5))))
            self.dc_fraction += math.floor((x * 65536 - self.dc_fraction) / 256)
        return out

    def _judge(self) -> int:
        if len(self.smoothed) < self.warmup_frames:
            return -1
        if self.energies[-1] == 0:
            return 0
        threshold = max(self.floor * self.on, self.peak * self.range)
        if self.is_active == 1:
            threshold *= self.stay
        if sum(self.energies[-2:]) / len(self.energies[-2:]) >= threshold:
            return 1
        return -1 if self.peak < self.floor * 10**1.5 else 0


def to_db(energy: float) -> float:
    return max(-120.0, 10 * math.log10(energy / FULL_SCALE)) if energy > 0 else -120.0
