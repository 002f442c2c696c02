"""What a sentence means because of the one before it: an answer to a question, another value, the same again.

A fragment ("ten minutes", "make it fifteen", "and the bedroom", "what about tomorrow") is tried in the sentence that
was said before: put in, or in place of a few of its words. What then fits a template to the letter, with the same
intent, is meant.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from firmware_py.events import Understood
from firmware_py.respond.request import Answer

LEFT = "Okay, I leave it."
CONFIRM_S = 30.0
"""A yes or no counts for so long behind its question; later it may be meant for somebody else."""
YES_WORDS = "yes|yeah|yep|yup|sure|ok|okay|yes please|please do|do it|yes do it|go ahead|yes go ahead|of course"
YES = frozenset([*YES_WORDS.split("|"), "right", "correct", "i am sure", "i'm sure", "yes i am", "yes sure"])
NO_WORDS = "no|nope|no thanks|no thank you|don't|do not|no don't|rather not|better not|leave it|not now"
NO = frozenset(NO_WORDS.split("|"))
CHANGES = ("make it", "make that", "change it to", "change that to", "i meant", "i mean", "actually", "say")
FOLLOWS = (
    "and what about",
    "what about",
    "how about",
    "and how about",
    "and also",
    "same for",
    "the same for",
    "also",
    "and",
)
AFTER = ("instead", "too", "as well", "please", "then", "rather")
REPLACEABLE = frozenset({"timer_start", "alarm_set", "reminder_set"})
MAY_BE_ADDED = frozenset({"day", "days", "weeks", "nth", "month", "holiday", "half", "every", "minute", "minutes_to"})
"""Slots that a follow-up may fill although the sentence before did not; others can only get another value."""
MOST_WORDS, MOST_FRAGMENT, MOST_SPAN = 16, 8, 4

_WORD = re.compile(r"[^\s,.!?;]+(?:[.,:][^\s,.!?;]+)*")


class Last(Protocol):
    """The turn before, as long as it counts."""

    def last_understood(self) -> Understood | None: ...


class Dialogue:
    """Remembers the question that is open. ``understand`` is exact understanding of a text (None: nothing follows),
    ``clock`` monotonic seconds."""

    def __init__(
        self,
        history: Last,
        understand: Callable[[str], Understood] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history, self._understand, self._clock = history, understand, clock
        self._asked: tuple[Understood | None, Answer | None] | None = None
        self._asked_s = 0.0

    def committed(self, understood: Understood | None, asks: bool, held: Answer | None) -> None:
        """A turn is over; ``held`` is what a yes would do."""
        self._asked = (understood, held) if asks else None
        self._asked_s = self._clock()

    def resolve(self, understood: Understood) -> Understood | Answer:
        """The sentence that is meant, or the answer to a yes or no. Changes nothing."""
        last = self._history.last_understood()
        if last is None:
            return understood
        is_open = self._asked is not None and self._asked[0] is last
        said = " ".join(words(understood.text)).lower()
        is_awaited = self._clock() - self._asked_s < CONFIRM_S
        if is_open and is_awaited and self._asked and self._asked[1] is not None:
            if said in YES:
                return replace(self._asked[1], confirm="")
            if said in NO:
                return Answer(LEFT)
        if (understood.intent is not None and understood.score >= 1) or self._understand is None:
            return understood
        return self._follow(last, understood, is_open=is_open) or understood

    def _follow(self, last: Understood, understood: Understood, *, is_open: bool) -> Understood | None:
        assert self._understand is not None
        prefix, fragment = split(understood.text)
        base = words((last.parts or (last,))[-1].text)
        last = (last.parts or (last,))[-1]
        if not fragment or not (prefix or is_open) or len(base) > MOST_WORDS or len(fragment) > MOST_FRAGMENT:
            return None
        best: tuple[tuple[int, ...], Understood] | None = None
        for order, text in enumerate(variations(base, fragment, is_open=is_open)):
            found = self._understand(text)
            cost = _cost(last, found, is_open=is_open)
            if cost is not None and (best is None or (*cost, order) < best[0]):
                best = ((*cost, order), found)
        if best is None:
            return None
        is_change = prefix in CHANGES and not is_open and last.intent in REPLACEABLE
        return replace(best[1], slots={**best[1].slots, "replace": True}) if is_change else best[1]


def words(text: str) -> list[str]:
    return _WORD.findall(text)


def split(text: str) -> tuple[str, list[str]]:
    """What introduces a fragment ("make it", "and", "" for nothing), and the fragment."""
    said = words(text)
    while said and said[0].lower() in ("no", "ok", "okay", "oh", "well", "sorry", "hey", "please"):
        said = said[1:]
    prefix = ""
    for known in sorted((*CHANGES, *FOLLOWS), key=len, reverse=True):
        size = len(known.split())
        if " ".join(said[:size]).lower() == known:
            prefix, said = known, said[size:]
            break
    lowered = " ".join(said).lower()
    for after in AFTER:
        if lowered.endswith(f" {after}"):
            said = said[: -len(after.split())]
            break
    return prefix, said


def variations(base: Sequence[str], fragment: Sequence[str], *, is_open: bool) -> Iterator[str]:
    """The sentence with the fragment in it: at its end, in place of a few words, between two."""
    forms = [list(fragment)]
    if len(fragment) > 1 and fragment[0].lower() in ("the", "in", "on", "for", "at", "to", "a"):
        forms.append(list(fragment[1:]))
    if len(fragment) > 1 and fragment[-1].lower() in ("one", "timer", "alarm"):
        forms = [form[:-1] for form in forms if len(form) > 1]
    for form in reversed(forms) if is_open else forms:
        for glue in ("", "for", "at", "in", "to"):
            yield " ".join([*base, *([glue] if glue else []), *form])
        for size in range(1, MOST_SPAN + 1):
            for start in range(len(base) - size + 1):
                yield " ".join([*base[:start], *form, *base[start + size :]])
        if is_open:
            for at in range(len(base) - 1, 0, -1):
                yield " ".join([*base[:at], *form, *base[at:]])


def _cost(last: Understood, found: Understood, *, is_open: bool) -> tuple[int, ...] | None:
    """How far the meaning is from the one before; None when it is none, the same, or another intent's."""
    before, after = last.slots, found.slots
    if found.intent != last.intent or dict(before) == dict(after):
        return None
    changed = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    lost = [key for key in before if key not in after]
    if "hour" in changed:  # "make it eight" is eight o'clock, whatever the minutes were
        lost = [key for key in lost if key not in ("minute", "minutes_to")]
    kept_minutes = "hour" in changed and "minute" in before and "minute" not in changed
    if not is_open and any(key not in before and key not in MAY_BE_ADDED for key in changed):
        return None
    if is_open and (lost or any(key in before for key in changed if not _is_placeholder(before.get(key)))):
        return None
    texts = sum(isinstance(after.get(key), str) and isinstance(before.get(key), (int, float)) for key in changed)
    free = sum(isinstance(after.get(key), str) for key in changed)
    return (len(lost) + kept_minutes, texts, len(changed), free if _has_number(before) else 0, len(found.text.split()))


def _is_placeholder(value: Any) -> bool:
    return str(value).lower() in ("something", "a thing")


def _has_number(slots: Mapping[str, Any]) -> bool:
    return any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in slots.values())
