"""What is heard beside an answer: short sounds, for which no answer ever waits, and one long sound that steps back.

The long one (a ringing timer) is softer while somebody speaks or is answered, and comes back afterwards.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_py.events import Pcm16

MOST_CHIMES = 4
"""That sound at one time; one more is dropped and counted."""
FADE_S = 0.08
"""From loud to soft, and back."""


@dataclass
class Ducking:
    """How soft what steps back becomes (``gain``), and when: a long sound while an answer is played or it
    ``is_attended()``, an answer while it ``gives_way()``. Both are asked in the play thread, a period at a time."""

    gain: float = 1.0
    is_attended: Callable[[], bool] = lambda: False
    gives_way: Callable[[], bool] = lambda: False


class Beside:
    """Filled by anyone, emptied by the play thread. ``dropped`` counts short sounds that were never begun."""

    def __init__(self, rate_hz: int) -> None:
        self.dropped = 0
        self._chimes: deque[Pcm16] = deque()
        self._long: Iterator[Pcm16] | None = None
        self._rest: Pcm16 = np.zeros(0, np.int16)
        self._on_end: Callable[[], None] = lambda: None
        self._gain = 1.0
        self._step = 1.0 / max(1.0, FADE_S * rate_hz)
        self._lock = threading.Lock()

    @property
    def has_sound(self) -> bool:
        return bool(self._chimes) or self.has_long

    @property
    def has_long(self) -> bool:
        return self._long is not None

    def chime(self, sound: Pcm16) -> None:
        """Mixes ``sound`` (at the speaker's rate) in from the next period on."""
        with self._lock:
            if len(self._chimes) >= MOST_CHIMES:
                self.dropped += 1
            elif sound.size:
                self._chimes.append(sound)

    def begin(self, chunks: Iterator[Pcm16], on_end: Callable[[], None]) -> None:
        """Takes a long sound in place of the one before. ``chunks`` is asked in the play thread and answers at once;
        ``on_end`` is called there when it is over."""
        with self._lock:
            self._long, self._rest, self._on_end = chunks, np.zeros(0, np.int16), on_end

    def clear(self) -> Callable[[], None]:
        """Ends all of it; returns the ``on_end`` of the long sound it cut off, to be called with no lock held."""
        with self._lock:
            on_end = self._on_end if self.has_long else lambda: None
            self._chimes.clear()
            self._long, self._rest = None, np.zeros(0, np.int16)
        return on_end

    def mix(self, piece: Pcm16, gain: float = 1.0) -> Pcm16:
        """``piece`` with what sounds beside it, cut off at full scale; the long sound fades to ``gain``."""
        with self._lock:
            if not self.has_sound:
                self._gain = gain
                return piece
            total = piece.astype(np.float32)
            was_long = self.has_long
            if was_long:
                total += self._take(piece.size) * self._fade(piece.size, gain)
            for _ in range(len(self._chimes)):
                chime = self._chimes.popleft()
                part = chime[: piece.size]
                total[: part.size] += part
                if chime.size > piece.size:
                    self._chimes.append(chime[piece.size :])
            is_over = was_long and not self.has_long
        if is_over:
            self._on_end()
        mixed: Pcm16 = np.clip(np.rint(total), -32768, 32767).astype(np.int16)
        return mixed

    def _take(self, samples: int) -> Pcm16:
        """The next ``samples`` of the long sound, silence behind its end."""
        parts, size = [self._rest], self._rest.size
        while size < samples and self._long is not None:
            chunk = next(self._long, None)
            if chunk is None:
                self._long = None
            else:
                parts.append(chunk)
                size += chunk.size
        whole = np.concatenate(parts)
        self._rest = whole[samples:]
        return np.pad(whole[:samples], (0, max(0, samples - whole.size)))

    def _fade(self, samples: int, gain: float) -> NDArray[np.float32]:
        steps = np.arange(1, samples + 1, dtype=np.float32) * np.float32(self._step)
        way = self._gain + steps if gain > self._gain else self._gain - steps
        path = np.minimum(way, gain) if gain > self._gain else np.maximum(way, gain)
        self._gain = float(path[-1]) if samples else self._gain
        faded: NDArray[np.float32] = path.astype(np.float32)
        return faded
