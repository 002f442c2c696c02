"""The world as skills read it, noted while a conversation is kept and repeated when it is run again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from firmware_py.agenda.clock import Clock
from firmware_py.events import RATE_HZ
from firmware_py.respond.board import Disk
from firmware_py.respond.world import Volume

READINGS: Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "now": (lambda v: v.isoformat(), datetime.fromisoformat),
    "volume": (lambda v: v and asdict(v), lambda v: v and Volume(**v)),
    "temperature_c": (lambda v: v, lambda v: v),
    "uptime_s": (lambda v: v, lambda v: v),
    "addresses": (list, list),
    "disk": (lambda v: v and asdict(v), lambda v: v and Disk(**v)),
}
"""Reading -> to and from JSON."""


class _Board:
    """The board's readings, through ``read(name, ask)``."""

    def __init__(self, world: _World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._world.inner.board, name)
        return (lambda: self._world.read(name, ask)) if name in READINGS else ask


class _World:
    """What both have: one generator an utterance, seeded by the conversation and where the utterance ends."""

    def __init__(self, inner: Any, seed: str) -> None:
        self.inner, self.seed = inner, seed
        self.board = _Board(self)
        self.rng = random.Random(seed)
        self.speech_end, self.is_end = -1, False

    def begin(self, speech_end: int, is_end: bool = True) -> None:
        """The turn thread begins with an event of the utterance whose speech ends at ``speech_end``.

        ``is_end``: the utterance is over, and what its turn does is done now.
        """
        self.rng = random.Random(f"{self.seed}:{speech_end}")
        self.speech_end, self.is_end = speech_end, is_end

    def read(self, name: str, ask: Callable[[], Any]) -> Any:
        raise NotImplementedError

    def now(self) -> datetime:
        found: datetime = self.read("now", self.inner.now)
        return found

    def volume(self) -> Volume | None:
        found: Volume | None = self.read("volume", self.inner.volume)
        return found

    def __getattr__(self, name: str) -> Any:
        """Whatever else a world has is the inner one's own, and is neither noted nor repeated."""
        return getattr(self.inner, name)


class NotedWorld(_World):
    """Notes what is read; :attr:`readings` is that of the utterance in progress, as JSON carries it."""

    def __init__(self, inner: Any, seed: str) -> None:
        super().__init__(inner, seed)
        self.readings: dict[str, Any] = {}
        self.is_released = False

    def begin(self, speech_end: int, is_end: bool = True) -> None:
        if self.is_released:
            return
        if speech_end != self.speech_end:
            self.readings = {}
        super().begin(speech_end, is_end)
        self.note_clock()

    def note_clock(self) -> None:
        """The clocks of timers and alarms are read, now."""
        if not self.is_released:
            clock = [time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)]
            self.readings["clock_end" if self.is_end else "clock"] = clock

    @property
    def agenda(self) -> Any:
        return _NotedAgenda(self)

    def release(self) -> None:
        """Whoever still holds it reads the inner world from now on."""
        self.is_released = True
        self.rng = self.inner.rng

    def read(self, name: str, ask: Callable[[], Any]) -> Any:
        value = ask()
        self.readings[name] = READINGS[name][0](value)
        return value


class _NotedAgenda:
    """The agenda as skills read it: what depends on how late it is, is noted when it is asked."""

    def __init__(self, world: NotedWorld) -> None:
        self._world = world

    def left_s(self, entry: Any) -> Any:
        self._world.note_clock()
        return self._world.inner.agenda.left_s(entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.inner.agenda, name)


class NotedActuator:
    """Does what replies say; when it does is noted, for a timer begins then."""

    def __init__(self, world: NotedWorld, inner: Any) -> None:
        self.inner, self._world = inner, world

    def perform(self, action: Any) -> None:
        self._world.note_clock()
        self.inner.perform(action)


class RepeatedClock(Clock):
    """The clock of timers and alarms as it was then, in the zone that it was read in."""

    def __init__(self, world: RepeatedWorld) -> None:
        super().__init__(wall=world.wall_s, boot=world.boot_s)
        self._world = world

    def zone(self) -> tzinfo:
        return self._world.began.tzinfo or super().zone()


class RepeatedWorld(_World):
    """Answers with what was read then; what was not read then is asked of ``inner``, but for the clock, which stands
    at ``began`` and the time that the sound has run.
    """

    def __init__(self, inner: Any, seed: str, began: datetime, readings: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__(inner, seed)
        self.began, self._readings = began, readings

    def read(self, name: str, ask: Callable[[], Any]) -> Any:
        then = self._readings.get(self.speech_end, {})
        if name in then:
            return READINGS[name][1](then[name])
        return datetime.fromtimestamp(self.wall_s(), self.began.tzinfo) if name == "now" else ask()

    def wall_s(self) -> float:
        """What the clock of timers and alarms shows during the utterance in progress: Unix time."""
        then: float = self._clock()[0]
        return then

    def boot_s(self) -> float:
        """The clock that runs on and is never set, likewise."""
        then: float = self._clock()[1]
        return then

    def _clock(self) -> list[float]:
        passed_s = max(self.speech_end, 0) / RATE_HZ
        now = [self.began.timestamp() + passed_s, passed_s]
        then = self._readings.get(self.speech_end, {})
        return list(then.get("clock_end" if self.is_end else "clock") or then.get("clock_end") or now)
