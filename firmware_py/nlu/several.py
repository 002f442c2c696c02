"""Several commands in one sentence: where it is to be cut, and what a piece borrows from the one before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from firmware_py.events import Understood
from firmware_py.nlu.normalize import words
from firmware_py.nlu.opposites import MOVING, ORDERS
from firmware_py.nlu.politeness import POLITE
from firmware_py.numerals import NUMBER_WORDS

_BETWEEN = re.compile(r"\s*,?\s*\band then\b\s*|\s*,?\s*\b(?:and|then)\b\s*|\s*[,;.!]\s+", re.IGNORECASE)
_ANOTHER = re.compile(r"(?:another one|another|one more|one) (?=(?:for|at|in|on|to|of)\b)", re.IGNORECASE)
"""What stands for the thing that the command before named: "set an alarm for seven and one for eight"."""
MOST_PIECES = 8
MOST_BORROWED = 5
"""Words that a piece without its verb takes from the command before it: "set an alarm for"."""
STANDS_ALONE = "stands_alone"
"""The metadata of templates whose order or question is never what an open slot before it took: nobody is reminded to
set a timer."""
_VERBS = ORDERS | {"make", "create", "on", "off", "all", "the", "my"}
_BEGINNINGS = ORDERS | {
    "make",
    "create",
    "wake",
    "tell",
    "show",
    "read",
    "what",
    "which",
    "when",
    "how",
    "is",
    "are",
    "do",
}
"""Words that an order or a question of its own begins with."""
_QUESTIONS = frozenset(("what", "which", "when", "where", "who", "how", "whether", "if"))
_IT = frozenset(("it", "that"))
_NEED_NOT_BE = frozenset(("hours", "minutes", "seconds", "minute", "minutes_to"))
"""Slots of a duration or a time of day, which has one of them or another."""


@dataclass(frozen=True)
class OpenText:
    """What an open slot of an exact match took, and whether it is what the sentence ends with."""

    text: str
    is_last: bool


@dataclass(frozen=True)
class Exact:
    """A command that fits to the letter, and what its open slots took."""

    command: Understood
    open_text: tuple[OpenText, ...] = ()

    @property
    def ends_open(self) -> bool:
        return any(taken.is_last for taken in self.open_text)

    def asks_what(self, piece: str) -> bool:
        """Whether a question goes on the one that its open text has: "check what day it is and how late"."""
        taken = {word for text in self.open_text if text.is_last for word in words(text.text)}
        return words(piece)[0] in _QUESTIONS and not taken.isdisjoint(_QUESTIONS)

    @property
    def stands_alone(self) -> bool:
        """Whether it is an order or a question of its own, whatever open text stands in front of it."""
        return bool(self.command.metadata.get(STANDS_ALONE)) and _begins_one(self.command.text)


class Several:
    """Cuts a text into commands. ``exact`` understands one to the letter, None where it is none.

    An "and" inside a command cuts nothing, unless an open slot took it and every piece is a command: "add milk to the
    list and what's on the list". What an open slot ends with may go on behind the "and" ("remind me to wash and iron"),
    and is cut only where the whole is no command, or before one that stands alone.
    """

    def __init__(self, exact: Callable[[str], Exact | None]) -> None:
        self._exact = exact

    def find(self, text: str, whole: Exact | None) -> Understood | None:
        """The commands of ``text``, which is understood as ``whole`` to the letter (None: it is no command); None
        where it is not several."""
        pieces = _BETWEEN.split(text)
        if not 2 <= len(pieces) <= MOST_PIECES:
            return None
        if whole is not None and not any(_BETWEEN.search(taken.text) for taken in whole.open_text):
            return None
        found = self._parts(pieces, _BETWEEN.findall(text), None, is_whole=whole is not None)
        parts = tuple(part.command for part in found)
        return replace(parts[0], text=text, parts=parts) if len(parts) > 1 else None

    def _parts(
        self, pieces: Sequence[str], between: Sequence[str], before: Exact | None, *, is_whole: bool
    ) -> list[Exact]:
        """The commands that the pieces make in order, [] when they make none. Where they are no command together there
        are as few as can be, else as many."""
        sizes = range(1, len(pieces) + 1)
        for size in sizes if is_whole else reversed(sizes):
            if is_whole and before is None and size == len(pieces):
                break
            joined = (pieces[0] + "".join(b + p for b, p in zip(between, pieces[1:size], strict=False))).strip()
            first = self._exact(joined) or (self._borrowing(before, joined, is_whole=is_whole) if before else None)
            if first is None:
                continue
            if size == len(pieces):
                return [first]
            is_text = is_whole and first.ends_open
            if is_text and not _begins_one(pieces[size]):
                continue
            rest = self._parts(pieces[size:], between[size:], first, is_whole=is_whole)
            if rest and (not is_text or (rest[0].stands_alone and not first.asks_what(rest[0].command.text))):
                return [first, *rest]
        return []

    def _borrowing(self, before: Exact, piece: str, *, is_whole: bool) -> Exact | None:
        """A piece that is a command with the first words of the one before it: "... and milk to the hardware list"."""
        said = words(piece)
        if not said or NUMBER_WORDS.issuperset(said) or POLITE.issuperset(said) or before.ends_open:
            return None  # "seven and eight": two times, or one that was heard badly
        if said[0] in ORDERS | MOVING and not _IT.isdisjoint(said):
            return None  # "... and move it to nine" has its verb, and needs a name for "it"
        first = (before.command.sentence or before.command.text).split()
        ways = dict.fromkeys((piece, _ANOTHER.sub("", piece, count=1) if _ANOTHER.match(piece) else piece))
        for count in range(1, min(MOST_BORROWED, len(first) - 1) + 1):
            for way in ways:
                found = self._exact(f"{' '.join(first[:count])} {way}")
                if found is None:
                    continue
                if not is_whole and _VERBS.issuperset(word.lower() for word in first[:count]):
                    return found  # it names its own thing: "cancel the timer and the alarm"
                if found.command.intent == before.command.intent and (is_whole or _says_as_much(found, before)):
                    return replace(found, command=_with_open_slots(found.command, before.command))
        return None


def _begins_one(text: str) -> bool:
    return not _BEGINNINGS.isdisjoint(words(text)[:1])


def _says_as_much(found: Exact, before: Exact) -> bool:
    """Whether a piece says for itself what the command before it says."""
    said, needed = (e.command.slots.keys() - e.command.open_slots for e in (found, before))
    is_timed = needed.isdisjoint(_NEED_NOT_BE) or not said.isdisjoint(_NEED_NOT_BE) or "hour" in said
    return is_timed and said - _NEED_NOT_BE == needed - _NEED_NOT_BE


def _with_open_slots(command: Understood, before: Understood) -> Understood:
    """With what the open slots of the one before took, where it says nothing of it: "... at 8 am and at 9 pm"."""
    taken = {name: before.slots[name] for name in before.open_slots}
    return replace(command, slots=taken | dict(command.slots))
