"""A voice in three parts: the first frames are heard while the rest is decoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.tts.schedule import FIRST_FRAMES, Pace
from firmware_py.tts.sessions import Floats, Net


@dataclass(frozen=True)
class Context:
    """Frames on each side that a window needs to give what the whole gives (measured when the voice was cut)."""

    flow: int
    decoder: int


@dataclass(frozen=True)
class Parts:
    """The three graphs of :mod:`firmware_py.tts.cut`, loaded; ``note`` is for the user, if how they came needs one."""

    front: Net
    flow: Net
    decoder: Net
    context: Context
    note: str | None = None


class Latent:
    """One piece of speech before its decoder: ``frames`` of it, decoded window by window.

    ``samples(begin, end)`` is equal to that part of a decode of everything at once, up to float rounding.
    Windows must not go back: what the flow gave is kept once.
    """

    def __init__(self, parts: Parts, latent: Floats) -> None:
        self._parts = parts
        self._latent = latent
        self._acoustic = np.zeros((1, latent.shape[1], 0), np.float32)
        self.frames = int(latent.shape[2])

    def samples(self, begin: int, end: int) -> Floats:
        """The sound of frames ``begin`` to ``end``, float32 in about -1..1, shape ``(n,)``."""
        context = self._parts.context.decoder
        low, high = max(0, begin - context), min(self.frames, end + context)
        self._advance(high)
        (sound,) = self._parts.decoder(np.ascontiguousarray(self._acoustic[:, :, low:high]))
        hop = sound.size // (high - low)
        return sound.reshape(-1)[(begin - low) * hop : (end - low) * hop]

    def _advance(self, end: int) -> None:
        begin = self._acoustic.shape[2]
        if end <= begin:
            return
        context = self._parts.context.flow
        low, high = max(0, begin - context), min(self.frames, end + context)
        window = np.ascontiguousarray(self._latent[:, :, low:high])
        (acoustic,) = self._parts.flow(*self._in_order(window))
        self._acoustic = np.concatenate([self._acoustic, acoustic[:, :, begin - low : end - low]], axis=2)

    def _in_order(self, window: Floats) -> list[Floats]:
        mask = np.ones((1, 1, window.shape[2]), np.float32)
        return [window if name == self._parts.front.outputs[0] else mask for name in self._parts.flow.inputs]


class SplitVoice:
    """Phoneme ids to sound in growing chunks. ``now_ns`` is the clock of the playing side."""

    def __init__(self, parts: Parts, frame_ms: float, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._parts = parts
        self._frame_ms = frame_ms
        self._now_ns = now_ns
        self._pace = Pace(0.0, 0.0, frame_ms)

    def calibrate(self, *feed: NDArray[Any]) -> None:
        """Measure what decoding costs here, which also warms the shapes of the first chunks."""
        latent = self._parts.front(*feed)[0]
        latent = np.tile(latent, (1, 1, 1 + 8 * FIRST_FRAMES // latent.shape[2]))
        sizes = (FIRST_FRAMES, 3 * FIRST_FRAMES)
        best = [min(self._time_ms(latent, size) for _ in range(3)) for size in sizes]
        self._pace = Pace.measured((sizes[0], best[0]), (sizes[1], best[1]), self._frame_ms)

    def sound(self, *feed: NDArray[Any]) -> Iterator[Floats]:
        """The piece's sound, float32 chunks; ``feed`` is ids, lengths and scales as the graph takes them."""
        latent = Latent(self._parts, self._parts.front(*feed)[0])
        size = self._pace.first(latent.frames)
        chunk = latent.samples(0, size)
        begin, started_ns = size, self._now_ns()
        while chunk.size:
            yield chunk
            elapsed_ms = (self._now_ns() - started_ns) / 1e6
            size = self._pace.following(size, begin * self._frame_ms - elapsed_ms, latent.frames - begin)
            chunk = latent.samples(begin, begin + size) if size else chunk[:0]
            begin += size

    def _time_ms(self, latent: Floats, frames: int) -> float:
        piece, begin = Latent(self._parts, latent), 2 * FIRST_FRAMES
        piece.samples(0, begin)
        started_ns = self._now_ns()
        piece.samples(begin, begin + frames)
        return (self._now_ns() - started_ns) / 1e6
