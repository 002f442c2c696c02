"""Days with a name that people count the days to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

HOLIDAYS = {
    "christmas": "Christmas",
    "christmas eve": "Christmas Eve",
    "new year": "New Year's Day",
    "new years eve": "New Year's Eve",
    "halloween": "Halloween",
    "valentines day": "Valentine's Day",
    "easter": "Easter Sunday",
    "good friday": "Good Friday",
    "thanksgiving": "Thanksgiving",
    "independence day": "Independence Day",
}
"""The slot's value -> what it is called."""

_FIXED = {
    "christmas": (12, 25),
    "christmas eve": (12, 24),
    "new year": (1, 1),
    "new years eve": (12, 31),
    "halloween": (10, 31),
    "valentines day": (2, 14),
    "independence day": (7, 4),
}


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, 1583 on (the anonymous algorithm, Nature 13, 1876, p. 487)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return date(year, month, day + 1)


def thanksgiving(year: int) -> date:
    """The fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


_MOVING: dict[str, Callable[[int], date]] = {
    "easter": easter,
    "good friday": lambda year: easter(year) - timedelta(days=2),
    "thanksgiving": thanksgiving,
}


def next_holiday(name: str, today: date) -> date | None:
    """The next one, today's included; None for a name that is not in :data:`HOLIDAYS`."""
    for year in (today.year, today.year + 1):
        if name in _FIXED:
            found = date(year, *_FIXED[name])
        elif name in _MOVING:
            found = _MOVING[name](year)
        else:
            return None
        if found >= today:
            return found
    return None
