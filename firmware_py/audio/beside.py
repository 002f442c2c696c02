"""What is heard beside an answer: short sounds, mixed in at once, for which no answer ever waits."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

from firmware_py.events import Pcm16

MOST_CHIMES = 4
"""That sound at one time; one more is dropped and counted."""


class Beside:
    """Filled by anyone, emptied by the play thread. ``dropped`` counts sounds that were never begun."""

    def __init__(self) -> None:
        self.dropped = 0
        self._chimes: deque[Pcm16] = deque()
        self._lock = threading.Lock()

    @property
    def has_sound(self) -> bool:
        return bool(self._chimes)

    def chime(self, sound: Pcm16) -> None:
        """Mixes ``sound`` (at the speaker's rate) in from the next period on."""
        with self._lock:
            if len(self._chimes) >= MOST_CHIMES:
                self.dropped += 1
            elif sound.size:
                self._chimes.append(sound)

    def clear(self) -> None:
        with self._lock:
            self._chimes.clear()

    def mix(self, piece: Pcm16) -> Pcm16:
        """``piece`` with what sounds beside it, cut off at full scale."""
        with self._lock:
            if not self._chimes:
                return piece
            sum_ = piece.astype(np.int32)
            for _ in range(len(self._chimes)):
                chime = self._chimes.popleft()
                part = chime[: piece.size]
                sum_[: part.size] += part
                if chime.size > piece.size:
                    self._chimes.append(chime[piece.size :])
        mixed: Pcm16 = np.clip(sum_, -32768, 32767).astype(np.int16)
        return mixed
