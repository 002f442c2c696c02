"""Whether what a microphone delivers can be speech: dead, beside its zero, or driven into its limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from firmware_py.events import RATE_HZ, Pcm16

WINDOW_SAMPLES = RATE_HZ // 4
SILENT, OFFSET, CLIPPING = "microphone_silent", "microphone_offset", "microphone_clipping"
LEAST_RANGE = 2
"""Even a microphone in a vacuum has more noise than this many steps; a muted one or a dead line has not."""
MOST_OFFSET = 2000
"""Of 32768: a twentieth of the range is gone. What the front end takes away, but the converter does not get back."""
FULL_SCALE = 32_700
MOST_CLIPPED = 0.01
"""Share of the samples at the limits; a shout has less over a second."""
WINDOWS_OF_MEMORY = 20
"""A level that comes and goes is one problem, not one a second."""


@dataclass
class _Problem:
    bad: int = 0
    good: int = 0
    is_on: bool = False


class SoundHealth:
    """``look`` gets every block and returns what changed: ``(name, value)``, the value None when it is over.

    ``after_s`` (0: never) is how long a problem must last. ``counts`` has how often each began, ``silent_s`` how long
    nothing but one and the same value has come. For one thread.
    """

    def __init__(self, after_s: float = 3.0) -> None:
        self.counts = dict.fromkeys((SILENT, OFFSET, CLIPPING), 0)
        self.silent_s = 0.0
        self.mind_after(after_s)
        self._problems = {name: _Problem() for name in self.counts}
        self._low = self._high = self._sum = self._clipped = self._samples = 0
        self._begin()

    def mind_after(self, after_s: float) -> None:
        """Another ``after_s`` from now on; from any thread."""
        self._windows = max(1, round(after_s * RATE_HZ / WINDOW_SAMPLES) - 2)
        self._is_off = after_s <= 0

    def look(self, block: Pcm16) -> list[tuple[str, float | None]]:
        """A few microseconds a block."""
        if self._is_off or not block.size:
            return []
        self._low, self._high = min(self._low, int(block.min())), max(self._high, int(block.max()))
        self._sum += int(block.sum(dtype=np.int64))
        if self._high >= FULL_SCALE or self._low <= -FULL_SCALE:
            self._clipped += int(np.count_nonzero((block >= FULL_SCALE) | (block <= -FULL_SCALE)))
        self._samples += block.size
        return self._judge() if self._samples >= WINDOW_SAMPLES else []

    def forget(self) -> list[tuple[str, float | None]]:
        """The device was closed: what was wrong with it is over, and the next is looked at anew."""
        over: list[tuple[str, float | None]] = [(name, None) for name, p in self._problems.items() if p.is_on]
        self._problems = {name: _Problem() for name in self.counts}
        self.silent_s = 0.0
        self._begin()
        return over

    def _begin(self) -> None:
        self._low, self._high = 32767, -32768
        self._sum = self._clipped = self._samples = 0

    def _judge(self) -> list[tuple[str, float | None]]:
        span, mean = self._high - self._low, self._sum / self._samples
        clipped = self._clipped / self._samples
        is_silent = span < LEAST_RANGE
        self.silent_s = self.silent_s + self._samples / RATE_HZ if is_silent else 0.0
        self._begin()
        changes = [
            self._note(SILENT, is_silent, self.silent_s, 1),
            self._note(OFFSET, abs(mean) > MOST_OFFSET, mean, WINDOWS_OF_MEMORY),
            self._note(CLIPPING, clipped > MOST_CLIPPED, 100 * clipped, WINDOWS_OF_MEMORY),
        ]
        return [change for change in changes if change is not None]

    def _note(self, name: str, is_bad: bool, value: float, memory: int) -> tuple[str, float | None] | None:
        problem = self._problems[name]
        problem.bad, problem.good = (problem.bad + 1, 0) if is_bad else (0, problem.good + 1)
        if not problem.is_on and problem.bad >= self._windows:
            problem.is_on = True
            self.counts[name] += 1
            return name, round(value, 1)
        if problem.is_on and problem.good >= memory:
            problem.is_on = False
            return name, None
        return None
