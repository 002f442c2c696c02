"""Times in slots and in words: durations, times of day, dates. The slots are those of ``nlu/intents/en/*.yaml``.

A duration has ``hours``, ``minutes``, ``seconds``. A time of day has ``hour`` (0 to 23), ``minute`` or ``minutes_to``
(before the hour), and ``half`` (am, pm, morning, afternoon, evening, night). A date has ``day`` (today, tomorrow,
monday, ..., weekend, both weekend), or ``month`` and ``nth``, or ``nth`` alone, or ``days`` (from now).

What comes again has ``every`` to ``every4``, or ``every`` and ``until`` (from Monday to Friday); ``rhythm``, or ``few``
and ``period`` ("every other week"), is one that nothing here keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from firmware_py.respond.phrases import join, plural

Slots = Mapping[str, Any]

MONTHS: tuple[str, ...] = ("January", "February", "March", "April", "May", "June", "July")
MONTHS += ("August", "September", "October", "November", "December")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAYS = tuple(day.lower() for day in DAYS)
DAY_S = 86_400
_REPEATED: dict[str, tuple[int, ...]] = {"daily": tuple(range(7)), "weekdays": (0, 1, 2, 3, 4), "weekends": (5, 6)}
_REPEATED |= dict.fromkeys(("morning", "evening", "night"), tuple(range(7)))
_HOURS_OF = {"am": (0, 12), "morning": (0, 12), "pm": (12, 24), "afternoon": (12, 24), "evening": (12, 24)}


def seconds_of(slots: Slots) -> float | None:
    """A duration in seconds, None when none was said."""
    if not {"hours", "minutes", "seconds"} & set(slots):
        return None
    return float(slots.get("hours", 0) * 3600 + slots.get("minutes", 0) * 60 + slots.get("seconds", 0))


def duration(seconds: float, units: int = 2) -> str:
    """The largest units: "2 days and 3 hours", "45 seconds"."""
    left = round(seconds)
    parts: list[str] = []
    begun = 0
    for name, size in (("day", DAY_S), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count or begun:
            begun += 1
            parts += [plural(count, name)] if count else []
        if begun == units:
            break
    return join(parts) or "less than a second"


def adjective(seconds: float) -> str:
    """ "10 minute", as in "the 10 minute timer"."""
    words = duration(seconds, 3).split()
    return " ".join(w.removesuffix("s") if w.rstrip("s") in ("day", "hour", "minute", "second") else w for w in words)


def minute_of_day(slots: Slots) -> tuple[int, bool] | None:
    """The minute of the day that was said, and whether it may as well be half a day later; None when none was."""
    if "hour" not in slots:
        return None
    if slots["hour"] in ("noon", "midnight"):
        return (720 if slots["hour"] == "noon" else 0), False
    hour = int(slots["hour"])
    minute = hour * 60 + int(slots.get("minute", 0)) - int(slots.get("minutes_to", 0))
    half = slots.get("half") or ("evening" if slots.get("day") == "tonight" else None)
    if half is None and slots.get("every") in ("morning", "evening", "night"):
        half = slots["every"]
    if half == "night":
        half = "pm" if 5 <= hour < 12 else "am"
    if half and 1 <= hour <= 12:
        first = _HOURS_OF[half][0]
        minute = minute % 720 + first * 60
    is_open = not half and 1 <= hour <= 12
    return (minute % 720 if is_open else minute % 1440), is_open


def day_of(slots: Slots, now: datetime) -> date | None:
    """The date that was said, the next one there is; None when none was, or there is no such date."""
    today = now.date()
    if "days" in slots:
        return today + timedelta(days=int(slots["days"]))
    if "weeks" in slots:
        return today + timedelta(weeks=int(slots["weeks"]))
    if "nth" in slots:
        return _nth(int(slots["nth"]), int(slots["month"]) if "month" in slots else None, today)
    name = str(slots.get("day", ""))
    if (weekend := name.removeprefix(BOTH)) in WEEKENDS:
        return today + timedelta(days=(5 - today.weekday()) % 7 if weekend == WEEKEND else 12 - today.weekday())
    if name in _OFFSETS:
        return today + timedelta(days=_OFFSETS[name])
    is_next, _, weekday = name.rpartition(" ")
    if weekday not in _WEEKDAYS:
        return None
    found = _WEEKDAYS.index(weekday)
    ahead = (found - today.weekday()) % 7
    return today + timedelta(days=ahead or 7) if not is_next else today + timedelta(days=7 - today.weekday() + found)


def rhythm_of(slots: Slots) -> str | None:
    """A rhythm that is no day of the week: "every other day"; None when none was said."""
    if "period" in slots:
        return f"every {slots['few']} {slots['period']}"
    return str(slots["rhythm"]) if "rhythm" in slots else None


def says_day(slots: Slots) -> bool:
    """Whether a day, or days on which it comes again, was said, one that there is or not."""
    return not _DAY_SLOTS.isdisjoint(slots)


_DAY_SLOTS = frozenset(("day", "days", "weeks", "nth", "every", "rhythm", "period"))
WEEKEND = "weekend"
WEEKENDS = (WEEKEND, "next weekend")
"""Days that are one of two; where one is needed, Saturday."""
BOTH = "both "
"""What such a day begins with when both of its days are meant."""
_OFFSETS = {"today": 0, "tonight": 0, "tomorrow": 1, "day after tomorrow": 2, "yesterday": -1}


def _nth(day: int, month: int | None, today: date) -> date | None:
    for ahead in range(12 * 8 + 1):
        year, index = divmod(today.year * 12 + today.month - 1 + ahead, 12)
        if month not in (None, index + 1):
            continue
        try:
            found = date(year, index + 1, day)
        except ValueError:
            continue
        if found >= today:
            return found
    return None


def repeats(slots: Slots) -> tuple[int, ...]:
    """The weekdays (0 Monday) on which it comes again, () for once."""
    said = [str(slots[k]) for k in ("every", "every2", "every3", "every4") if k in slots]
    days = [day for name in said for day in _REPEATED.get(name) or (_WEEKDAYS.index(name),)]
    if "until" in slots:
        first, last = days[0], _WEEKDAYS.index(str(slots["until"]))
        days = [day % 7 for day in range(first, first + (last - first) % 7 + 1)]
    return tuple(sorted(set(days)))


@dataclass(frozen=True)
class Plan:
    """The date and minute of the day of the first time, and the weekdays on which it comes again."""

    day: date
    minute: int
    days: tuple[int, ...] = ()

    def at(self, now: datetime) -> datetime:
        midnight = datetime(self.day.year, self.day.month, self.day.day, tzinfo=now.tzinfo)
        return midnight.replace(hour=self.minute // 60, minute=self.minute % 60)


def plan(slots: Slots, now: datetime, *, is_alarm: bool) -> Plan | None:
    """When something is to be: the next time that fits what was said, None when there is none or no time was said.

    "Seven" without a half of the day is the next seven there is; on another day than today, the likelier one: in the
    morning for an alarm, within waking hours for a reminder.
    """
    said = minute_of_day(slots)
    if said is None:
        return None
    minute, is_open = said
    days, day = repeats(slots), day_of(slots, now)
    if days or (day is not None and day != now.date()):
        minute = _likely(minute, is_alarm) if is_open else minute
        if not days and day is not None:
            return Plan(day, minute)
        dates = [now.date() + timedelta(days=n) for n in range(8)]
        plans = [Plan(d, minute, days) for d in dates if d.weekday() in days]
    else:
        dates = [now.date()] if day is not None else [now.date(), now.date() + timedelta(days=1)]
        plans = [Plan(d, m) for d in dates for m in ((minute, minute + 720) if is_open else (minute,))]
    return next((p for p in plans if p.at(now).timestamp() > now.timestamp()), None)


def _likely(minute: int, is_alarm: bool) -> int:
    hour = minute // 60
    is_morning = hour >= 1 if is_alarm else hour >= 7
    return minute if is_morning else minute + 720


def clock(at: datetime) -> str:
    """ "7:30 AM"."""
    return f"{at.hour % 12 or 12}:{at.minute:02d} {'AM' if at.hour < 12 else 'PM'}"


def day(at: date, today: date) -> str:
    """ "today", "tomorrow", "on Friday", "on December 24th", "on January 3rd, 2028"."""
    ahead = (at - today).days
    if ahead in (0, 1):
        return ("today", "tomorrow")[ahead]
    if 1 < ahead < 7:
        return f"on {DAYS[at.weekday()]}"
    year = "" if 0 <= ahead < 330 else f", {at.year}"
    return f"on {DAYS[at.weekday()]}, {MONTHS[at.month - 1]} {ordinal(at.day)}{year}"


def every(days: tuple[int, ...]) -> str:
    """ "every day", "on weekdays", "every Monday and Friday"."""
    if len(days) == 7:
        return "every day"
    if days == _REPEATED["weekdays"]:
        return "on weekdays"
    if days == _REPEATED["weekends"]:
        return "on weekends"
    return f"every {join(DAYS[d] for d in days)}"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
