"""A board whose clocks are moved by hand, with a state file that outlives it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.clock import Clock
from firmware_py.agenda.lists import Lists
from firmware_py.state.database import Database

BERLIN = ZoneInfo("Europe/Berlin")


class Board:
    """``root`` is its file system. ``power_cut`` starts it anew after so many seconds without power; without
    ``keeps_time`` its wall clock then shows the time at which the power went."""

    def __init__(self, folder: Path, start: datetime, *, is_durable: bool = True) -> None:
        self.root = folder / "root"
        self.zone = start.tzinfo
        self.wall_s, self.boot_s = start.timestamp(), 1000.0
        self._boots = 0
        self._file = folder / "state.db" if is_durable else None
        self.database: Database | None = None
        self.start()

    def start(self) -> None:
        """The service starts; the board may have as well."""
        if self.database is not None:
            self.database.close()
        boot_id = self.root / "proc/sys/kernel/random/boot_id"
        boot_id.parent.mkdir(parents=True, exist_ok=True)
        boot_id.write_text(f"boot-{self._boots}\n")
        self.database = Database(self._file) if self._file else None
        self.clock = Clock(self.database, self.root, lambda: self.wall_s, lambda: self.boot_s)
        self.clock.zone = lambda: self.zone  # type: ignore[method-assign,assignment,return-value]
        self.agenda, self.lists = Agenda(self.clock, self.database), Lists(self.database)

    def has_no_rtc(self) -> None:
        """It is a board (a device tree names it), and nothing keeps its time without power."""
        model = self.root / "proc/device-tree/model"
        model.parent.mkdir(parents=True, exist_ok=True)
        model.write_text("Raspberry Pi 4 Model B")

    def has_network_time(self, *, is_synchronised: bool = True) -> None:
        mark = self.root / "run/systemd/timesync/synchronized"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch() if is_synchronised else mark.unlink(missing_ok=True)

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.boot_s += seconds

    def power_cut(self, off_s: float, *, keeps_time: bool = True) -> None:
        self.wall_s += off_s if keeps_time else 0.0
        self.boot_s = 5.0
        self._boots += 1
        self.has_network_time(is_synchronised=False)
        self.start()

    def ringing(self) -> list[str]:
        return [f"{e.kind} {e.name}".strip() for e in self.agenda.settle()]


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path, datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN))
