"""What is said when something is due, was missed, or cannot be known for want of a clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from firmware_py.agenda.clock import Clock
from firmware_py.agenda.entries import ALARM, TIMER, Countdown, Entry
from firmware_py.respond.phrases import join
from firmware_py.respond.when import adjective, clock, day, duration

LATE_S = 90.0
MOST_TOLD = 3


def due(entries: Sequence[Entry], time: Clock) -> str:
    """ "Your pasta timer is done."; what rings late says so."""
    return " ".join(_due(entry, time) for entry in entries)


def missed(entries: Sequence[Entry], time: Clock) -> str:
    """ "By the way, you missed the pasta timer at 3:05 PM."; of many the latest few, and how many more."""
    latest = sorted(entries, key=lambda e: (e.since_s or 0.0, e.id))[-MOST_TOLD:]
    told = [f"{_called(e)}{_at(e, time)}" for e in latest]
    more = len(entries) - len(told)
    return f"By the way, you missed {join([*told, f'{more} more'] if more else told)}."


def unsure(entries: Sequence[Entry]) -> str:
    """That nothing can ring until the clock is set."""
    what = join(_called(e) for e in entries[:MOST_TOLD]) + (" and more" if len(entries) > MOST_TOLD else "")
    return f"I was without power and do not know what time it is, so I cannot tell when {what} would be. Set my clock."


def _due(entry: Entry, time: Clock) -> str:
    late_s = time.wall_s() - entry.since_s if entry.since_s is not None else 0.0
    late = f" It was due {duration(late_s, 1)} ago." if late_s > LATE_S else ""
    if entry.kind == TIMER:
        return f"Your {_name(entry)} timer is done.{late}"
    if entry.kind == ALARM:
        return f"It's {clock(time.now())}. Your alarm.{late}"
    return f"A reminder: {entry.name}.{late}"


def _called(entry: Entry) -> str:
    if entry.kind == TIMER:
        return f"the {_name(entry)} timer"
    return "an alarm" if entry.kind == ALARM else f"the reminder {entry.name}"


def _name(entry: Entry) -> str:
    return entry.name or (adjective(entry.when.total_s) if isinstance(entry.when, Countdown) else "")


def _at(entry: Entry, time: Clock) -> str:
    if entry.since_s is None:
        is_lost = isinstance(entry.when, Countdown) and entry.when.boot != time.boot
        return ", which ran when the power went" if is_lost else ""
    now = time.now()
    at = datetime.fromtimestamp(entry.since_s, now.tzinfo)
    return f" at {clock(at)}" + ("" if at.date() == now.date() else f" {day(at.date(), now.date())}")
