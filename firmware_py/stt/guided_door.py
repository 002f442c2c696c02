"""The open door: whether the best sentence of the templates is what was said, or only the nearest to it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from firmware_py.stt.guided import Found
from firmware_py.stt.native import Decoded

OPERATING_POINT = 0.5
THIN = 0.15


@dataclass(frozen=True)
class Verdict:
    """``score`` is the believed probability that the sentence was said; ``margin`` in nats to the next sentence."""

    score: float
    margin: float
    confidence: float
    is_final: bool

    def is_clear(self, point: float) -> bool:
        return self.is_final and not self.is_thin(point)

    def is_thin(self, point: float) -> bool:
        return abs(self.score - point) < THIN


def judge(found: Found, heard: Decoded | None, seconds: float) -> Verdict:
    """Compares a search with the open decoding of the same encode; without one, with the likeliest tokens passed."""
    if not found.sentences:
        return Verdict(0.0, 0.0, 0.0, True)
    first = found.sentences[0]
    total, count = sum(first.logps), len(first.logps)
    other = heard.total if heard else sum(first.best)
    loss = (total - other) / count
    score = 1.0 / (1.0 + math.exp(-(6.0 + 6.0 * loss + 0.8 * total / count)))
    return Verdict(score, found.margin, math.exp(total / count), heard is not None or score > 0.9)
