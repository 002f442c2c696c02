"""Timers, alarms and reminders as data, and how they lie in the state file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any

WAITING, RINGING, MISSED = "waiting", "ringing", "missed"
TIMER, ALARM, REMINDER = "timer", "alarm", "reminder"


@dataclass(frozen=True)
class Countdown:
    """So many seconds from when it was begun, on a clock that nobody sets.

    ``due_boot_s`` is when it ends on CLOCK_BOOTTIME of the boot ``boot``; ``due_wall_s`` the same on the wall clock
    (Unix time), for after a power cut, None when the wall clock was not set. ``left_s`` is what a paused one has left.
    """

    total_s: float
    due_boot_s: float
    boot: str
    due_wall_s: float | None = None
    left_s: float | None = None


@dataclass(frozen=True)
class Appointment:
    """A local time of day (``minute`` of the day, 0 to 1439) on the ISO date ``day``; ``days`` (0 Monday) repeat it."""

    day: str
    minute: int
    days: tuple[int, ...] = ()

    def moment(self, zone: tzinfo) -> datetime:
        """When that is. A time that a change to summer time leaves out is as much later as the clocks jump; one that
        comes twice is the first of the two."""
        at = date.fromisoformat(self.day)
        return datetime(at.year, at.month, at.day, self.minute // 60, self.minute % 60, tzinfo=zone)

    def latest(self, now: datetime) -> Appointment:
        """The last one that is not behind ``now``, of those from this one on; this one, where none is."""
        day = now.date()
        while day.isoformat() > self.day:
            found = Appointment(day.isoformat(), self.minute, self.days)
            if day.weekday() in self.days and found.moment(now.tzinfo or timezone.utc).timestamp() <= now.timestamp():
                return found
            if not self.days:
                break
            day -= timedelta(days=1)
        return self

    def after(self, now: datetime) -> Appointment | None:
        """The next one behind both this one and ``now``, None when it does not repeat. Never twice on one date."""
        if not self.days:
            return None
        day = date.fromisoformat(self.day) + timedelta(days=1)
        day = max(day, now.date())
        for _ in range(8):
            found = Appointment(day.isoformat(), self.minute, self.days)
            if day.weekday() in self.days and found.moment(now.tzinfo or timezone.utc).timestamp() > now.timestamp():
                return found
            day += timedelta(days=1)
        return None


@dataclass(frozen=True)
class Entry:
    """One promise. ``name`` is what it is called ("pasta") or, of a reminder, its words; ``since_s`` is the Unix time
    at which a ringing or missed one was due, None when nobody can know."""

    id: int
    kind: str
    name: str
    when: Countdown | Appointment
    phase: str = WAITING
    since_s: float | None = None

    def data(self) -> dict[str, Any]:
        """Plain values for the state file."""
        fields = asdict(self)
        fields["type"] = "countdown" if isinstance(self.when, Countdown) else "appointment"
        return fields


def read(data: Mapping[str, Any]) -> Entry:
    """An entry from :meth:`Entry.data`. Raises ValueError, KeyError or TypeError for anything else."""
    fields = dict(data)
    kind = fields.pop("type")
    when = dict(fields.pop("when"))
    if kind == "countdown":
        return Entry(when=Countdown(**when), **fields)
    when["days"] = tuple(when["days"])
    appointment = Appointment(**when)
    date.fromisoformat(appointment.day)
    return Entry(when=appointment, **fields)
