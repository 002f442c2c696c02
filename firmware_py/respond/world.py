"""What a skill may know of the world, and who does what a reply says.

A skill only reads: it gets a :class:`World`. Doing is data (:class:`~firmware_py.events.Action`), handed to an
:class:`Actuator` when the reply is committed.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.lists import Lists
from firmware_py.events import Action
from firmware_py.respond.board import Board

_log = logging.getLogger("rtva.respond")


@dataclass(frozen=True)
class Volume:
    """The speaker's volume, 0 to 100 percent."""

    percent: int
    is_muted: bool = False


class World(Protocol):
    """Readings only; nothing here changes anything."""

    @property
    def rng(self) -> random.Random: ...
    @property
    def board(self) -> Board: ...
    def now(self) -> datetime:
        """Local time with its zone."""

    def volume(self) -> Volume | None:
        """None when nobody knows."""

    @property
    def agenda(self) -> Agenda:
        """Timers, alarms, reminders; a skill only reads it."""

    @property
    def lists(self) -> Lists:
        """Shopping and other lists; a skill only reads them."""


class Actuator(Protocol):
    """Does what a committed reply says. Actions: ``volume_set {percent}``, ``volume_change {by}``,
    ``mute {on}``, ``stop_speaking {}``, and those of ``agenda.deeds``; one it does not know it must ignore and log."""

    def perform(self, action: Action) -> None: ...


def local_now() -> datetime:
    """The wall clock in the board's zone."""
    return datetime.now().astimezone()


@dataclass
class LocalWorld:
    """This board: its clock, its readings, and a generator fit for dice."""

    clock: Callable[[], datetime] = local_now
    rng: random.Random = field(default_factory=random.SystemRandom)
    board: Board = field(default_factory=Board)
    read_volume: Callable[[], Volume | None] = field(default=lambda: None)
    agenda: Agenda = field(default_factory=Agenda)
    lists: Lists = field(default_factory=Lists)

    def now(self) -> datetime:
        return self.clock()

    def volume(self) -> Volume | None:
        return self.read_volume()


@dataclass
class DryActuator:
    """Performs nothing; keeps what it was asked in ``performed`` (the latest hundred)."""

    performed: list[Action] = field(default_factory=list)

    def perform(self, action: Action) -> None:
        _log.info("dry: %s %s", action.name, dict(action.arguments))
        self.performed.append(action)
        del self.performed[:-100]
