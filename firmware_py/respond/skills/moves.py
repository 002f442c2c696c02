"""Moving an alarm or a reminder to another time of day or another day. Which one is said in slots with ``of_``."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from firmware_py.agenda.entries import ALARM, REMINDER, Appointment, Entry
from firmware_py.events import Action
from firmware_py.respond.foreseen import Foreseen
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.skills.appointments import appoint, chosen, unplannable, when, which
from firmware_py.respond.when import BOTH, Plan, Slots, every, minute_of_day, plan, says_day


def move_alarm(request: Request) -> Answer:
    return _move(request, ALARM)


def move_reminder(request: Request) -> Answer:
    return _move(request, REMINDER)


def _move(request: Request, kind: str) -> Answer:
    request = replace(request, world=Foreseen(request.world).after(request.undoes))
    entries = request.world.agenda.entries(kind)
    if not entries:
        return Answer(f"There is no {kind}.")
    of = {key.removeprefix("of_"): value for key, value in request.slots.items() if key.startswith("of_")}
    of |= {"text": request.slots["text"]} if "text" in request.slots else {}
    found = chosen(replace(request, slots=of), entries)
    if not found:
        return Answer(f"There is no such {kind}.")
    if len(found) > 1:
        return which(request, found)
    return _moved(request, found[0])


def _moved(request: Request, entry: Entry) -> Answer:
    refusal = unplannable(request)
    if refusal is not None:
        return refusal
    if str(request.slots.get("day")).startswith(BOTH):
        return Answer(f"I can move the {entry.kind} to one day only.")
    slots = _completed(request.slots, entry)
    if minute_of_day(slots) is None:
        return Answer("To what time?")
    to = _plan(request, slots, entry)
    if to is None:
        return Answer("That time is over.")
    called = f": {entry.name}" if entry.name else ""
    said = f"{entry.kind.capitalize()} moved to {when(request, to)}{called}."
    actions = (Action("forget", {"ids": [entry.id]}), appoint(entry.kind, entry.name, to))
    again = entry.when.days if isinstance(entry.when, Appointment) else ()
    is_lost = bool(again) and not to.days
    confirm = f"That {entry.kind} comes {every(again)}. Move it altogether?" if is_lost else ""
    return Answer(said, actions, confirm=confirm)


def _completed(slots: Slots, entry: Entry) -> Slots:
    """With the time of day that it has, where none is said, and the half of the day that is nearer to it."""
    if not isinstance(entry.when, Appointment):
        return slots
    said = minute_of_day(slots)
    if said is None:
        if not says_day(slots):
            return slots
        hour, minute = divmod(entry.when.minute, 60)
        return {**slots, "hour": hour, "minute": minute, "half": "am" if hour < 12 else "pm"}
    if not said[1]:
        return slots
    morning, evening, next_morning = (abs(said[0] + 720 * n - entry.when.minute) for n in range(3))
    return {**slots, "half": "pm" if evening < min(morning, next_morning) else "am"}


def _plan(request: Request, slots: Slots, entry: Entry) -> Plan | None:
    """On the day or days that are said, else on those that it has, as soon as the time of day is to come."""
    said = minute_of_day(slots)
    if said is None or says_day(slots) or not isinstance(entry.when, Appointment):
        return plan(slots, request.now, is_alarm=entry.kind == ALARM)
    first, days = max(date.fromisoformat(entry.when.day), request.now.date()), entry.when.days
    if not days and "half" not in request.slots and entry.when.minute - said[0] > 720:
        first += timedelta(days=1)  # one in the morning is after eleven in the evening
    dates = (first + timedelta(days=n) for n in range(8))
    plans = (Plan(day, said[0], days) for day in dates if not days or day.weekday() in days)
    return next((p for p in plans if p.at(request.now).timestamp() > request.now.timestamp()), None)


HANDLERS: dict[str, Handler] = {"alarm_move": move_alarm, "reminder_move": move_reminder}
