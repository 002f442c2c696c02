"""The world as it will be once the commands before are done: what the next command of the same sentence is asked in."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from firmware_py.agenda.deeds import Deeds
from firmware_py.events import Action
from firmware_py.respond.board import Board
from firmware_py.respond.undo import Before, inverse
from firmware_py.respond.world import Volume, World

_NOT_FORESEEN = frozenset(("clock_set",))
"""There is one clock, and it is not set before its time."""


class Foreseen:
    """A :class:`World` beside another one, in which actions are done without anything being done. What an action would
    be called (a new timer's id) is what it will be called, as long as nothing comes between."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.agenda, self.lists = world.agenda.copy(), world.lists.copy()
        self._deeds = Deeds(self.agenda, self.lists)
        self._volume = world.volume()

    @property
    def rng(self) -> random.Random:
        return self._world.rng

    @property
    def board(self) -> Board:
        return self._world.board

    def now(self) -> datetime:
        return self._world.now()

    def volume(self) -> Volume | None:
        return self._volume

    def after(self, actions: Iterable[Action]) -> Foreseen:
        """Does actions here, and returns this world."""
        for action in actions:
            if action.name in self._deeds.actions - _NOT_FORESEEN:
                self._deeds.perform(action)
            elif self._volume is not None:
                self._volume = _turned(self._volume, action)
        return self

    def undoing(self, actions: Iterable[Action]) -> tuple[Action, ...]:
        """Does actions here, and returns what takes them back, the last first."""
        undo: list[Action] = []
        for action in actions:
            before = Before.of(action, self)
            back = inverse(action, before, self.after([action]))
            undo += [back] if back is not None else []
        return tuple(reversed(undo))


def _turned(volume: Volume, action: Action) -> Volume:
    percent, is_muted = volume.percent, volume.is_muted
    if action.name == "volume_set":
        percent = action.arguments["percent"]
    elif action.name == "volume_change":
        percent += action.arguments["by"]
    elif action.name == "mute":
        is_muted = bool(action.arguments["on"])
    return Volume(min(max(percent, 0), 100), is_muted)


def touch_the_same(some: Collection[Action], others: Collection[Action]) -> bool:
    """Whether actions change a list or an entry that others change too."""
    return not set(_touched(some)).isdisjoint(_touched(others))


def _touched(actions: Iterable[Action]) -> Iterator[object]:
    for action in actions:
        if "list" in action.arguments:
            yield action.arguments["list"]
        yield from action.arguments.get("ids", ())
