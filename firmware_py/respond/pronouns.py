"""What "it" is: the timer, alarm, reminder, list or device that the command before was about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from firmware_py.events import Understood
from firmware_py.respond.when import Slots, adjective, seconds_of

_IT = re.compile(r"\b(?:it|that one|that|this)\b", re.IGNORECASE)
_PLACED = re.compile(r"\b(next|first|second|third|last) one\b", re.IGNORECASE)
_PARTICLES = ("on", "in", "up", "down", "out", "away", "back")
"""Ends of orders that are about no list: "put the kettle on"."""
_ARTICLES = ("the", "my", "our")
_HALVES = {"am": "am", "morning": "am", "pm": "pm", "afternoon": "pm", "evening": "pm"}
_MOST_VERB, _MOST_DROPPED = 2, 3
"""Words before and behind a device that are none of its name: "turn the kitchen light on"."""
NAMELESS = frozenset(("cancel", "timer_pause", "timer_resume"))
"""Intents of sentences that may name nothing: "cancel it", "pause it"."""

_CHANGES = frozenset(("timer_add", "alarm_move", "reminder_move"))
"""Intents behind which "cancel it" is about what was changed, and not about the change."""
_CANCEL_IT = re.compile(r"(oh )?(no )?cancel it( again)?( please)?")
_BEHIND = re.compile(r"\s*,?\s*\b(?:and then|and|then)\b\s*|\s*[,;.]\s+", re.IGNORECASE)
_MOST_CUTS = 4
_MAKES = frozenset(("timer_start", "alarm_set", "reminder_set"))
"""Of "it" there is one already."""


def with_name(said: Understood, before: Understood, understand: Callable[[str], Understood]) -> Understood | None:
    """The sentence with "it" called by its name, if that is an order or a question about it to the letter; None else,
    and for one that says something without that. A list need not be said: "remove the eggs"."""
    if said.score >= 1 and (said.intent not in NAMELESS or said.slots):
        return None
    kind = (before.intent or "").partition("_")[0]
    names = list(_NAMES[kind](before)) if kind in _NAMES else list(_things(before))
    it = _IT.search(said.text)
    texts = [said.text[: it.start()] + name + said.text[it.end() :] for name in names] if it else []
    texts += [_PLACED.sub(rf"\1 {kind}", said.text)] if kind == "timer" and _PLACED.search(said.text) else []
    if kind == "list" and not texts and said.text.rstrip(" .!?").split(" ")[-1] not in _PARTICLES:
        bare = said.text.rstrip(" .!?")
        joints = ("",) if bare.lower().endswith(" off") else ("to ", "from ")
        texts = [f"{bare} {joint}{names[0]}" for joint in joints]
    for text in texts:
        found = understand(text)
        if found.intent in _MAKES:
            continue
        if (found.intent or "").startswith(f"{kind}_") if kind in _NAMES else found.intent and not found.open_slots:
            return found
    return None


def is_about_changed(text: str, before: Understood) -> bool:
    """Whether "cancel it" is said of a timer, alarm or reminder that the command before changed."""
    said = " ".join(re.findall(r"[\w']+", text.lower()))
    last = before.parts[-1] if before.parts else before
    return last.intent in _CHANGES and _CANCEL_IT.fullmatch(said) is not None


def going_on(text: str, understand: Callable[[str], Understood]) -> Understood | None:
    """A sentence whose end is an order about the "it" that its beginning names, as several commands: "set an alarm for
    eight and move it to nine"; None where it is none."""
    cuts = [found for found in _BEHIND.finditer(text) if _IT.search(text, found.end())][:_MOST_CUTS]
    for cut in reversed(cuts):
        begun, order = text[: cut.start()], text[cut.end() :]
        first = understand(begun)
        before = first if first.intent is not None else going_on(begun, understand)
        if before is None:
            continue
        parts = before.parts or (before,)
        behind = with_name(understand(order), parts[-1], understand)
        if behind is not None:
            return replace(parts[0], text=text, parts=(*parts, behind))
    return None


def _timer(command: Understood) -> Iterator[str]:
    slots: Slots = command.slots
    seconds = seconds_of(slots)
    if command.intent == "timer_add":  # its own time is no part of the name
        seconds = _seconds_now(slots, seconds)
    name = slots.get("name") or (adjective(seconds) if seconds else "")
    if name:
        yield f"the {name} timer"
    yield "the timer"


def _seconds_now(slots: Slots, by_s: float | None) -> float | None:
    """How long a timer that was called by its time is set for once time was added; None where nothing tells."""
    of_s = seconds_of({key.removeprefix("of_"): value for key, value in slots.items() if key.startswith("of_")})
    if of_s is None or by_s is None or (slots.get("way") == "to" and "more" not in slots):
        return None
    return of_s - by_s if slots.get("less") else of_s + by_s


def _alarm(command: Understood) -> Iterator[str]:
    slots = command.slots
    if not isinstance(slots.get("hour"), int) or "minutes_to" in slots:
        yield "the alarm"
    else:
        half = _HALVES.get(str(slots.get("half")), "")
        yield f"the {slots['hour']}:{slots.get('minute', 0):02d} {half} alarm"


def _reminder(command: Understood) -> Iterator[str]:
    yield f"the reminder to {command.slots['text']}" if "text" in command.slots else "the reminder"


def _list(command: Understood) -> Iterator[str]:
    yield f"the {command.slots.get('list', 'shopping')} list"


def _things(command: Understood) -> Iterator[str]:
    """What a sentence of the user's own may be about, the longest first: from its article on, else behind its verb."""
    said = (command.sentence or command.text).strip(" .!?").split()
    articles = [at for at, word in enumerate(said) if word.lower() in _ARTICLES]
    for start in articles[:1] or range(1, _MOST_VERB + 1):
        for end in range(len(said), max(start + 1, len(said) - _MOST_DROPPED) - 1, -1):
            yield " ".join(said[start:end])


_NAMES: dict[str, Callable[[Understood], Iterator[str]]] = {
    "timer": _timer,
    "alarm": _alarm,
    "reminder": _reminder,
    "list": _list,
}
