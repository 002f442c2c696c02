"""Says how a long step stands."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_S = 5.0


class Progress:
    """A line every few seconds; a step that is over sooner says nothing."""

    def __init__(self, say: Callable[[str], None], what: str) -> None:
        self._say, self._what = say, what
        self._begun = time.monotonic()
        self._next = self._begun + _EVERY_S

    def step(self, done: int = 0, total: int = 0) -> None:
        """``done`` of ``total`` bytes; without a total, the time that has passed is said."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY_S
        state = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{now - self._begun:.0f} s"
        self._say(f"{self._what}: {state}")
