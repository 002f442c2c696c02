"""When the capture gain is to be turned: down after speech that was clipped, up after speech that stayed too soft.

A slow loop over whole utterances that were for rtva (understood without doubt, or behind a wake word): noise, a door or
a television's talk do not turn it, and between its bounds for speech it leaves the gain alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from firmware_py.events import Pcm16

CLIPPED = 32_600
MOST_CLIPPED = 0.001
"""Share of the samples at the limits that counts as clipped: a tenth of what is an alert."""
LOUD_DB, QUIET_DB = -1.0, -26.0
"""Peaks of speech above the first are nearly clipped; below the second three utterances in a row are too soft."""
PATIENCE = 3
STEP_DOWN, STEP_UP = 8, 4
"""Percent of the control: down at once and in big steps, up slowly."""
LEAST, MOST = 10, 95


@dataclass
class GainLoop:
    """``hear`` gets the sound of each utterance for rtva and returns the percent to set, None to leave it."""

    percent: int
    _quiet: deque[float] = field(default_factory=lambda: deque(maxlen=PATIENCE))

    def hear(self, sound: Pcm16) -> int | None:
        """Never outside of :data:`LEAST` and :data:`MOST`, unless it was there: then only towards them."""
        if not sound.size:
            return None
        level = np.abs(sound.astype(np.int32))
        peak_db = 20 * np.log10(max(1.0, float(np.percentile(level, 99.9))) / 32768)
        if float(np.mean(level >= CLIPPED)) > MOST_CLIPPED or peak_db > LOUD_DB:
            self._quiet.clear()
            return self._turned(max(LEAST, self.percent - STEP_DOWN), is_up=False)
        self._quiet.append(peak_db)
        if len(self._quiet) == PATIENCE and max(self._quiet) < QUIET_DB:
            self._quiet.clear()
            return self._turned(min(MOST, self.percent + STEP_UP), is_up=True)
        return None

    def _turned(self, percent: int, *, is_up: bool) -> int | None:
        if (percent > self.percent) is not is_up or percent == self.percent:
            return None
        self.percent = percent
        return percent
