"""What "it" is: the timer, alarm or reminder that the command before was about."""

from __future__ import annotations

import re
from collections.abc import Callable

from firmware_py.events import Understood
from firmware_py.respond.when import Slots, adjective, seconds_of

_IT = re.compile(r"\b(?:it|that one|that|this)\b", re.IGNORECASE)
_HALVES = {"am": "am", "morning": "am", "pm": "pm", "afternoon": "pm", "evening": "pm"}
NAMELESS = frozenset(("cancel", "timer_pause", "timer_resume"))
"""Intents of sentences that may name nothing: "cancel it", "pause it"."""


def with_name(said: Understood, before: Understood, understand: Callable[[str], Understood]) -> Understood | None:
    """The sentence with "it" called by its name, if that is an order or a question about it to the letter; None else,
    and for one that says something without that."""
    if said.score >= 1 and (said.intent not in NAMELESS or said.slots):
        return None
    kind = (before.intent or "").partition("_")[0]
    name = _NAMES[kind](before) if kind in _NAMES else None
    if name is None or not _IT.search(said.text):
        return None
    found = understand(_IT.sub(lambda _: name, said.text, count=1))
    return found if (found.intent or "").startswith(f"{kind}_") else None


def _timer(command: Understood) -> str:
    slots: Slots = command.slots
    if command.intent == "timer_add":  # its own time is no part of the name
        slots = {key.removeprefix("of_"): slots[key] for key in slots if key.startswith("of_") or key == "name"}
    seconds = seconds_of(slots)
    name = slots.get("name") or (adjective(seconds) if seconds else "")
    return f"the {name} timer" if name else "the timer"


def _alarm(command: Understood) -> str:
    slots = command.slots
    if not isinstance(slots.get("hour"), int) or "minutes_to" in slots:
        return "the alarm"
    half = _HALVES.get(str(slots.get("half")), "")
    return f"the {slots['hour']}:{slots.get('minute', 0):02d} {half} alarm"


def _reminder(command: Understood) -> str:
    return f"the reminder to {command.slots['text']}" if "text" in command.slots else "the reminder"


_NAMES = {"timer": _timer, "alarm": _alarm, "reminder": _reminder}
