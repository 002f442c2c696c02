"""Whether the engines' workers serve: one that keeps ending is told before somebody speaks to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

DOWN_S = 3.0
"""So long an engine may be without a loaded worker: a stand-by takes over within one."""
ALERTS = {"stt": "recognition_worker", "tts": "voice_worker"}
"""Kind of engine -> alert."""


class EnginesWatch:
    """``each_second`` is called by the watch. ``states`` gives kind and state (``Supervisor.state``) of every engine;
    ``set_alert(name, value)`` is told for how many seconds one has been restarting, with None that it serves again."""

    def __init__(
        self,
        states: Callable[[], Iterable[tuple[str, str]]],
        set_alert: Callable[[str, float | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._states, self._set_alert, self._clock = states, set_alert, clock
        self._since: dict[str, float] = {}

    def each_second(self) -> None:
        now = self._clock()
        down = {kind for kind, state in self._states() if state == "restarting"}
        for kind, alert in ALERTS.items():
            if kind not in down:
                self._since.pop(kind, None)
            down_s = now - self._since.setdefault(kind, now) if kind in down else 0.0
            self._set_alert(alert, round(down_s, 1) if down_s > DOWN_S else None)
