"""What outlives a restart: the volume, the mute, and how much was done. A thread of its own waits for the disk."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from firmware_py.state.database import Database
from firmware_py.status.hub import Hub, Notice

TOPICS = frozenset({"volume", "muted", "turn", "failure"})


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
    """Writes changes as they come, several that come together as one."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self._database = database
        self._subscription = hub.subscribe("memory", TOPICS, size=256)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Writes what is left and closes the file."""
        self._is_closing.set()
        self._subscription.wake()
        self._thread.join(5.0)
        self._subscription.close()
        self._database.close()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            notice = self._subscription.get(None)
            if notice is not None:
                self._write(notice)
        self._write(self._subscription.take())

    def _write(self, notice: Notice | None) -> None:
        settings: dict[str, Any] = {}
        add: dict[str, int] = {}
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
    elif notice.topic == "failure":
        add["errors"] = add.get("errors", 0) + 1
    elif told["transcript"]:
        add["turns"] = add.get("turns", 0) + 1
        add["understood"] = add.get("understood", 0) + (told["intent"] is not None)
