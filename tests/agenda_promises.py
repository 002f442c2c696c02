"""What timers, alarms, reminders and a list must be after so many changes, on plain values (``agenda_kills.py``)."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import cache

from firmware_py.agenda.agenda import LATE_S, RING_S
from firmware_py.agenda.entries import ALARM, MISSED, REMINDER, RINGING, TIMER, WAITING

START_S = 1_767_225_600
"""2026-01-01T00:00Z."""
DAY_S = 86_400
SHOPPING = "shopping"
KINDS = ("count down",) * 3 + ("appoint",) * 2 + ("settle",) * 5 + ("add",) * 3
KINDS += ("cancel", "pause", "resume", "extend", "extend", "snooze", "snooze", "stop", "give up", "tell", "remove")


@dataclass(frozen=True, order=True)
class Promise:
    """``number`` is the change that made it; ``due_s`` when it is, or was, due (Unix time), of a paused one what is
    left; ``total_s`` of a countdown, 0 of others."""

    number: int
    kind: str
    phase: str
    due_s: int
    is_paused: bool = False
    total_s: int = 0
    is_daily: bool = False


Found = tuple[list[Promise], list[str]]


@cache
def time_of(number: int) -> int:
    """When change ``number`` is made: 20 s after the one before, or an hour and a half."""
    at_s = START_S
    for n in range(number):
        at_s += 5000 if random.Random(f"step {n}").random() < 0.04 else 20
    return at_s


@dataclass(frozen=True)
class Change:
    """What change ``number`` does where there are such promises and things on the list."""

    kind: str
    what: str
    seconds: int
    by_s: int
    is_daily: bool
    chosen: tuple[Promise, ...]

    @classmethod
    def of(cls, number: int, state: Found) -> Change:
        promises, items = state
        rng = random.Random(number)
        waiting = sorted(p for p in promises if p.phase == WAITING)
        paused = [p for p in waiting if p.is_paused]
        running = [p for p in waiting if p.total_s and not p.is_paused]
        kind = rng.choice(KINDS)
        if kind in ("count down", "appoint") and len(waiting) > 40:
            kind = "cancel"
        if (kind == "add" and len(items) > 80) or (kind == "remove" and not items):
            kind = "remove" if items else "add"
        by_kind = {
            "cancel": waiting[:2],
            "pause": running[-1:],
            "resume": paused[-1:],
            "extend": (paused + running)[-1:],
        }
        of_phase = {"snooze": RINGING, "stop": RINGING, "give up": RINGING, "tell": MISSED}
        chosen = by_kind.get(kind, [p for p in promises if p.phase == of_phase.get(kind)])
        what = rng.choice((TIMER, ALARM, REMINDER))
        return cls(kind, what, rng.randrange(5, 3000), rng.randrange(-500, 500), rng.random() < 0.5, tuple(chosen))

    def moment(self, now_s: int) -> int:
        """When an appointment is: the next whole minute behind ``seconds`` from now."""
        return (now_s + self.seconds) // 60 * 60 + 60


def expect(number: int, state: Found) -> Found:
    """The state after change ``number``."""
    change, now_s = Change.of(number, state), time_of(number)
    if change.kind == "add":
        return state[0], [*state[1], f"a{number}", f"b{number}"]
    if change.kind == "remove":
        return state[0], state[1][2:]
    kept = list(state[0])
    if change.kind == "count down":
        kept.append(Promise(number, change.what, WAITING, now_s + change.seconds, total_s=change.seconds))
    elif change.kind == "appoint":
        kept.append(Promise(number, change.what, WAITING, change.moment(now_s), is_daily=change.is_daily))
    elif change.kind == "settle":
        kept = [new for p in kept for new in _settled(p, now_s)]
    else:
        for promise in change.chosen:
            kept.remove(promise)
        kept += [new for p in change.chosen for new in _changed(p, change, now_s)]
    return sorted(_told_once(kept)), state[1]


def _changed(promise: Promise, change: Change, now_s: int) -> list[Promise]:
    left_s = promise.due_s if promise.is_paused else promise.due_s - now_s
    if change.kind == "pause":
        return [replace(promise, due_s=left_s, is_paused=True) if left_s > 0 else promise]
    if change.kind == "resume":
        return [replace(promise, due_s=now_s + left_s, is_paused=False)]
    if change.kind == "extend":
        left_s, total_s = max(1, left_s + change.by_s), max(1, promise.total_s + change.by_s)
        return [replace(promise, due_s=left_s if promise.is_paused else now_s + left_s, total_s=total_s)]
    if change.kind == "snooze":
        due_s, total_s = now_s + change.seconds, promise.total_s or change.seconds
        return [replace(promise, phase=WAITING, due_s=due_s, total_s=total_s, is_daily=False)]
    return [replace(promise, phase=MISSED)] if change.kind == "give up" else []


def _settled(promise: Promise, now_s: int) -> list[Promise]:
    if promise.phase == RINGING and promise.due_s < now_s - LATE_S - RING_S:
        return [replace(promise, phase=MISSED)]
    if promise.phase != WAITING or promise.is_paused or promise.due_s > now_s:
        return [promise]
    latest_s = promise.due_s + (now_s - promise.due_s) // DAY_S * DAY_S if promise.is_daily else promise.due_s
    due = replace(promise, phase=RINGING if now_s - latest_s <= LATE_S else MISSED, due_s=latest_s)
    return [due, replace(promise, due_s=latest_s + DAY_S)] if promise.is_daily else [due]


def _told_once(promises: list[Promise]) -> list[Promise]:
    """Of one that recurs the latest missed time alone."""
    latest = {p.number: p for p in sorted(promises) if p.phase == MISSED and p.is_daily}
    return [p for p in promises if not (p.phase == MISSED and p.is_daily) or latest[p.number] is p]
