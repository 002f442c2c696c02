"""Alarms and reminders: once or again and again, by the wall clock; snooze."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from firmware_py.agenda.entries import ALARM, REMINDER, RINGING, Appointment, Entry
from firmware_py.events import Action
from firmware_py.respond.phrases import DONE, join
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.skills.clock import NOT_SET
from firmware_py.respond.skills.timers import FULL
from firmware_py.respond.when import (
    Plan,
    clock,
    day,
    day_of,
    duration,
    every,
    minute_of_day,
    plan,
    repeats,
    says_day,
    seconds_of,
)

_LEADS_TO_DAY = ("for", "about", "before", "after", "until", "by", "since", "from", "of")
SNOOZE_S = 9 * 60.0


def set_alarm(request: Request) -> Answer:
    if (seconds := seconds_of(request.slots)) is not None:
        return _count_down(request, ALARM, "", seconds)
    found = _plan(request, is_alarm=True)
    if isinstance(found, Answer):
        return found
    if request.is_full:
        return Answer(FULL)
    return Answer(f"Alarm set for {_when(request, found)}.", (_appoint(ALARM, "", found),))


def set_reminder(request: Request) -> Answer:
    words = _mine_to_yours(_reminded_of(request))
    if not words:
        return Answer("Remind you of what?")
    if (seconds := seconds_of(request.slots)) is not None:
        return _count_down(request, REMINDER, words, seconds)
    found = _plan(request, is_alarm=False)
    if isinstance(found, Answer):
        return found
    if request.is_full:
        return Answer(FULL)
    return Answer(
        f"I'll remind you at {_when(request, found)}: {words}.",
        (_appoint(REMINDER, words, found),),
    )


def list_alarms(request: Request) -> Answer:
    alarms = request.world.agenda.entries(ALARM)
    if not alarms:
        return Answer("There is no alarm.")
    told = [_told(request, a) for a in alarms]
    return Answer(f"There is an alarm {told[0]}." if len(told) == 1 else f"There are alarms {join(told)}.")


def list_reminders(request: Request) -> Answer:
    reminders = request.world.agenda.entries(REMINDER)
    if not reminders:
        return Answer("There is no reminder.")
    told = join(f"{r.name}, {_told(request, r)}" for r in reminders)
    return Answer(f"{told[:1].upper()}{told[1:]}.")


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
    chosen = entries if request.slots.get("all") else _chosen(request, entries)
    if not chosen:
        return Answer(f"There is no such {kind}.")
    if len(chosen) > 1 and not request.slots.get("all"):
        told = [r.name if kind == REMINDER else f"the one {_told(request, r)}" for r in chosen]
        return Answer(f"Which one: {join(told, 'or')}?")
    forget = Action("forget", {"ids": [e.id for e in chosen]})
    if len(chosen) > 1:
        return Answer(f"All {len(chosen)} {kind}s cancelled.", (forget,))
    done = f"Cancelled the {kind} {_told(request, chosen[0])}."
    return Answer(done, (forget,), confirm=_whether_all(request, chosen[0]))


def _chosen(request: Request, entries: Sequence[Entry]) -> list[Entry]:
    """Those whose day, time of day or words were said; all when nothing was."""
    said, words = minute_of_day(request.slots), str(request.slots.get("text", "")).casefold()
    chosen = list(entries)
    if says_day(request.slots):
        chosen = [e for e in chosen if _is_on_day(request, e)]
    if said is not None:
        minute, is_open = said
        minutes = {minute, minute + 720} if is_open else {minute}
        chosen = [e for e in chosen if isinstance(e.when, Appointment) and e.when.minute in minutes]
    if words:
        words = _mine_to_yours(words).casefold()
        chosen = [e for e in chosen if e.name.casefold() == words]
    return chosen


def _reminded_of(request: Request) -> str:
    """The words of a reminder; of "prepare for Monday" the day is one of them."""
    text, on = str(request.slots.get("text", "")), request.slots.get("day")
    is_cut = bool(on) and text.casefold().split()[-1:] in [[word] for word in _LEADS_TO_DAY]
    return f"{text} {on}" if is_cut else text


def _is_on_day(request: Request, entry: Entry) -> bool:
    """Whether it comes on the day, or again and again on the days, that were said."""
    if not isinstance(entry.when, Appointment):
        return False
    again, on = repeats(request.slots), day_of(request.slots, request.now)
    if again:
        return set(again) <= set(entry.when.days)
    if on is None:
        return False
    first = date.fromisoformat(entry.when.day)
    return on == first or (on > first and on.weekday() in entry.when.days)


def _whether_all(request: Request, entry: Entry) -> str:
    """What to ask before one that comes on other days too is cancelled for a day; "" where nothing else is lost."""
    if not isinstance(entry.when, Appointment) or not says_day(request.slots):
        return ""
    on = day_of(request.slots, request.now)
    named = set(repeats(request.slots)) or ({on.weekday()} if on else set())
    if set(entry.when.days) <= named:
        return ""
    return f"That {entry.kind} comes {every(entry.when.days)}. Cancel it altogether?"


def _plan(request: Request, *, is_alarm: bool) -> Plan | Answer:
    if not request.world.agenda.clock.is_set():
        return Answer(NOT_SET)
    if says_day(request.slots) and not repeats(request.slots) and day_of(request.slots, request.now) is None:
        return Answer("There is no such day.")
    if minute_of_day(request.slots) is None:
        return Answer("At what time?")
    return plan(request.slots, request.now, is_alarm=is_alarm) or Answer("That time is over.")


def _count_down(request: Request, kind: str, name: str, seconds: float) -> Answer:
    if not seconds:
        return Answer("That is now.")
    if request.is_full:
        return Answer(FULL)
    action = Action("count_down", {"kind": kind, "name": name, "seconds": seconds})
    said = f"I'll remind you in {duration(seconds, 3)}: {name}." if name else f"Alarm in {duration(seconds, 3)}."
    return Answer(said, (action,))


def _appoint(kind: str, name: str, found: Plan) -> Action:
    return Action(
        "appoint",
        {"kind": kind, "name": name, "day": found.day.isoformat(), "minute": found.minute, "days": list(found.days)},
    )


def _when(request: Request, found: Plan) -> str:
    at = found.at(request.now)
    if found.days:
        return f"{clock(at)} {every(found.days)}"
    return f"{clock(at)} {day(found.day, request.now.date())}"


def _told(request: Request, entry: Entry) -> str:
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
