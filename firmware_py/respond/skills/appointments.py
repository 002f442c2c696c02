"""Alarms and reminders: once or again and again, by the wall clock; snooze."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from firmware_py.agenda.entries import ALARM, REMINDER, RINGING, Appointment, Entry
from firmware_py.events import Action
from firmware_py.respond.choices import PLACES
from firmware_py.respond.phrases import DONE, join
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.skills.clock import NOT_SET
from firmware_py.respond.when import (
    BOTH,
    WEEKEND,
    WEEKENDS,
    Plan,
    clock,
    day,
    day_of,
    duration,
    every,
    minute_of_day,
    plan,
    repeats,
    rhythm_of,
    says_day,
    seconds_of,
)

_LEADS_TO_DAY = ("for", "about", "before", "after", "until", "by", "since", "from", "of")
SNOOZE_S = 9 * 60.0


def set_alarm(request: Request) -> Answer:
    if (seconds := seconds_of(request.slots)) is not None:
        return _count_down(request, ALARM, "", seconds)
    if request.slots.get("several"):
        return Answer("Tell me the times one by one: set an alarm for 7 and one for 8.")
    found = _plans(request, is_alarm=True)
    if isinstance(found, Answer):
        return found
    return Answer(f"Alarm set for {_whens(request, found)}.", tuple(appoint(ALARM, "", plan) for plan in found))


def set_reminder(request: Request) -> Answer:
    words = _mine_to_yours(_reminded_of(request))
    if not words:
        return Answer("Remind you of what?")
    if (seconds := seconds_of(request.slots)) is not None:
        return _count_down(request, REMINDER, words, seconds)
    found = _plans(request, is_alarm=False)
    if isinstance(found, Answer):
        return found
    return Answer(
        f"I'll remind you at {_whens(request, found)}: {words}.",
        tuple(appoint(REMINDER, words, plan) for plan in found),
    )


def list_alarms(request: Request) -> Answer:
    alarms = [told(request, a) for a in request.world.agenda.entries(ALARM)]
    if not alarms:
        return Answer("There is no alarm.")
    return Answer(f"There is an alarm {alarms[0]}." if len(alarms) == 1 else f"There are alarms {join(alarms)}.")


def list_reminders(request: Request) -> Answer:
    reminders = request.world.agenda.entries(REMINDER)
    if not reminders:
        return Answer("There is no reminder.")
    text = join(f"{r.name}, {told(request, r)}" for r in reminders)
    return Answer(f"{text[:1].upper()}{text[1:]}.")


def cancel_alarm(request: Request) -> Answer:
    says_which = minute_of_day(request.slots) is not None or says_day(request.slots)
    if request.world.agenda.entries(ALARM, RINGING) and not says_which:
        return Answer(DONE, (Action("stop_speaking"), Action("stop_ringing")))
    return _cancel(request, ALARM)


def cancel_reminder(request: Request) -> Answer:
    return _cancel(request, REMINDER)


def snooze(request: Request) -> Answer:
    seconds = seconds_of(request.slots) or SNOOZE_S
    if not request.world.agenda.entries(phase=RINGING):
        return Answer("Nothing is ringing.")
    return Answer(f"Again in {duration(seconds)}.", (Action("stop_speaking"), Action("snooze", {"seconds": seconds})))


def _cancel(request: Request, kind: str) -> Answer:
    entries = request.world.agenda.entries(kind)
    if not entries:
        return Answer(f"There is no {kind}.")
    found = entries if request.slots.get("all") else chosen(request, entries)
    if not found:
        return Answer(f"There is no such {kind}.")
    if len(found) > 1 and not request.slots.get("all"):
        return which(request, found)
    forget = Action("forget", {"ids": [e.id for e in found]})
    if len(found) > 1:
        return Answer(f"All {len(found)} {kind}s cancelled.", (forget,))
    done = f"Cancelled the {kind} {told(request, found[0])}."
    return Answer(done, (forget,), confirm=_whether_all(request, found[0]))


def which(request: Request, entries: Sequence[Entry]) -> Answer:
    """The question for one of several, by their time where they are called the same."""
    named = [e.name for e in entries]
    if len({name.casefold() for name in named}) < len(named):
        named = [f"the one {told(request, e)}" for e in entries]
    return Answer(f"Which one: {join(named, 'or')}?", choices=tuple(e.name for e in entries))


def chosen(request: Request, entries: Sequence[Entry]) -> list[Entry]:
    """Those whose day, time of day or words were said; all when nothing was."""
    said, words = minute_of_day(request.slots), str(request.slots.get("text", "")).casefold()
    found = list(entries)
    if says_day(request.slots):
        found = [e for e in found if _is_on_day(request, e)]
    if said is not None:
        minute, is_open = said
        minutes = {minute, minute + 720} if is_open else {minute}
        found = [e for e in found if isinstance(e.when, Appointment) and e.when.minute in minutes]
    if words:
        words = _mine_to_yours(words).casefold()
        found = [e for e in found if e.name.casefold() == words]
    about = set(str(request.slots.get("about", "")).casefold().split())
    found = [e for e in found if about <= set(e.name.casefold().split())]
    if "place" in request.slots:
        at = PLACES[request.slots["place"]]
        found = [found[at]] if -len(found) <= at < len(found) else []
    return found


def _reminded_of(request: Request) -> str:
    """The words of a reminder; of "prepare for Monday" the day is one of them."""
    text, on = str(request.slots.get("text", "")), request.slots.get("day")
    is_cut = bool(on) and text.casefold().split()[-1:] in [[word] for word in _LEADS_TO_DAY]
    return f"{text} {on}" if is_cut else text


def _is_on_day(request: Request, entry: Entry) -> bool:
    """Whether it comes on the day, or again and again on the days, that were said."""
    if not isinstance(entry.when, Appointment):
        return False
    again = repeats(request.slots)
    if again:
        return set(again) <= set(entry.when.days)
    first = date.fromisoformat(entry.when.day)
    return any(on == first or (on > first and on.weekday() in entry.when.days) for on in _dates(request))


def _dates(request: Request) -> list[date]:
    """The date that was said, both of a weekend, [] where there is none."""
    on = day_of(request.slots, request.now)
    if on is None:
        return []
    is_weekend = str(request.slots.get("day")).removeprefix(BOTH) in WEEKENDS
    return [on, on + timedelta(days=1)] if is_weekend else [on]


def _whether_all(request: Request, entry: Entry) -> str:
    """What to ask before one that comes on other days too is cancelled for a day; "" where nothing else is lost."""
    if not isinstance(entry.when, Appointment) or not says_day(request.slots):
        return ""
    named = set(repeats(request.slots)) or {on.weekday() for on in _dates(request)}
    if set(entry.when.days) <= named:
        return ""
    return f"That {entry.kind} comes {every(entry.when.days)}. Cancel it altogether?"


def unplannable(request: Request) -> Answer | None:
    """Why no day of the agenda can be what was said, or the question for one of two; None where one can."""
    if not request.world.agenda.clock.is_set():
        return Answer(NOT_SET)
    if (rhythm := rhythm_of(request.slots)) is not None:
        return Answer(f"I can't do that {rhythm}, only on days of the week, for example every Monday.")
    if says_day(request.slots) and not repeats(request.slots) and day_of(request.slots, request.now) is None:
        return Answer("There is no such day.")
    if request.slots.get("day") in WEEKENDS:
        return Answer("On Saturday or on Sunday?")
    return None


def _plans(request: Request, *, is_alarm: bool) -> list[Plan] | Answer:
    """When it is to be, twice where both days of a weekend are meant."""
    refusal = unplannable(request)
    if refusal is not None:
        return refusal
    if minute_of_day(request.slots) is None:
        return Answer("At what time?")
    slots, weekend = [request.slots], str(request.slots.get("day"))
    if weekend.startswith(BOTH):
        days = (weekend.removeprefix(BOTH).replace(WEEKEND, day) for day in ("saturday", "sunday"))
        slots = [{**request.slots, "day": on} for on in days]
    found = [p for said in slots if (p := plan(said, request.now, is_alarm=is_alarm)) is not None]
    return found or Answer("That time is over.")


def _whens(request: Request, plans: Sequence[Plan]) -> str:
    return join([when(request, plans[0]), *(day(p.day, request.now.date()) for p in plans[1:])])


def _count_down(request: Request, kind: str, name: str, seconds: float) -> Answer:
    if not seconds:
        return Answer("That is now.")
    action = Action("count_down", {"kind": kind, "name": name, "seconds": seconds})
    said = f"I'll remind you in {duration(seconds, 3)}: {name}." if name else f"Alarm in {duration(seconds, 3)}."
    return Answer(said, (action,))


def appoint(kind: str, name: str, found: Plan) -> Action:
    return Action(
        "appoint",
        {"kind": kind, "name": name, "day": found.day.isoformat(), "minute": found.minute, "days": list(found.days)},
    )


def when(request: Request, found: Plan) -> str:
    at = found.at(request.now)
    if found.days:
        return f"{clock(at)} {every(found.days)}"
    return f"{clock(at)} {day(found.day, request.now.date())}"


def told(request: Request, entry: Entry) -> str:
    if not isinstance(entry.when, Appointment):
        left = request.world.agenda.left_s(entry)
        return f"in {duration(left)}" if left is not None else "some time after the power cut"
    at = entry.when.moment(request.now.tzinfo or request.world.agenda.clock.zone())
    again = entry.when.days
    return f"at {clock(at)} {every(again) if again else day(at.date(), request.now.date())}"


_TURNED = {"my": "your", "i": "you", "me": "you", "mine": "yours", "myself": "yourself", "i'm": "you're", "am": "are"}


def _mine_to_yours(text: str) -> str:
    """ "call my mother" -> "call your mother": it is said back to whoever said it."""
    return " ".join(_TURNED.get(w.casefold(), w) for w in text.split())


HANDLERS: dict[str, Handler] = {
    "alarm_set": set_alarm,
    "alarm_list": list_alarms,
    "alarm_cancel": cancel_alarm,
    "alarm_snooze": snooze,
    "reminder_set": set_reminder,
    "reminder_list": list_reminders,
    "reminder_cancel": cancel_reminder,
}
