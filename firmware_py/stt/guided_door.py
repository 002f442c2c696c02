"""The open door: whether the best sentence of the templates is what was said, or only the nearest to it.

A logistic regression on how well the sentence fits, where it fits worst, and how much better the open text of the
same encode fits. Its weights and the figures at other points: ``docs/decisions/0010-guided-recognition.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firmware_py.stt.guided import Found
    from firmware_py.stt.native import Decoded

OPERATING_POINT = 0.5

WEIGHTS = (1.8014, 0.1859, 0.0144, 0.5336, 1.2319, 0.7443, 0.2431, 0.3132)
BIAS = 6.0947
"""Fitted to 432 orders (clean and 12, 9, 6 dB) and 633 pieces of other speech and noise, classes weighted alike."""

AMBIGUOUS_MARGIN, AMBIGUOUS_COST = 0.75, 2.5
"""Two sentences this near to each other mean that neither was said: so it is with 2 of 11 accepted wrong values,
and with 0.00 (clean) to 0.015 (6 dB) of the orders. Both in nats."""

THIN_BELOW, THIN_ABOVE = 3.0, 1.5
"""Nats below and above the operating point that are asked again at the full context. Of 16 such orders (clean, 12 and
6 dB) 2 of 7 that were refused were then believed, and none was lost."""


@dataclass(frozen=True)
class Verdict:
    """``score`` (0..1) that the sentence was said; ``margin`` in nats to the next sentence.

    ``confidence`` is the geometric mean of its tokens' probabilities.
    """

    score: float
    margin: float = 0.0
    confidence: float = 0.0

    def is_thin(self, point: float) -> bool:
        """Whether another look could turn the decision at ``point``."""
        return 0.0 < self.score < 1.0 and -THIN_BELOW < _logit(self.score) - _logit(point) < THIN_ABOVE


def judge(found: Found, heard: Decoded) -> Verdict:
    """Judges the first sentence of a search; ``heard`` is the open decoding of the same encode."""
    if not found.sentences:
        return Verdict(0.0)
    first = found.sentences[0]
    count, total = len(first.logps), sum(first.logps)
    losses = sorted(a - b for a, b in zip(first.logps, first.best, strict=True))
    open_mean = heard.total / (len(heard.tokens) + 1)
    features = (
        total / count,
        losses[0],
        sum(losses[:2]),
        first.logps[-1] - first.best[-1],
        min(1.0, max(-2.0, (total - heard.total) / count)),
        open_mean,
        losses[0] * math.exp(open_mean),
        min(5.0, max(-15.0, total - heard.total)) / 5,
    )
    evidence = BIAS + sum(w * f for w, f in zip(WEIGHTS, features, strict=True))
    evidence -= AMBIGUOUS_COST * (found.margin < AMBIGUOUS_MARGIN)
    score = 1.0 / (1.0 + math.exp(-evidence))
    return Verdict(score, found.margin, math.exp(total / count))


def _logit(probability: float) -> float:
    clipped = min(1 - 1e-9, max(1e-9, probability))
    return math.log(clipped / (1 - clipped))
