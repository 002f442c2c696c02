"""The time, the date, the day of the week; what day something is and how far it is; setting the clock."""

from __future__ import annotations

import datetime

from firmware_py.events import Action
from firmware_py.respond.holidays import HOLIDAYS, next_holiday
from firmware_py.respond.phrases import plural
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.when import DAYS, MONTHS, clock, day_of, minute_of_day, ordinal

ABILITY = "tell you the time and the date"
ABILITY_ORDER = 10
PHRASES = tuple(f"It's {day}." for day in DAYS)
NOT_SET = "My clock is not set, for I was without power. Say, for example: set the clock to seven thirty PM."


def time(request: Request) -> Answer:
    if request.slots.get("set"):
        return set_clock(request)
    if not request.world.agenda.clock.is_set():
        return Answer(NOT_SET)
    return Answer(f"It's {clock(request.now)}.")


def date(request: Request) -> Answer:
    if request.slots.get("set"):
        return set_date(request)
    if not request.world.agenda.clock.is_set():
        return Answer(NOT_SET)
    today = request.now.date()
    at = _day(request)
    if at is None:
        return Answer(f"It's {_full(today)}." if not _names_a_day(request) else "There is no such date.")
    if request.slots.get("until"):
        return Answer(_distance(request, at, today))
    return Answer(f"{_subject(request, at, today)} {_full(at)}.")


def day_of_week(request: Request) -> Answer:
    if not request.world.agenda.clock.is_set():
        return Answer(NOT_SET)
    today, at = request.now.date(), _day(request)
    if at is None:
        return Answer(f"It's {DAYS[today.weekday()]}." if not _names_a_day(request) else "There is no such date.")
    name = _subject(request, at, today)
    is_far = request.slots.get("holiday") or (at - today).days > 6
    return Answer(f"{name} {_full(at, with_year=at.year != today.year) if is_far else DAYS[at.weekday()]}.")


def set_clock(request: Request) -> Answer:
    said = minute_of_day(request.slots)
    if said is None:
        return Answer("To what time?")
    minute, is_open = said
    if is_open:
        return Answer("In the morning or in the evening? Say, for example: set the clock to seven thirty PM.")
    at = request.world.agenda.clock.moment_of(minute)
    return _set(request, at, f"{clock(at)} on {_full(at.date())}", is_dated=False)


def set_date(request: Request) -> Answer:
    day = _said_date(request)
    if day is None:
        return Answer("To what date? Say, for example: set the date to the second of May 2027.")
    at = request.now.replace(year=day.year, month=day.month, day=day.day)
    return _set(request, at, _full(day), is_dated=True)


def _said_date(request: Request) -> datetime.date | None:
    """Without a year, the next there is from the earliest date that it can be."""
    slots = request.slots
    first = request.world.agenda.clock.first_day()
    years = [int(slots["year"])] if "year" in slots else range(first.year, first.year + 9)
    for year in years:
        try:
            day = datetime.date(year, int(slots["month"]), int(slots["nth"]))
        except (KeyError, ValueError):
            continue
        if "year" in slots or day >= first:
            return day
    return None


def _set(request: Request, at: datetime.datetime, what: str, *, is_dated: bool) -> Answer:
    if request.world.agenda.clock.is_system_set():
        return Answer("My clock is set by the network or its own battery. I leave it as it is.")
    action = Action("clock_set", {"at": at.isoformat(), "is_dated": is_dated})
    return Answer(f"The clock is set to {what}.", (action,))


def _day(request: Request) -> datetime.date | None:
    name = request.slots.get("holiday")
    return next_holiday(str(name), request.now.date()) if name else day_of(request.slots, request.now)


def _names_a_day(request: Request) -> bool:
    return bool({"holiday", "day", "days", "weeks", "nth"} & set(request.slots))


def _distance(request: Request, at: datetime.date, today: datetime.date) -> str:
    days = (at - today).days
    name = HOLIDAYS.get(str(request.slots.get("holiday")), "")
    what = name or f"{MONTHS[at.month - 1]} {ordinal(at.day)}"
    if days == 0:
        return f"{what} is today."
    if request.slots.get("until") == "weeks" and days >= 7:
        rest = f" and {plural(days % 7, 'day')}" if days % 7 else ""
        return f"{plural(days // 7, 'week')}{rest} until {what}."
    return f"{plural(days, 'day')} until {what}."


def _subject(request: Request, at: datetime.date, today: datetime.date) -> str:
    name = HOLIDAYS.get(str(request.slots.get("holiday")))
    if name:
        return f"{name} is on"
    ahead = (at - today).days
    if ahead in (-1, 0, 1):
        return ("Yesterday was", "Today is", "Tomorrow is")[ahead + 1]
    return f"That is {plural(ahead, 'day')} from now:" if ahead > 0 else "That was"


def _full(at: datetime.date, *, with_year: bool = True) -> str:
    text = f"{DAYS[at.weekday()]}, {MONTHS[at.month - 1]} {ordinal(at.day)}"
    return f"{text}, {at.year}" if with_year else text


HANDLERS: dict[str, Handler] = {"time": time, "date": date, "day_of_week": day_of_week}
