"""Timers: several, with names; how long is left, pause, resume, more time, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from firmware_py.agenda.agenda import is_paused
from firmware_py.agenda.entries import RINGING, TIMER, Countdown, Entry
from firmware_py.events import Action
from firmware_py.respond.foreseen import Foreseen
from firmware_py.respond.phrases import DONE, join, thing
from firmware_py.respond.request import Answer, Handler, Request
from firmware_py.respond.when import adjective, duration, seconds_of

ABILITY = "set timers, alarms and reminders"
ABILITY_ORDER = 12
LONGEST_S = 7 * 86_400
PLACES = {
    "next": 0,
    "first": 0,
    "earlier": 0,
    "older": 0,
    "second": 1,
    "third": 2,
    "last": -1,
    "later": -1,
    "newer": -1,
}
"""Which of several is meant that are called the same, in the order in which they end."""
NONE_THERE = "There is no timer."
NO_NUMBER = "A timer can't be called by a number. Give it a word, for example: set a pasta timer."


def start(request: Request) -> Answer:
    if "number" in request.slots:
        return Answer(NO_NUMBER)
    seconds = seconds_of(request.slots)
    if not seconds or not {"minus", "negative"}.isdisjoint(request.text.casefold().split()):
        return Answer("For how long?" if seconds is None else "A timer needs some time.")
    if seconds > LONGEST_S:
        return Answer("That is too long for a timer.")
    name = _name(request)
    what = f"{name.capitalize()} timer for {duration(seconds, 3)}" if name else duration(seconds, 3)
    action = Action("count_down", {"kind": TIMER, "name": name, "seconds": seconds})
    doubt = request.doubt(duration(seconds, 3))
    return Answer(f"{what}, starting now.", (action,), confirm=doubt)


def left(request: Request) -> Answer:
    timers = _timers(request)
    chosen = _chosen(request, timers)
    if not timers or not chosen:
        return Answer(_no_such(request, timers))
    if len(chosen) == 1:
        return Answer(f"{_state(request, chosen[0])} {_called(chosen[0], 'on the')}.")
    told = [f"{_state(request, t)} {_called(t, 'on the')}" for t in chosen]
    return Answer(f"There are {len(chosen)} timers: {join(told)}.")


def pause(request: Request) -> Answer:
    return _change(request, "pause", "Paused", [t for t in _timers(request) if not is_paused(t)])


def resume(request: Request) -> Answer:
    return _change(request, "resume", "Going on with", [t for t in _timers(request) if is_paused(t)])


def cancel(request: Request) -> Answer:
    if request.world.agenda.entries(TIMER, RINGING):
        return Answer(DONE, (Action("stop_speaking"), Action("stop_ringing")))
    timers = _timers(request)
    if request.slots.get("all") and len(timers) > 1:
        return Answer(f"All {len(timers)} timers cancelled.", (_on("forget", timers),))
    return _change(request, "forget", "Cancelled", timers)


def add(request: Request) -> Answer:
    called = {timer.id: _called(timer, "on the") for timer in _timers(request)}
    request = replace(request, world=Foreseen(request.world).after(request.undoes))
    timers = _timers(request)
    is_new = request.slots.get("way") == "to" and "more" not in request.slots
    if is_new and not timers:
        return start(request)
    chosen = _chosen(request, timers, "of_")
    seconds = seconds_of(request.slots)
    if seconds is None:
        return Answer("How much time?")
    if len(chosen) != 1:
        return Answer(_which(request, chosen, timers) if chosen else _no_such(request, timers))
    was_left = request.world.agenda.left_s(chosen[0]) or 0.0
    by_s = seconds - was_left if is_new else -seconds if request.slots.get("less") else seconds
    now_left = max(1.0, was_left + by_s)
    action = Action("extend", {"ids": [chosen[0].id], "by_s": by_s})
    return Answer(f"{duration(now_left)} left {called.get(chosen[0].id, _called(chosen[0], 'on the'))}.", (action,))


def _change(request: Request, action: str, words: str, timers: Sequence[Entry]) -> Answer:
    chosen = list(timers) if request.slots.get("all") else _chosen(request, timers)
    if not chosen:
        return Answer(_no_such(request, timers))
    if len(chosen) > 1 and not request.slots.get("all"):
        return Answer(_which(request, chosen, timers))
    return Answer(f"{words} {join(_called(t, 'the') for t in chosen)}.", (_on(action, chosen),))


def _on(action: str, timers: Sequence[Entry]) -> Action:
    return Action(action, {"ids": [t.id for t in timers]})


def _timers(request: Request) -> list[Entry]:
    return request.world.agenda.entries(TIMER)


def _name(request: Request) -> str:
    words = str(request.slots.get("name", "")).casefold().split()
    while words and words[0] in ("the", "a", "an", "my", "called", "named", "new"):
        words = words[1:]
    return thing(" ".join(words))


def _chosen(request: Request, timers: Sequence[Entry], prefix: str = "") -> list[Entry]:
    """Those that were named, by what they are called or how long they were set for (slots with ``prefix``); all when
    none was."""
    name = _name(request)
    seconds = seconds_of({key.removeprefix(prefix): v for key, v in request.slots.items() if key.startswith(prefix)})
    if name:
        called = [t for t in timers if t.name == name]
        return called or (
            [timers[PLACES[name]]] if name in PLACES and -len(timers) <= PLACES[name] < len(timers) else []
        )
    if seconds is not None:
        return [t for t in timers if isinstance(t.when, Countdown) and t.when.total_s == seconds]
    return list(timers)


def _called(timer: Entry, article: str) -> str:
    assert isinstance(timer.when, Countdown)
    return f"{article} {timer.name or adjective(timer.when.total_s)} timer"


def _state(request: Request, timer: Entry) -> str:
    seconds = request.world.agenda.left_s(timer)
    if seconds is None:
        return "I can't tell how much is left, for my clock is not set after a power cut,"
    return f"{duration(max(0.0, seconds))} left{', paused,' if is_paused(timer) else ''}"


def _which(request: Request, chosen: Sequence[Entry], timers: Sequence[Entry]) -> str:
    """Those that are called the same are told apart by their place among all and what is left."""
    called = [_called(t, "the") for t in chosen]
    if len(set(called)) < len(called):
        called = [f"the {_place(t, timers)} with {_state(request, t)}" for t in chosen]
    return f"Which one: {join(called, 'or')}?"


def _place(timer: Entry, timers: Sequence[Entry]) -> str:
    """How one is told from others, in words that :func:`_chosen` knows; beyond the third, but for the last, by name."""
    ids = [t.id for t in timers]
    at = ids.index(timer.id)
    if at == len(ids) - 1:
        return "last"
    return ("next", "second", "third")[at] if at < 3 else _called(timer, "").strip()


def _no_such(request: Request, timers: Sequence[Entry]) -> str:
    name = _name(request)
    if not timers and not request.world.agenda.entries(TIMER):
        return NONE_THERE
    if name:
        return f"There is no {name} timer."
    return "There is no such timer." if seconds_of(request.slots) is not None else "There is no timer like that now."


HANDLERS: dict[str, Handler] = {
    "timer_start": start,
    "timer_left": left,
    "timer_pause": pause,
    "timer_resume": resume,
    "timer_cancel": cancel,
    "timer_add": add,
}
