"""How loud a household's orders usually are: what stays well below was said across the room, a television perhaps."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from firmware_py.events import FRAME_SAMPLES, Pcm16

PEOPLE_DB = -19.0
"""The middle of 147 people's recordings; the softest -32. Stands for a household that is not known yet."""
ORDER_BELOW_DB = 14.0
"""So far below the softest of the last orders nothing is done. Of those 147 the softest is 13 below their middle."""
ASKED_BELOW_DB = 18.0
"""So far below the one who was asked somebody else answers."""
UNKNOWN_BELOW_DB, TALKING_BELOW_DB = 6.0, 12.0
"""So far below it nobody is told that a sentence was not understood, and while somebody talks to rtva. 7 and 1 of
those 147 are as soft; a television of -35 dB RMS has 6.5 below and less in its loudest sentences."""
TALKING_NS = 30_000_000_000
"""So long behind an order somebody talks to rtva; and who says the same again so soon means it, however softly."""
LEAST_ORDERS, KEPT = 3, 9
"""Orders from which a household is known, and how many of the last ones tell."""
LOUDEST_FRAMES = 20
"""An utterance is as loud as its loudest 200 ms."""
SILENCE_DB = -120.0


@dataclass
class Near:
    """Levels (dB below full scale) of the orders that were done; the turn thread's alone, others read ``usual_db``."""

    _levels: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    _order_ns: int = -TALKING_NS
    _far: deque[tuple[frozenset[str], int]] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def usual_db(self) -> float | None:
        """The median of the last orders; None until there were ``LEAST_ORDERS``."""
        levels = list(self._levels)
        return statistics.median(levels) if len(levels) >= LEAST_ORDERS else None

    @property
    def least_db(self) -> float | None:
        """Below it no order is done; None while the household is not known."""
        levels = list(self._levels)
        return min(levels) - ORDER_BELOW_DB if len(levels) >= LEAST_ORDERS else None

    def is_far(self, loud_db: float, said: frozenset[str], now_ns: int, *, is_unknown: bool) -> bool:
        """Whether nobody near said ``said``, which is what it may be known by when it is said again: its words, what
        it does. Changes nothing."""
        if is_unknown:
            usual_db = PEOPLE_DB if self.usual_db is None else self.usual_db
            is_talking = now_ns - self._order_ns < TALKING_NS
            least_db: float | None = usual_db - (TALKING_BELOW_DB if is_talking else UNKNOWN_BELOW_DB)
        else:
            least_db = self.least_db
        return least_db is not None and loud_db < least_db and not self.is_said_again(said, now_ns)

    def heard_far(self, said: frozenset[str], now_ns: int) -> None:
        """A turn is over that was far."""
        self._far.append((said, now_ns))

    def done(self, loud_db: float, now_ns: int) -> None:
        """An order was done that was near, or was said twice."""
        self._levels.append(loud_db)
        self._order_ns = now_ns

    def is_said_again(self, said: frozenset[str], now_ns: int) -> bool:
        """Whether ``said`` was far a moment ago; others, a television, may have spoken in between."""
        return any(said & far and now_ns - far_ns < TALKING_NS for far, far_ns in self._far)


def level_db(audio: Pcm16) -> float:
    """The level that the loudest 200 ms of an utterance reach, frame by frame, in dB below full scale."""
    frames = audio[: audio.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float32)
    if not len(frames):
        return SILENCE_DB
    energy = np.sort(np.var(frames, axis=1))[-LOUDEST_FRAMES:]
    return max(SILENCE_DB, float(10 * np.log10(energy[0] / 32768.0**2 + 1e-12)))
