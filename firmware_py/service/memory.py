"""What outlives a restart: the volume, the mute, a clock set by hand, and how much was done. A thread of its own writes
it, so that nothing in the walk waits for a disk; a face that answers a command asks whether the disk has it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware_py.agenda.clock import SET_BY_HAND
from firmware_py.state.database import Database
from firmware_py.status.hub import Hub, Notice

ALERT = "state_file"
RETRY_S = 10.0
"""How often a disk that cannot be written to is tried again."""
KEPT_S = 3.0
"""How long an answer waits for the disk."""
HUNG = f"the disk has not taken it within {KEPT_S:g} s"
TOPICS = frozenset({"volume", "muted", "clock", "turn", "failure"})


@dataclass(frozen=True)
class Remembered:
    """How it was left. ``percent`` None: the configuration decides."""

    percent: int | None = None
    is_silent: bool = False
    is_muted: bool = False


def recall(database: Database) -> Remembered:
    """What the state file says; a value that makes no sense is left out."""
    percent = database.get("volume")
    is_percent = isinstance(percent, int) and not isinstance(percent, bool) and 0 <= percent <= 100
    return Remembered(
        percent if is_percent else None,
        database.get("silent") is True,
        database.get("muted") is True,
    )


class Memory:
    """Writes changes as they come, several that come together as one. ``set_alert(name, value)`` is told when nothing
    can be kept, and with None that it can again."""

    def __init__(
        self, database: Database, hub: Hub, set_alert: Callable[[str, float | None], None] = lambda name, value: None
    ) -> None:
        self._database, self._set_alert = database, set_alert
        self._subscription = hub.subscribe("memory", TOPICS, size=256)
        self._is_closing = threading.Event()
        self._lock = threading.Lock()
        self._marks: list[threading.Event] = []
        self._overdue = threading.Event()
        self._overdue.set()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        database.on_problem = self._tell
        self._tell(database.problem)
        self._thread.start()

    def unkept(self, wait_s: float = KEPT_S) -> str:
        """Why the disk does not have all that was published before the call, "" once it has.

        Waits at most ``wait_s``; while a disk hangs, for the first caller alone. What is late is written all the same.
        """
        if not self._overdue.is_set():
            return HUNG
        mark = threading.Event()
        with self._lock:
            self._marks.append(mark)
        self._subscription.wake()
        if mark.wait(wait_s):
            return self._database.problem
        self._overdue = mark
        return HUNG

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._is_closing.set()
        self._subscription.wake()
        self._thread.join(5.0)
        self._subscription.close()
        self._database.close()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            notice = self._subscription.get(RETRY_S if self._database.problem else None)
            self._settle(notice)
        self._settle(None)

    def _settle(self, notice: Notice | None) -> None:
        with self._lock:  # before the queue is read: what a mark stands behind is in it, or written
            marks, self._marks = self._marks, []
        notice = notice or self._subscription.take()
        if notice is not None:
            self._write(notice)
        elif self._database.problem:
            self._database.try_again()
        for mark in marks:
            mark.set()

    def _tell(self, problem: str) -> None:
        """In the thread that found it; this one waits for the disk from now on."""
        self._set_alert(ALERT, 1.0 if problem else None)
        self._subscription.wake()

    def _write(self, first: Notice) -> None:
        settings: dict[str, Any] = {}
        add: dict[str, int] = {}
        notice: Notice | None = first
        while notice is not None:
            note(notice, settings, add)
            notice = self._subscription.take()
        if settings or add:
            self._database.change(settings, add)


def note(notice: Notice, settings: dict[str, Any], add: dict[str, int]) -> None:
    """What a notice changes in the file."""
    told = notice.fields
    if notice.topic == "volume":
        settings["volume"], settings["silent"] = told["percent"], told["is_silent"]
    elif notice.topic == "muted":
        settings["muted"] = told["is_muted"]
    elif notice.topic == "clock":
        settings[SET_BY_HAND] = dict(told)
    elif notice.topic == "failure":
        add["errors"] = add.get("errors", 0) + 1
    elif told["transcript"]:
        add["turns"] = add.get("turns", 0) + 1
        add["understood"] = add.get("understood", 0) + (told["intent"] is not None)
