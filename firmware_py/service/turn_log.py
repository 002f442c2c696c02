"""What the last turns did and why, in memory: for ``rtva trace`` and the dashboard."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_py.events import RATE_HZ, TurnEvent, TurnTrace
from firmware_py.service.debug_folder import plain, turn_fields
from firmware_py.status.commands import TRACES


class TurnLog:
    """The newest turns, oldest out. ``add`` is the turn thread's and returns at once; ``last`` is anybody's."""

    def __init__(self, most: int = TRACES[-1], wall: Callable[[], float] = time.time) -> None:
        self.read_shed: Callable[[], int] = lambda: 0
        self._wall = wall
        self._turns: deque[dict[str, Any]] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._count = self._shed = 0

    def add(self, event: TurnEvent, trace: TurnTrace | None, error: str = "") -> None:
        """A finished utterance, with the turn that came of it or what failed."""
        shed = self.read_shed()
        self._count += 1
        told = {
            "number": self._count,
            "ended_at": round(self._wall(), 3),
            "speech_s": round((event.speech_end - event.speech_start) / RATE_HZ, 3),
            "silence_ms": round((event.at - event.speech_end) * 1000 / RATE_HZ),
            "shed_before": shed - self._shed,
            **turn_fields(event, trace, error),
        }
        self._shed = shed
        with self._lock:
            self._turns.append(told)

    def last(self, count: int) -> list[dict[str, Any]]:
        """The last ``count`` turns as plain values, the newest last."""
        with self._lock:
            turns = list(self._turns)[-count:]
        told: list[dict[str, Any]] = json.loads(json.dumps(turns, default=plain))
        return told
