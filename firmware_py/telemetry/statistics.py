"""The figures of a running service: what its turns took, how many there were, how many failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from firmware_py.telemetry.window import Spread, Window

TOTALS = ("answer", "gap")
"""``answer``: from the end of the turn to the first sound; ``gap``: what a person waits, from the last word."""


class Statistics:
    """Thread-safe. Stages are those of a turn (``stt``, ``nlu`` ...), and the two of :data:`TOTALS`; milliseconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.turns = self.errors = self.drafts_used = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._stages: dict[str, Window] = {}
        self._turns, self._errors = Window(clock=clock), Window(clock=clock)

    def add_turn(self, turn: Mapping[str, Any]) -> dict[str, float]:
        """A turn as the board publishes it; one in which nobody spoke does not count. Returns its stages."""
        if not turn["transcript"]:
            return {}
        stages = dict(turn["stages_ms"])
        for name in TOTALS:
            if turn[f"{name}_ms"] is not None:
                stages[name] = turn[f"{name}_ms"]
        with self._lock:
            self.turns += 1
            self.drafts_used += bool(turn["draft_hit"])
            self._turns.add(1.0)
            for name, ms in stages.items():
                self._stages.setdefault(name, Window(clock=self._clock)).add(ms)
        return stages

    def add_error(self) -> None:
        with self._lock:
            self.errors += 1
            self._errors.add(1.0)

    def spreads(self) -> dict[str, Spread]:
        """Of the latest turns, by stage."""
        with self._lock:
            return {name: window.spread() for name, window in self._stages.items()}

    def recent(self) -> tuple[int, int]:
        """Turns and errors of the window."""
        with self._lock:
            return len(self._turns.values()), len(self._errors.values())

    def per_minute(self) -> float:
        """Utterances of the last minute."""
        with self._lock:
            return self._turns.per_minute()
