"""Does what committed replies say about timers, alarms, reminders, lists and the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.entries import Appointment
from firmware_py.agenda.lists import Lists
from firmware_py.events import Action

Arguments = Mapping[str, Any]


class Deeds:
    """An actuator over an agenda and lists. ``actions`` names what it does."""

    def __init__(self, agenda: Agenda, lists: Lists) -> None:
        self._agenda = agenda
        self._does: dict[str, Callable[[Arguments], Any]] = {
            "count_down": lambda a: agenda.count_down(a["kind"], a["name"], a["seconds"]),
            "appoint": self._appoint,
            "forget": lambda a: agenda.cancel(a["ids"]),
            "restore": lambda a: agenda.restore(a["entries"]),
            "pause": lambda a: agenda.pause(a["ids"]),
            "resume": lambda a: agenda.resume(a["ids"]),
            "extend": lambda a: agenda.extend(a["ids"], a["by_s"]),
            "snooze": lambda a: agenda.snooze(a["seconds"]),
            "stop_ringing": lambda a: agenda.stop_ringing(),
            "list_add": lambda a: lists.add(a["list"], a["items"]),
            "list_remove": lambda a: lists.remove(a["list"], a["items"]),
            "list_clear": lambda a: lists.clear(a["list"]),
            "clock_set": self._set_clock,
        }

    @property
    def actions(self) -> frozenset[str]:
        return frozenset(self._does)

    def perform(self, action: Action) -> None:
        self._does[action.name](action.arguments)

    def _appoint(self, a: Arguments) -> None:
        self._agenda.appoint(a["kind"], a["name"], Appointment(a["day"], a["minute"], tuple(a["days"])))

    def _set_clock(self, a: Arguments) -> None:
        self._agenda.clock.set_wall(datetime.fromisoformat(a["at"]), is_dated=a["is_dated"])
        self._agenda.on_change()
