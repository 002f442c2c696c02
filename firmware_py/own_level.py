"""How loud the utterance's own speech is, and whether a frame of voice can be part of it: a television across the room
does not keep a turn open. Part of the listen thread.
"""

from __future__ import annotations

import heapq

OWN_FRAMES = 20
"""An utterance is as loud as its loudest 200 ms: a knock is shorter."""
BELOW_DB = 12.0
"""A syllable of the same voice stands no further below those."""
KEPT_FRAMES = 20
"""So long weak voice is a word's end."""
COUNTED = 3
"""Behind that one frame of this many says nothing, the others are silence: who trails off has half as long again."""


class OwnLevel:
    """Corrects the detector's verdict within an utterance; 1 is speech, 0 not, -1 unknown."""

    def __init__(self) -> None:
        self._loudest: list[float] = []
        self._weak = 0

    def judge(self, verdict: int, level_db: float, *, is_open: bool, in_speech: bool) -> int:
        """The verdict on a frame of ``level_db`` (dB below full scale). ``is_open``: an utterance, or what may become
        one, began before it; ``in_speech``: it is one."""
        if not is_open:
            self._loudest.clear()
            self._weak = 0
        if verdict <= 0:
            return verdict
        is_weak = in_speech and len(self._loudest) == OWN_FRAMES and level_db < self._loudest[0] - BELOW_DB
        self._add(level_db)
        self._weak = self._weak + 1 if is_weak else 0
        if self._weak <= KEPT_FRAMES:
            return verdict
        return 0 if self._weak % COUNTED else -1

    def _add(self, level_db: float) -> None:
        if len(self._loudest) < OWN_FRAMES:
            heapq.heappush(self._loudest, level_db)
        elif level_db > self._loudest[0]:
            heapq.heapreplace(self._loudest, level_db)
