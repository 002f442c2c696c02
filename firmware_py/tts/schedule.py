"""How many frames to decode next, so that the first sound comes early and playback never starves.

Decoding a window of n frames costs ``fixed + per_frame * n`` (its context is decoded for nothing), so a slow
machine needs a longer first chunk: with chunks of one size, a chunk must be decoded while the one before plays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FIRST_FRAMES = 16
"""186 ms of sound at 22.05 kHz: decoding less saves little, the context around it costs more."""
MAX_FRAMES = 160
GROWTH = 4
LOAD = 0.7
"""Share of the playing time that decoding may take; the rest is for the listener and for bad luck."""
CALM_LOAD = 0.4
"""Share that a chunk longer than the one before may take: few chunks cost less, but bad luck grows with them."""


@dataclass(frozen=True)
class Pace:
    """What decoding costs on this machine, and how long a frame sounds; milliseconds."""

    fixed_ms: float
    per_frame_ms: float
    frame_ms: float

    @classmethod
    def measured(cls, small: tuple[int, float], large: tuple[int, float], frame_ms: float) -> Pace:
        """From the times of two windows, ``(frames, ms)`` each."""
        per_frame_ms = max(0.0, (large[1] - small[1]) / (large[0] - small[0]))
        return cls(max(0.0, small[1] - per_frame_ms * small[0]), per_frame_ms, frame_ms)

    def slowed(self, took_ms: float, frames: int) -> Pace:
        """The pace of a machine that took ``took_ms`` for a window; never faster than it was measured."""
        expected_ms = self.fixed_ms + self.per_frame_ms * frames
        factor = max(1.0, took_ms / expected_ms) if expected_ms > 0 else 1.0
        return Pace(self.fixed_ms * factor, self.per_frame_ms * factor, self.frame_ms)

    def first(self, total: int) -> int:
        """Frames of the first chunk of ``total``: all of them on a machine too slow to play while it decodes."""
        spare_ms = LOAD * self.frame_ms - self.per_frame_ms
        if spare_ms <= 0:
            return total
        return self._fit(max(FIRST_FRAMES, math.ceil(min(total, self.fixed_ms / spare_ms))), total)

    def following(self, previous: int, ahead_ms: float, left: int) -> int:
        """Frames of the next chunk when ``ahead_ms`` of sound wait to be played; 0 when none are ``left``.

        Without any sound ahead the player has paused (a draft waits for its commit) or starved already: then
        half of the previous chunk is taken to be ahead.
        """
        ahead_ms = max(ahead_ms, previous * self.frame_ms / 2)
        longer = min(GROWTH * previous, MAX_FRAMES, self._within(CALM_LOAD * ahead_ms))
        as_long = min(previous, self._within(LOAD * ahead_ms))
        return self._fit(max(FIRST_FRAMES, int(longer), int(as_long)), left)

    def _within(self, ms: float) -> float:
        return max(0.0, (ms - self.fixed_ms) / self.per_frame_ms) if self.per_frame_ms else math.inf

    @staticmethod
    def _fit(frames: int, left: int) -> int:
        """No crumb at the end: a chunk takes what would be left if that is less than half a first chunk."""
        return left if left - frames < FIRST_FRAMES // 2 else frames
