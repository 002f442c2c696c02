"""The guide's alerting thresholds, watched by the service itself; ``deploy/monitoring/rtva.rules.yml`` has the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

CPU_FOR_S = 60.0
QUEUE_FOR_S = 5.0
LEAST_TURNS = 3
"""Percentiles of fewer turns say nothing."""
LEAST_ERRORS = 2
"""A single failure is logged and shown; it is no rate."""


@dataclass(frozen=True)
class Thresholds:
    """Beyond these something is wrong (guide: Monitoring in Production, Alerting Thresholds)."""

    latency_ms: float = 500.0
    error_percent: float = 5.0
    cpu_percent: float = 80.0
    memory_percent: float = 90.0
    queue_waiting: int = 2


@dataclass(frozen=True)
class Readings:
    """What is held against the thresholds. ``turns`` and ``errors`` are those of the window."""

    turns: int = 0
    errors: int = 0
    latency_p95_ms: float = 0.0
    cpu_percent: float = 0.0
    memory_percent: float = 0.0
    waiting: int = 0

    @property
    def error_percent(self) -> float:
        tried = self.turns + self.errors
        return 100 * self.errors / tried if tried else 0.0


class AlertWatch:
    """``look`` is called about once a second; ``set_alert(name, value)`` is told of each alert, None: it is off."""

    def __init__(
        self,
        thresholds: Thresholds,
        set_alert: Callable[[str, float | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.thresholds = thresholds
        self._set_alert, self._clock = set_alert, clock
        self._since: dict[str, float] = {}

    def look(self, now: Readings) -> None:
        limit = self.thresholds
        is_slow = now.turns >= LEAST_TURNS and now.latency_p95_ms > limit.latency_ms
        self._judge("latency", is_slow, now.latency_p95_ms)
        fails = now.errors >= LEAST_ERRORS and now.error_percent > limit.error_percent
        self._judge("errors", fails, now.error_percent)
        self._judge("cpu", now.cpu_percent > limit.cpu_percent, now.cpu_percent, CPU_FOR_S)
        self._judge("memory", now.memory_percent > limit.memory_percent, now.memory_percent)
        self._judge("queue", now.waiting >= limit.queue_waiting, now.waiting, QUEUE_FOR_S)

    def _judge(self, name: str, is_beyond: bool, value: float, for_s: float = 0.0) -> None:
        if not is_beyond:
            self._since.pop(name, None)
            self._set_alert(name, None)
            return
        since = self._since.setdefault(name, self._clock())
        if self._clock() - since >= for_s:
            self._set_alert(name, round(value, 1))
