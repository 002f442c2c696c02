"""The world as skills read it, noted while a conversation is kept and repeated when it is run again."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

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
        self.speech_end = -1

    def begin(self, speech_end: int) -> None:
        """The turn thread begins with an event of the utterance whose speech ends at ``speech_end``."""
        self.rng = random.Random(f"{self.seed}:{speech_end}")
        self.speech_end = speech_end

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

    def begin(self, speech_end: int) -> None:
        if self.is_released:
            return
        if speech_end != self.speech_end:
            self.readings = {}
        super().begin(speech_end)

    def release(self) -> None:
        """Whoever still holds it reads the inner world from now on."""
        self.is_released = True
        self.rng = self.inner.rng

    def read(self, name: str, ask: Callable[[], Any]) -> Any:
        value = ask()
        self.readings[name] = READINGS[name][0](value)
        return value


class RepeatedWorld(_World):
    """Answers with what was read then; what was not read then is asked of ``inner``, but for the clock, which stands
    at ``began`` and the time that the sound has run.
    """

    def __init__(self, inner: Any, seed: str, began: datetime, readings: Mapping[int, Mapping[str, Any]]) -> None:
        super().__init__(inner, seed)
        self._began, self._readings = began, readings

    def read(self, name: str, ask: Callable[[], Any]) -> Any:
        then = self._readings.get(self.speech_end, {})
        if name in then:
            return READINGS[name][1](then[name])
        return self._began + timedelta(seconds=max(self.speech_end, 0) / 16_000) if name == "now" else ask()
