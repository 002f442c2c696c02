"""When to work lighter and when to go back: a ladder of steps, taken one at a time under strain, given back in reverse.

Nothing here knows what a step does; ``service/governing.py`` makes the ladder and applies it.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HEAT, MEMORY, LATENCY = "hot", "low_memory", "slow_recognition"
"""The reasons, which are the names of the alerts too."""
LEAST_TURNS = 3
"""One slow recognition is an accident."""
LONGEST_DOUBLING = 4
"""A step that was given back too soon is kept twice as long the next time, up to 2**4 times ``back_s``."""


@dataclass(frozen=True)
class Bounds:
    """Beyond these a step is taken; the second of a pair is where strain is over. ``after_s``: how long it must last
    before a step (and between two), ``back_s``: how long it must be over before one is given back."""

    temperature_c: float = 80.0
    temperature_back_c: float = 72.0
    available_mb: float = 64.0
    pressure_percent: float = 20.0
    stt_ms: float = 3000.0
    after_s: float = 10.0
    back_s: float = 300.0


@dataclass(frozen=True)
class Strain:
    """Readings of this moment; None is not known and no strain. Memory is MemAvailable and PSI's ``some avg10``."""

    temperature_c: float | None = None
    available_mb: float | None = None
    pressure_percent: float | None = None
    stt_ms: float | None = None

    def beyond(self, limit: Bounds) -> dict[str, float]:
        """Reason -> value, of what is beyond its bound."""
        found: dict[str, float] = {}
        if self.temperature_c is not None and self.temperature_c >= limit.temperature_c:
            found[HEAT] = self.temperature_c
        if self.available_mb is not None and self.available_mb < limit.available_mb:
            found[MEMORY] = self.available_mb
        elif self.pressure_percent is not None and self.pressure_percent >= limit.pressure_percent:
            found[MEMORY] = self.pressure_percent
        if self.stt_ms is not None and self.stt_ms > limit.stt_ms:
            found[LATENCY] = self.stt_ms
        return found

    def is_over(self, limit: Bounds) -> bool:
        """Whether all is well below the bounds: half of those that have no second one."""
        return (
            (self.temperature_c is None or self.temperature_c < limit.temperature_back_c)
            and (self.available_mb is None or self.available_mb >= 1.5 * limit.available_mb)
            and (self.pressure_percent is None or self.pressure_percent < limit.pressure_percent / 2)
            and (self.stt_ms is None or self.stt_ms < limit.stt_ms / 2)
        )


@dataclass(frozen=True)
class Step:
    """``values`` are keys of the configuration with what they are for as long as the step is taken."""

    name: str
    values: Mapping[str, Any]
    relieves: frozenset[str]


@dataclass(frozen=True)
class Taken:
    """A step that is in force, why (reason and value), and since when (the clock's seconds)."""

    step: Step
    reason: str
    value: float
    at_s: float


@dataclass
class Governor:
    """``look`` is called about once a second by one thread. ``clock`` is monotonic seconds."""

    ladder: Sequence[Step]
    bounds: Bounds = field(default_factory=Bounds)
    clock: Callable[[], float] = time.monotonic
    taken: list[Taken] = field(default_factory=list)
    alerts: dict[str, float] = field(default_factory=dict)
    """Reason -> value: lasting strain, and whatever a step is taken for."""
    changes: int = 0
    _since: dict[str, float] = field(default_factory=dict)
    _over_since: float | None = None
    _back_at: float | None = None
    _doublings: int = 0
    _refused: deque[Step] = field(default_factory=deque)
    _stt_ms: deque[float] = field(default_factory=lambda: deque(maxlen=9))

    def add_turn(self, stt_ms: float) -> None:
        """The recognition time of a turn; those from before the last step do not count."""
        self._stt_ms.append(stt_ms)

    def stt_ms(self) -> float | None:
        """The median of the latest turns, None while there are too few."""
        times = list(self._stt_ms)
        return statistics.median(times) if len(times) >= LEAST_TURNS else None

    def values(self) -> dict[str, Any]:
        """The keys that are in force instead of the configured ones."""
        return {key: value for each in self.taken for key, value in each.step.values.items()}

    def look(self, strain: Strain) -> bool:
        """Judges; True when a step was taken or given back."""
        now, beyond = self.clock(), strain.beyond(self.bounds)
        while self._refused:
            refused = self._refused.popleft()
            self.ladder = [s for s in self.ladder if s is not refused]
            self.taken = [t for t in self.taken if t.step is not refused]
        for reason in set(self._since) - set(beyond):
            del self._since[reason]
        lasting = {r: v for r, v in beyond.items() if now - self._since.setdefault(r, now) >= self.bounds.after_s}
        has_changed = self._step_down(lasting, now) or self._step_back(strain, now)
        self.alerts = {each.reason: each.value for each in self.taken} | lasting
        return has_changed

    def refuse(self, step: Step) -> None:
        """The step cannot be taken on this machine (weights that are not there): never again. For any thread."""
        self._refused.append(step)

    def _step_down(self, lasting: Mapping[str, float], now: float) -> bool:
        if self.taken and now - self.taken[-1].at_s < self.bounds.after_s:
            return False
        in_force = {id(each.step) for each in self.taken}
        for reason, value in lasting.items():
            for step in self.ladder:
                if reason in step.relieves and id(step) not in in_force:
                    if self._back_at is not None and now - self._back_at < self._hold_s():
                        self._doublings = min(self._doublings + 1, LONGEST_DOUBLING)
                    self.taken.append(Taken(step, reason, value, now))
                    self._changed()
                    return True
        return False

    def _step_back(self, strain: Strain, now: float) -> bool:
        if not strain.is_over(self.bounds):
            self._over_since = None
            return False
        if self._over_since is None:
            self._over_since = now
        if not self.taken:
            if self._back_at is not None and now - self._back_at >= self._hold_s():
                self._doublings, self._back_at = 0, None
            return False
        if now - max(self._over_since, self.taken[-1].at_s) < self._hold_s():
            return False
        self.taken.pop()
        self._back_at = now
        self._changed()
        return True

    def _hold_s(self) -> float:
        return self.bounds.back_s * 2.0**self._doublings

    def _changed(self) -> None:
        self.changes += 1
        self._over_since = None
        self._since.clear()
        self._stt_ms.clear()
