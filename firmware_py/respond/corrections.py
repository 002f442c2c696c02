"""What somebody corrects while saying it: "at seven, I mean eight", "set an alarm, no, a timer for ten minutes"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from firmware_py.events import Understood
from firmware_py.respond.fragments import MOST_SPAN, fitted, fragments, rest_of, words

CORRECTED = re.compile(
    r"[\s,.;]+(?=(?:oh |wait |sorry )?(?:no|i mean|i meant|make that|actually|or rather|sorry)\b)", re.IGNORECASE
)
"""Where somebody takes another run."""
CORRECTED_ALOUD = re.compile(
    r"\s*[,.;]\s*(?=(?:oh |wait |sorry )?(?:no|i mean|i meant|actually|or rather|sorry)\b)", re.IGNORECASE
)
"""The same with a pause that was written, in sentences whose open text takes any words."""

_INSTEAD = re.compile(
    r"[\s,.;]+(?:oh |wait |sorry )*(?:i mean|i meant|or rather)\b[\s,.;]*"
    r"|\s*[,.;]\s*(?:oh |wait )*(?:sorry|actually)\b[\s,.;]*"
    r"|\s*[,.;]\s*(?:oh |wait |sorry )*no\s*[,.;]\s*(?:i mean|i meant)?\s*",
    re.IGNORECASE,
)
"""What takes back the thing before it, where things are told one after the other."""
_NEXT_THING = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*", re.IGNORECASE)

Understand = Callable[[str], Understood]
"""Exact understanding of a text."""


def in_one_breath(understood: Understood, understand: Understand) -> Understood | None:
    """A command that was corrected while it was said ("at seven, I mean eight"), or another one in its place ("...,
    no, never mind"); None where nothing was."""
    if understood.score >= 1:
        return _aloud(understood, understand)
    parts = CORRECTED.split(understood.text, maxsplit=1)
    if len(parts) < 2:
        return None
    first = understand(parts[0])
    if first.intent is None:
        return None
    instead = understand(rest_of(parts[1]) or parts[1])
    if instead.intent is not None:
        return instead
    return _put_into(first, parts[1], understand, (False, True)) or _going_on(first, parts[1], understand)


def _going_on(first: Understood, correction: str, understand: Understand) -> Understood | None:
    """The command with the correction's first words in it and the others behind it: "remind me at seven, I mean eight,
    to call mum"."""
    said = words(rest_of(correction))
    for size in range(min(MOST_SPAN, len(said) - 1), 0, -1):
        put = _put_into(first, " ".join(("no", *said[:size])), understand, (False,))
        if put is None:
            continue
        found = understand(" ".join((put.text, *said[size:])))
        if found.intent == first.intent and put.slots.items() <= found.slots.items():
            return found
    return None


def things_meant(text: str) -> str:
    """Things as they are meant: "milk, I mean cream" is cream, "milk, eggs, no, two eggs" are milk and two eggs."""
    meant, *corrections = _INSTEAD.split(text)
    for correction in corrections:
        kept = [found.end() for found in _NEXT_THING.finditer(meant)]
        meant = meant[: kept[-1] if kept else 0] + correction
    return meant


def _aloud(understood: Understood, understand: Understand) -> Understood | None:
    """A sentence whose open text took the correction in ("remind me to call mum at six, no, seven"): the value that it
    changes; no command where the correction became one of its own and changes none."""
    said = CORRECTED_ALOUD.split(understood.text, maxsplit=1)
    if len(said) < 2 or not (understood.open_slots or understood.parts):
        return None
    first = understand(said[0])
    if first.intent != understood.intent:
        return None
    return _put_into(first, said[1], understand, (False,)) or _instead_of_torn(understood, said, understand)


def _put_into(
    first: Understood, correction: str, understand: Understand, may_be_open_text: Sequence[bool]
) -> Understood | None:
    """The command with the first reading of a correction that fits into it."""
    pieces = (replace(piece, is_introduced=True) for piece in fragments(correction) if piece.words)
    tries = ((piece, is_last) for piece in pieces for is_last in may_be_open_text)
    found = (fitted(first, piece, understand, is_open=False, is_last=is_last) for piece, is_last in tries)
    return next((f for f in found if f is not None), None)


def _instead_of_torn(understood: Understood, said: Sequence[str], understand: Understand) -> Understood | None:
    """What is meant where a correction borrowed the words of the command before it ("remind me to no, dad"): the
    command that it is by itself, else nothing that is known; None where it borrowed none."""
    parts = understood.parts
    is_first = bool(parts) and words(parts[0].text) == words(said[0])
    if not is_first or " ".join(words(parts[1].text)).lower() in " ".join(words(said[1])).lower():
        return None
    instead = understand(rest_of(said[1]) or said[1])
    return instead if instead.intent is not None else Understood(understood.text)
