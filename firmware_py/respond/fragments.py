"""Pieces of sentences: what introduces them, and the sentence before with a piece put into it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from firmware_py.events import Understood
from firmware_py.numerals import NUMBER_WORDS, TENS, UNITS

NO = ("no", "nope", "nah")
FILLERS = ("ok", "okay", "oh", "well", "sorry", "hey", "please", "wait", "um", "uh", "er", "hmm", "hm", "so")
CHANGES = (
    "make it", "make that", "change it to", "change that to", "set it to", "i meant", "i mean", "i said", "i want",
    "i wanted", "actually", "say", "it should be", "that should be", "rather",
)  # fmt: skip
FOLLOWS = (
    "and what about", "what about", "how about", "and how about", "and also", "same for", "the same for", "also", "and",
)  # fmt: skip
AFTER = ("of them", "instead", "too", "as well", "please", "then", "rather", "sorry")
DURATION = frozenset(("hours", "minutes", "seconds"))
MAY_BE_ADDED = frozenset(
    {"day", "days", "weeks", "nth", "month", "holiday", "half", "every", "minute", "minutes_to", "list"}
)
"""Slots that a follow-up may fill although the sentence before did not; others can only get another value, and a name
comes with a duration ("and one for pasta for eight minutes")."""
_NUMBERS = NUMBER_WORDS | {"half", "quarter"}
_UNITS = frozenset(
    ("hour", "hours", "minute", "minutes", "second", "seconds", "percent", "am", "pm", "oclock", "o'clock")
)
MOST_WORDS, MOST_FRAGMENT, MOST_SPAN, MOST_BEGUN = 16, 8, 4, 5
ONES = frozenset(UNITS[1:10])
TO_WHAT = ("in", "to", "into")
"""What stands before the unit that an amount is wanted in."""
ANOTHER = ("another", "one")
"""What stands for the thing of the sentence before: "and another one for five minutes"."""
PLACES = ("next", "first", "second", "third", "last")
"""What tells things apart that are called the same, in the answer to "which one?"."""
SAYS_WHICH: dict[str, frozenset[str]] = {
    **dict.fromkeys(("timer_left", "timer_pause", "timer_resume", "timer_cancel"), DURATION | {"name"}),
    **dict.fromkeys(("reminder_move", "reminder_cancel"), frozenset({"text"})),
}
"""Slots that tell one thing from the others, as those that begin with ``of_`` do."""
SMALL = ("the", "in", "on", "for", "at", "to", "a", "an")

_SETS = re.compile(r"\b(?:make|change|set) (?:it|that)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\s,.!?;]+(?:[.,:][^\s,.!?;]+)*")
_NOT_FIRST = re.compile(r"^not\b\s*(?P<wrong>.+?)\s*(?:[,.;]|\bbut\b)+\s*(?P<said>.+)$", re.IGNORECASE)
_NOT_LAST = re.compile(r"^(?P<said>.+?)[\s,.;]+(?:and\s+)?not\s+(?P<wrong>.+)$", re.IGNORECASE)


@dataclass(frozen=True)
class Fragment:
    """``words`` that are meant in the sentence before; ``wrong``, those that they stand for, if that was said.

    ``is_change``: they correct it ("no, fifty", "make it ten"); ``is_introduced``: they do, or go on from it;
    ``sets_value``: they change a thing and do not say which ("make it ten").
    """

    words: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    is_change: bool = False
    is_introduced: bool = False
    sets_value: bool = False

    @property
    def is_another(self) -> bool:
        """Whether a thing of the same kind is meant, under no name or its own: "another one for five minutes"."""
        return len(self.words) > 2 and self.words[0].lower() in ANOTHER


def words(text: str) -> list[str]:
    """The words of a text, without punctuation."""
    return _WORD.findall(text)


def fragments(text: str) -> list[Fragment]:
    """The ways to read a text as a piece of the sentence before; more than one where "not" hides its end."""
    rest, is_change = _without_change(text)
    is_not = words(rest)[:1] and words(rest)[0].lower() == "not"
    found = _NOT_FIRST.match(rest) or (None if is_not else _NOT_LAST.match(rest))
    if found:
        return [_fragment(words(found["said"]), words(found["wrong"]))]
    said = words(rest)
    if is_not:  # "not the kitchen the bedroom": a recogniser may leave the comma out
        return [_fragment(said[at:], said[1:at]) for at in range(2, len(said))]
    follows = () if is_change else _introduction(said, FOLLOWS)
    sets_value = is_change and _SETS.search(text.removesuffix(rest)) is not None
    return [Fragment(_bare(said[len(follows) :]), (), is_change, is_change or bool(follows), sets_value)]


def rest_of(text: str) -> str:
    """A text without the "no" in front of it, "" when there was none."""
    rest, is_change = _without_change(text)
    return rest if is_change else ""


def _without_change(text: str) -> tuple[str, bool]:
    """The text behind "no", "I meant", "actually, make it" and what is said around them; and whether there was any."""
    is_change = False
    while True:
        said = words(text)
        fillers = _introduction(said, FILLERS)
        change = () if fillers else _introduction(said, (*CHANGES, *NO))
        taken = fillers or change
        if not taken or len(taken) == len(said):
            return text.strip(" ,.;!"), is_change
        is_change |= bool(change)
        for word in taken:
            text = text[text.index(word) + len(word) :]


def _introduction(said: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    lowered = [word.lower() for word in said]
    for phrase in sorted(known, key=len, reverse=True):
        if lowered[: len(phrase.split())] == phrase.split():
            return tuple(said[: len(phrase.split())])
    return ()


def _fragment(said: Sequence[str], wrong: Sequence[str]) -> Fragment:
    change = _introduction(said, CHANGES)
    return Fragment(_bare(said[len(change) :]), _bare(wrong), is_change=True, is_introduced=True)


def _bare(said: Sequence[str]) -> tuple[str, ...]:
    lowered = " ".join(said).lower()
    after = next((a for a in AFTER if lowered.endswith(f" {a}")), "")
    return tuple(said[: len(said) - len(after.split())])


def variations(base: Sequence[str], fragment: Fragment, *, is_open: bool, last_first: bool = False) -> Iterator[str]:
    """The sentence with the fragment in it: at its end, in place of a few words, between two.

    Where it was said what is wrong only that is replaced. ``last_first``: of the places the last is tried first.
    """
    forms = _forms(fragment.words)
    replaced = list(_places(base, fragment.wrong)) if fragment.wrong else []
    if fragment.wrong and not replaced and not any(char.isdigit() for char in " ".join((*base, *fragment.wrong))):
        return  # another sentence was meant; only "ten" and "10" are the same in two ways
    if fragment.is_another or (fragment.is_introduced and not is_open):  # "and bread to the other list"
        begun = (base[:size] for size in range(1, min(MOST_BEGUN, len(base)) + 1))
        yield from (" ".join([*part, *forms[0]]) for part in begun if not _tears(part, len(part), forms[0], len(part)))
    for form in reversed(forms) if is_open else forms:
        for start, end in replaced:
            yield " ".join([*base[:start], *form, *base[end:]])
        if replaced:
            continue
        for glue in ("", "for", "at", "in", "to"):
            if not glue and _tears(base, len(base), form, len(base)):
                continue
            yield " ".join([*base, *([glue] if glue else []), *form])
        for size in range(1, MOST_SPAN + 1):
            starts = [at for at in range(len(base) - size + 1) if not _tears(base, at, form, at + size)]
            for start in reversed(starts) if last_first else starts:
                yield " ".join([*base[:start], *form, *base[start + size :]])
        if is_open:
            for at in range(len(base) - 1, 0, -1):
                yield " ".join([*base[:at], *form, *base[at:]])


def _tears(base: Sequence[str], start: int, form: Sequence[str], end: int) -> bool:
    """Whether a number put there becomes one with its neighbour: "six thirty" with "seven" is not 6:37."""
    said = [*base[:start], *form, *base[end:]]
    return any(_is_one_number(*said[at - 1 : at + 1]) for at in (start, start + len(form)) if 0 < at < len(said))


def _is_one_number(before: str, behind: str) -> bool:
    before, behind = before.lower(), behind.lower()
    return (before in TENS or before[-1:].isdigit()) and (behind in ONES or behind[:1].isdigit())


def _forms(said: Sequence[str]) -> list[list[str]]:
    forms = [list(said)]
    if len(said) > 1 and said[0].lower() in SMALL:
        forms.append(list(said[1:]))
        if len(said) > 2 and said[1].lower() in SMALL:
            forms.append(list(said[2:]))
    if len(said) > 2 and said[0].lower() in ANOTHER:
        forms = [list(said[1 + (said[1].lower() == "one") :])]
    if len(said) > 1 and said[-1].lower() in ("one", "timer", "alarm"):
        forms = [form[:-1] for form in forms if len(form) > 1]
    return forms


def _places(base: Sequence[str], wrong: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where the wrong words stand in the sentence, with the small words in front of them and without."""
    lowered = [word.lower() for word in base]
    for form in _forms([word.lower() for word in wrong]):
        for start in range(len(base) - len(form) + 1):
            if lowered[start : start + len(form)] == form:
                yield start, start + len(form)


def cost(last: Understood, found: Understood, fragment: Fragment, *, is_open: bool) -> tuple[int, ...] | None:
    """How far the meaning is from the one before; None when it is none, the same, or another intent's."""
    before, after = last.slots, found.slots
    if found.intent != last.intent or dict(before) == dict(after):
        return None
    changed = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    first = fragment.words[0].lower() if fragment.words else ""
    if "target" in before and first in TO_WHAT and "target" not in changed:
        return None  # "and in ounces" asks for the same amount
    lost = [key for key in before if key not in after]
    if "hour" in changed:  # "make it eight" is eight o'clock, whatever the minutes were
        lost = [key for key in lost if key not in ("minute", "minutes_to")]
    if fragment.is_another:
        lost = [key for key in before if key == "name" and before[key] == after.get(key)]
    kept_minutes = "hour" in changed and "minute" in before and "minute" not in changed
    may_be_added = MAY_BE_ADDED | {"name"} if DURATION.intersection(changed) else MAY_BE_ADDED
    if (last.intent or "").endswith("_move"):  # "move it to tomorrow", "make it nine"
        may_be_added |= {"hour"}
    if fragment.sets_value and any(key in after and _says_which(last.intent, key) for key in changed):
        return None
    if not is_open and any(key not in before and key not in may_be_added for key in changed):
        return None
    if is_open and (
        lost or any(key in before and not _may_be_replaced(before[key], after.get(key)) for key in changed)
    ):
        return None
    names = sum(key.startswith("of_") for key in changed)  # "to ten" says another time rather than which alarm
    texts = sum(isinstance(after.get(key), str) and isinstance(before.get(key), (int, float)) for key in changed)
    free = sum(isinstance(after.get(key), str) for key in changed)
    return (
        len(lost) + kept_minutes,
        texts + names,
        len(changed),
        free if _has_number(before) else 0,
        len(found.text.split()),
    )


def _says_which(intent: str | None, key: str) -> bool:
    return key.startswith("of_") or key in SAYS_WHICH.get(intent or "", ())


def suits_open_text(last: Understood, found: Understood, *, may_change: bool) -> bool:
    """Whether slots that take any words keep theirs, or with ``may_change`` have others, but no number where there was
    none: "make it fifteen" is no fifteen on a list."""
    changed = [key for key in found.open_slots if last.slots.get(key) != found.slots.get(key)]
    if any(words(str(found.slots[key]).lower())[-1:] == ["list"] for key in changed):
        return False  # "bread to the shopping list" is nothing on another list
    if not may_change:
        return not changed
    return not any(_is_amount(found.slots.get(k)) and not _is_amount(last.slots.get(k)) for k in changed)


def _may_be_replaced(value: Any, by: Any) -> bool:
    """Whether an answer says the same more exactly."""
    return str(value).lower() in ("something", "a thing", "weekend") or by in PLACES


def _is_amount(value: Any) -> bool:
    """Whether it ends like a number or a time, and not with a thing: "ten minutes", but not "two eggs"."""
    said = [word.lower() for word in words(str(value))]
    return any(word in _NUMBERS or word[:1].isdigit() for word in said) and (
        said[-1] in _UNITS or said[-1] in _NUMBERS or said[-1][:1].isdigit()
    )


def _says_twice(said: Sequence[str]) -> bool:
    return any(a.lower() == b.lower() for a, b in itertools.pairwise(said))


def _has_number(slots: Mapping[str, Any]) -> bool:
    return any(isinstance(v, (int, float)) and not isinstance(v, bool) for v in slots.values())


def fitted(
    last: Understood, fragment: Fragment, understand: Callable[[str], Understood], *, is_open: bool, is_last: bool
) -> Understood | None:
    """The cheapest way to put a fragment into a command that fits to the letter then; ``is_last``: open text may change
    as well."""
    base = words(last.sentence or last.text)
    if not (fragment.is_introduced or is_open) or len(base) > MOST_WORDS:
        return None
    best: tuple[tuple[int, ...], Understood] | None = None
    last_first = fragment.is_introduced and not is_last  # "ten miles in kilometers, no, meters"
    for order, text in enumerate(variations(base, fragment, is_open=is_open, last_first=last_first)):
        if _says_twice(text.split()) and not _says_twice(base):
            continue  # "no, the pasta timer" behind the pasta timer names no "pasta pasta timer"
        found = understand(text)
        far = cost(last, found, fragment, is_open=is_open)
        if far is None or (best is not None and (*far, order) >= best[0]):
            continue
        if not is_open and not suits_open_text(last, found, may_change=is_last):
            continue
        best = ((*far, order), found)
    return best[1] if best else None
