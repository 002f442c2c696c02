"""A voice in four parts: the first frames are heard while the rest is decoded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_py.tts.schedule import FIRST_FRAMES, Pace
from firmware_py.tts.sessions import Floats, Net

CALIBRATIONS = 2
"""Times that each of two windows is decoded to know the pace; the better time counts."""
HOPELESS = 5.0
"""A machine whose first window takes so many times its playing time is not measured further: it says nothing before
the whole is there."""


@dataclass(frozen=True)
class Context:
    """Frames on each side that a window needs to give what the whole gives (measured when the voice was cut)."""

    flow: int
    coarse: int
    fine: int


@dataclass(frozen=True)
class Parts:
    """The graphs of :mod:`firmware_py.tts.cut`, loaded; ``note`` is for the user, if how they came needs one."""

    front: Net
    flow: Net
    coarse: Net
    fine: Net
    context: Context
    note: str | None = None


class Source(Protocol):
    """Arrays ``(1, channels, frames * steps)``."""

    steps: int

    def upto(self, end: int) -> Floats: ...


class Given:
    """A source that is there whole."""

    steps = 1

    def __init__(self, array: Floats) -> None:
        self._array = array

    def upto(self, end: int) -> Floats:
        return self._array


class Stage:
    """What one part gives of its source, window by window; kept as far as it was asked for."""

    def __init__(self, run: Callable[[Floats], Floats], source: Source, frames: int, context: int) -> None:
        self._run, self._source, self._frames, self._context = run, source, frames, context
        self._made: Floats | None = None
        self._end = 0
        self.steps = 0

    def upto(self, end: int) -> Floats:
        """Everything from the first frame to ``end`` at least."""
        if self._made is None or end > self._end:
            new = self.window(self._end, end)
            self._made = new if self._made is None else np.concatenate([self._made, new], axis=2)
            self._end = end
        return self._made

    def window(self, begin: int, end: int) -> Floats:
        """Frames ``begin`` to ``end``, not kept."""
        low, high = max(0, begin - self._context), min(self._frames, end + self._context)
        source, steps = self._source.upto(high), self._source.steps
        found = self._run(np.ascontiguousarray(source[:, :, low * steps : high * steps]))
        self.steps = found.shape[2] // (high - low)
        return found[:, :, (begin - low) * self.steps : (end - low) * self.steps]


class Latent:
    """One piece of speech before its decoder: ``frames`` of it, decoded window by window.

    ``samples(begin, end)`` is equal to that part of a decode of everything at once, up to float rounding.
    Windows must not go back: what flow and coarse decoder gave is kept once.
    """

    def __init__(self, parts: Parts, latent: Floats) -> None:
        self._parts = parts
        self.frames = int(latent.shape[2])
        context = parts.context
        flow = Stage(self._flow, Given(latent), self.frames, context.flow)
        coarse = Stage(lambda window: parts.coarse(window)[0], flow, self.frames, context.coarse)
        self._fine = Stage(lambda window: parts.fine(window)[0].reshape(1, 1, -1), coarse, self.frames, context.fine)

    def samples(self, begin: int, end: int) -> Floats:
        """The sound of frames ``begin`` to ``end``, float32 in about -1..1, shape ``(n,)``."""
        return self._fine.window(begin, end).reshape(-1)

    def _flow(self, window: Floats) -> Floats:
        mask = np.ones((1, 1, window.shape[2]), np.float32)
        (acoustic,) = self._parts.flow(
            *(window if name == self._parts.front.outputs[0] else mask for name in self._parts.flow.inputs)
        )
        return acoustic


class SplitVoice:
    """Phoneme ids to sound in growing chunks. ``now_ns`` is the clock of the playing side."""

    def __init__(self, parts: Parts, frame_ms: float, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._parts = parts
        self._frame_ms = frame_ms
        self._now_ns = now_ns
        self._pace = Pace(0.0, 0.0, frame_ms)

    def calibrate(self, *feed: NDArray[Any]) -> None:
        """Measure what decoding costs here, which also warms the shapes of the first chunks."""
        sizes = (FIRST_FRAMES, 3 * FIRST_FRAMES)
        frames = 2 * FIRST_FRAMES + CALIBRATIONS * sum(sizes)
        latent = self._parts.front(*feed)[0]
        latent = np.tile(latent, (1, 1, 2 + frames // latent.shape[2]))[:, :, : frames + FIRST_FRAMES]
        piece, at = Latent(self._parts, latent), 2 * FIRST_FRAMES
        first_ms = self._time_ms(piece, 0, FIRST_FRAMES)
        if first_ms > HOPELESS * FIRST_FRAMES * self._frame_ms:
            self._pace = Pace(0.0, first_ms / FIRST_FRAMES, self._frame_ms)
            return
        piece.samples(FIRST_FRAMES, at)
        best = dict.fromkeys(sizes, math.inf)
        for size in sizes * CALIBRATIONS:
            best[size] = min(best[size], self._time_ms(piece, at, at + size))
            at += size
        small, large = best.items()
        self._pace = Pace.measured(small, large, self._frame_ms)

    def sound(self, *feed: NDArray[Any]) -> Iterator[Floats]:
        """The piece's sound, float32 chunks; ``feed`` is ids, lengths and scales as the graph takes them."""
        latent = Latent(self._parts, self._parts.front(*feed)[0])
        begin, size, heard_ns = 0, self._pace.first(latent.frames), 0
        while size:
            asked_ns = self._now_ns()
            chunk = latent.samples(begin, begin + size)
            done_ns = self._now_ns()
            pace = self._pace.slowed((done_ns - asked_ns) / 1e6, size)
            heard_ns, begin = heard_ns or done_ns, begin + size
            yield chunk
            ahead_ms = begin * self._frame_ms - (self._now_ns() - heard_ns) / 1e6
            size = pace.following(size, ahead_ms, latent.frames - begin)

    def _time_ms(self, piece: Latent, begin: int, end: int) -> float:
        started_ns = self._now_ns()
        piece.samples(begin, end)
        return (self._now_ns() - started_ns) / 1e6
