"""Sentences that more than one skill needs, and replies for intents that have no skill."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

UNKNOWN = "Sorry, I didn't understand that."
DONE = "Okay."
SURE = "Shall I do that: {}?"
UNSURE = "I don't know the {}. Did you mean the {}?"
FAILED = "Sorry, something went wrong with that."

_SLOT = re.compile(r"\{\s*([^{}]*?)\s*\}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_SPACES = re.compile(r"\s+")
_BEFORE_STOP = re.compile(r"\s+([.,!?;:])")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_|-")


def thing(name: str) -> str:
    """What somebody named: a recogniser writes "tea" as the letter that it sounds like ("set a t timer", "green T")."""
    *before, last = name.split(" ")
    return " ".join([*before, "tea"]) if last in ("t", "T") else name


def fill(template: str, slots: Mapping[str, Any]) -> str:
    """A response template with ``{slot}`` replaced by its value; a slot that was not said leaves no gap."""
    text = _SLOT.sub(lambda m: said(slots[m[1]]) if m[1] in slots else "", template)
    return _BEFORE_STOP.sub(r"\1", _SPACES.sub(" ", text)).strip()


def fixed_parts(template: str) -> Iterator[str]:
    """The sentences of a response template that are the same whatever was said."""
    return (sentence for sentence in _SENTENCE.split(template.strip()) if sentence and "{" not in sentence)


def read_back(intent: str, slots: Mapping[str, Any]) -> str:
    """What was understood, for an intent that has neither a skill nor a response: its slots as they are."""
    name = _CAMEL.sub(" ", intent).strip().lower()
    if not slots:
        return f"{name.capitalize()}."
    return f"{name.capitalize()}: {', '.join(said(v) for v in slots.values())}."


def said(value: Any) -> str:
    """A slot's value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple)):
        return join(said(v) for v in value)
    return str(value)


def join(parts: Iterable[str], word: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    items = list(parts)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """ "1 hour", "2 hours"."""
    return f"{count} {one if count == 1 else many or one + 's'}"
