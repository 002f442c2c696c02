"""The time, the date, the day of the week."""

from __future__ import annotations

from firmware_py.respond.request import Answer, Handler, Request

ABILITY = "tell you the time and the date"
ABILITY_ORDER = 10

MONTHS: tuple[str, ...] = ("January", "February", "March", "April", "May", "June", "July")
MONTHS += ("August", "September", "October", "November", "December")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PHRASES = tuple(f"It's {day}." for day in DAYS)


def time(request: Request) -> Answer:
    now = request.now
    half = "AM" if now.hour < 12 else "PM"
    return Answer(f"It's {now.hour % 12 or 12}:{now.minute:02d} {half}.")


def date(request: Request) -> Answer:
    now = request.now
    return Answer(f"It's {DAYS[now.weekday()]}, {MONTHS[now.month - 1]} {ordinal(now.day)}, {now.year}.")


def day_of_week(request: Request) -> Answer:
    return Answer(f"It's {DAYS[request.now.weekday()]}.")


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


HANDLERS: dict[str, Handler] = {"time": time, "date": date, "day_of_week": day_of_week}
