"""Several commands in one sentence: where it is to be cut, and what a piece borrows from the one before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from firmware_py.events import Understood
from firmware_py.nlu.english import NUMBER_WORDS
from firmware_py.nlu.normalize import words
from firmware_py.nlu.politeness import POLITE

_BETWEEN = re.compile(r"\s*,?\s*\band then\b\s*|\s*,?\s*\b(?:and|then)\b\s*|\s*[,;.!]\s+", re.IGNORECASE)
MOST_PIECES = 8
MOST_BORROWED = 5
"""Words that a piece without its verb takes from the command before it: "set an alarm for"."""


@dataclass(frozen=True)
class OpenText:
    """What an open slot of an exact match took, and whether it is what the sentence ends with."""

    text: str
    is_last: bool


class Several:
    """Cuts a text into commands. ``exact`` understands one to the letter, ``open_text`` says what its open slots took.

    An "and" inside a command cuts nothing, unless an open slot took it and every piece is a command: "add milk to the
    list and what's on the list". What an open slot ends with may go on behind the "and" ("remind me to wash and iron"),
    and is cut only where the whole is no command.
    """

    def __init__(self, exact: Callable[[str], Understood], open_text: Callable[[str], Sequence[OpenText]]) -> None:
        self._exact, self._open_text = exact, open_text

    def find(self, text: str, whole: Understood | None) -> Understood | None:
        """The commands of ``text``, which is understood as ``whole`` to the letter (None: it is no command); None
        where it is not several."""
        pieces = _BETWEEN.split(text)
        if not 2 <= len(pieces) <= MOST_PIECES:
            return None
        if whole is not None and not any(_BETWEEN.search(taken.text) for taken in self._open_text(text)):
            return None
        parts = self._parts(pieces, _BETWEEN.findall(text), None, is_whole=whole is not None)
        return replace(parts[0], text=text, parts=tuple(parts)) if len(parts) > 1 else None

    def _parts(
        self, pieces: Sequence[str], between: Sequence[str], before: Understood | None, *, is_whole: bool
    ) -> list[Understood]:
        """The commands that the pieces make in order, [] when they make none. Where they are no command together there
        are as few as can be, else as many."""
        sizes = range(1, len(pieces) + 1)
        for size in sizes if is_whole else reversed(sizes):
            if is_whole and before is None and size == len(pieces):
                break
            joined = (pieces[0] + "".join(b + p for b, p in zip(between, pieces[1:size], strict=False))).strip()
            first = self._exact(joined)
            if first.intent is None and before is not None:
                first = self._borrowing(before, joined, is_whole=is_whole)
            if first.intent is None:
                continue
            if size == len(pieces):
                return [first]
            if is_whole and self._ends_open(first):
                continue
            rest = self._parts(pieces[size:], between[size:], first, is_whole=is_whole)
            if rest:
                return [first, *rest]
        return []

    def _borrowing(self, before: Understood, piece: str, *, is_whole: bool) -> Understood:
        """A piece that is a command with the first words of the one before it: "... and milk to the hardware list"."""
        unknown = Understood(text=piece)
        said = words(piece)
        if not said or NUMBER_WORDS.issuperset(said) or POLITE.issuperset(said) or self._ends_open(before):
            return unknown  # "seven and eight": two times, or one that was heard badly
        first = before.text.split()
        for count in range(1, min(MOST_BORROWED, len(first) - 1) + 1):
            found = self._exact(f"{' '.join(first[:count])} {piece}")
            if found.intent == before.intent and (is_whole or found.slots.keys() == before.slots.keys()):
                return replace(found, slots=self._open_slots(before) | dict(found.slots))
        return unknown

    def _open_slots(self, command: Understood) -> dict[str, Any]:
        """What its open slots took, for a piece that says nothing of it: "... at 8 am and at 9 pm"."""
        taken = {open_text.text for open_text in self._open_text(command.text)}
        return {name: value for name, value in command.slots.items() if value in taken}

    def _ends_open(self, command: Understood) -> bool:
        return any(taken.is_last for taken in self._open_text(command.text))
