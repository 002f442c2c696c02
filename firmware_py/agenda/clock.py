"""Three clocks: one that nobody sets, the wall clock, and whether that one was ever set.

A board without a battery-backed clock comes up after a power cut with the time it last saw, or with 1970. Alarms by
such a clock ring at random, so it is asked first whether it can be believed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

FLOOR_S = datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp()
"""rtva did not exist before this: a clock that shows less was never set."""
BACKWARD_S = 86_400.0
"""A wall clock this far before the latest time that the state file saw was never set in this boot."""
BEHIND_S = 900.0
"""By so much a person may set the clock behind the earliest time that it can be; further behind means the next day."""
TIME_ERROR = 5
"""What adjtimex(2) returns while nothing disciplines the clock."""
SEEN, SET_BY_HAND = "clock_seen", "clock_set"


class Journal(Protocol):
    """The settings of the state file."""

    def get(self, name: str, default: Any = None) -> Any: ...
    def change(self, settings: dict[str, Any]) -> bool: ...


class Clock:
    """The board's clocks. ``root`` is the file system's root; ``wall`` and ``boot`` read seconds (others in tests).

    Time that a person set (:meth:`set_wall`) counts for this boot, until the system's clock can be believed itself.
    """

    def __init__(
        self,
        journal: Journal | None = None,
        root: Path = Path("/"),
        wall: Callable[[], float] = time.time,
        boot: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._journal, self._root, self._wall, self.boot_s = journal, root, wall, boot
        self.boot = _text(root / "proc/sys/kernel/random/boot_id") or "unknown"
        self._seen = float(journal.get(SEEN, 0.0)) if journal else 0.0
        by_hand = journal.get(SET_BY_HAND) if journal else None
        self._by_hand: float | None = None
        self._floor_s = self._least_s = 0.0
        if isinstance(by_hand, dict) and by_hand.get("boot") == self.boot:
            offset_s = self._by_hand = float(by_hand["offset_s"])
            self._floor_s, self._least_s = by_hand.get("floor_s", offset_s), by_hand.get("least_s", offset_s)
        self._zone: tuple[object, tzinfo] = (None, timezone.utc)

    def is_set(self) -> bool:
        """Whether the wall clock can be believed."""
        return self._by_hand is not None or self.is_system_set()

    def is_system_set(self) -> bool:
        """Whether the system's clock can: it was synchronised, or set from a real-time clock, or this is no board
        that comes up without one and shows no time that has been."""
        if self._wall() < FLOOR_S:
            return False
        if self._is_synchronised():
            return True
        if self._wall() < self._seen - BACKWARD_S:
            return False
        return self._has_rtc() or not (self._root / "proc/device-tree/model").exists()

    def wall_s(self) -> float:
        """Unix time."""
        if self._by_hand is not None and not self.is_system_set():
            return self.boot_s() + self._by_hand
        return self._wall()

    def now(self) -> datetime:
        """Local time with its zone."""
        return datetime.fromtimestamp(self.wall_s(), self.zone())

    def moment_of(self, minute: int) -> datetime:
        """Which time a person means who sets the clock to that ``minute`` of the day: the first one that can be, for
        no clock of a board without power shows how long it was off."""
        now_s = self.boot_s() + self._least() - BEHIND_S
        day = datetime.fromtimestamp(now_s, self.zone()).date()
        at = self._at(day, minute)
        return at if at.timestamp() >= now_s else self._at(day + timedelta(days=1), minute)

    def first_day(self) -> date:
        """The earliest date that it can be, for who says a date without a year."""
        return datetime.fromtimestamp(self.boot_s() + self._floor(), self.zone()).date()

    def set_wall(self, at: datetime, *, is_dated: bool = True) -> None:
        """:meth:`believe`, written down. Waits for the disk."""
        setting = self.believe(at, is_dated=is_dated)
        if self._journal:
            self._journal.change({SET_BY_HAND: setting})

    def believe(self, at: datetime, *, is_dated: bool = True) -> dict[str, Any]:
        """Believes ``at`` from now on, for this boot; returns the setting ``SET_BY_HAND`` that keeps it over a restart.
        The system's clock is left alone: that takes a privilege. ``is_dated``: the date was said, and stands when a
        time alone is said after it."""
        floor_s = self._floor()
        if is_dated:
            self._least_s = self._at(at.astimezone(self.zone()).date(), 0).timestamp() - self.boot_s()
        elif self._by_hand is None:
            self._least_s = floor_s
        self._floor_s, self._by_hand = floor_s, at.timestamp() - self.boot_s()
        return {"boot": self.boot, "offset_s": self._by_hand, "floor_s": floor_s, "least_s": self._least_s}

    def seen(self) -> dict[str, float]:
        """The setting to write beside a change, so that a clock that goes back over a power cut is found out."""
        if self.is_set():
            self._seen = self.wall_s() if self._is_synchronised() else max(self._seen, self.wall_s())
        return {SEEN: self._seen}

    def zone(self) -> tzinfo:
        """The board's time zone: ``TZ``, else ``/etc/localtime``, else UTC; read again when that changes."""
        name, file = os.environ.get("TZ", "").lstrip(":"), self._root / "etc/localtime"
        try:
            key: object = (name, file.stat().st_mtime_ns, file.stat().st_ino)
        except OSError:
            key = (name, None)
        if key != self._zone[0]:
            self._zone = (key, _zone(name, file))
        return self._zone[1]

    def _floor(self) -> float:
        """What CLOCK_BOOTTIME lacks of the earliest time that it can be: the latest that was seen before this clock was
        set by hand, in seconds."""
        if self._by_hand is not None:
            return self._floor_s
        return max(FLOOR_S, self._wall(), self._seen) - self.boot_s()

    def _least(self) -> float:
        """The same, or where a date was said, of its midnight."""
        return self._floor() if self._by_hand is None else self._least_s

    def _at(self, day: date, minute: int) -> datetime:
        return datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=self.zone())

    def _has_rtc(self) -> bool:
        """Whether the kernel set its clock from a real-time clock that runs."""
        for rtc in (self._root / "sys/class/rtc").glob("rtc*"):
            epoch = _text(rtc / "since_epoch")
            if _text(rtc / "hctosys") == "1" and epoch.isdecimal() and int(epoch) >= FLOOR_S:
                return True
        return False

    def _is_synchronised(self) -> bool:
        """Whether the network set the clock: what systemd-timesyncd says, else the kernel, which may not be asked
        in the service (``ProtectClock=`` forbids it)."""
        if (self._root / "run/systemd/timesync/synchronized").exists():
            return True
        if self._root != Path("/"):
            return False
        import ctypes

        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
        return bool(0 <= state < TIME_ERROR)


def _zone(name: str, file: Path) -> tzinfo:
    try:
        if name:
            return ZoneInfo(name)
        with file.open("rb") as data:
            return ZoneInfo.from_file(data, key=str(file.resolve()).partition("zoneinfo/")[2] or "localtime")
    except (OSError, ValueError, KeyError):
        return timezone.utc


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
