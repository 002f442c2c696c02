"""Words that a repair must not smooth over: "off" sounds like "on", and "do not" adds little to a long sentence."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection

from firmware_py.nlu.english import ORDINALS, WEEKDAYS
from firmware_py.numerals import NUMBER_WORDS

_PAIRS = """
on off / up down / open close / open shut / opened closed / lock unlock / mute unmute / start stop / begin end
/ louder quieter / louder softer / higher lower / raise lower / increase decrease / more less / with without
/ left right / hot cold / hotter colder / warm cool / warmer cooler / warmer colder / enable disable / arm disarm
/ louder lower / add remove / play pause / brighter darker / brighter dimmer / plug unplug / fill empty / fill drain
/ allow forbid / allow deny / allow block / lock open / first last / next previous / yes no / front back / show hide
/ today tomorrow / morning evening / am pm / connect disconnect / faster slower / before after / in out / inside outside
"""
_OPPOSITES: dict[str, set[str]] = {}
for _pair in _PAIRS.split("/"):
    _one, _other = _pair.split()
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)

_GROUPS: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "on off up down",
        "kitchen bedroom bathroom hall hallway corridor office study cellar basement attic loft garage garden nursery"
        " lounge terrace balcony porch shed toilet pantry",
        "monday tuesday wednesday thursday friday saturday sunday day weekday week month year",
        "red green blue yellow orange purple pink white black brown",
        "lamp heater fan radio television window door gate tap oven blind",
        "timer alarm reminder",
    )
)
"""Names of different things: one that was heard is not said as another of its kind, however alike they sound."""

_MAKING_WORDS = """
set make create start begin add put run activate enable engage arm resume continue wake remind reminder
"""
_DROPPING_WORDS = """
cancel delete remove clear stop end kill erase deactivate disable disengage disarm abort pause halt off
"""
_MAKING, _DROPPING = frozenset(_MAKING_WORDS.split()), frozenset(_DROPPING_WORDS.split())
"""Orders that make or begin something, and those that end it or leave it out."""
MOVING = frozenset(("move", "shift", "postpone", "delay", "reschedule", "push"))
_AGAIN = frozenset(("reset", "restart"))
_MISHEARD = {"end": {"and", "weekend"}, "off": {"of"}}
"""How recognisers write these small words."""
_COUNTED = NUMBER_WORDS | {"half", "quarter", "quarters", "third", "thirds", "point"}
_HOMOPHONES = {"two": {"to", "too"}, "four": {"for"}, "one": {"a", "an", "on"}, "eight": {"at"}, "ten": {"then"}}
_HOMOPHONES |= {"six": {"set"}, "nine": {"mine"}, "point": {"paint"}}
_BEFORE_NUMBERS = frozenset(("for", "to", "of", "at", "in", "by", "foot", "feet", "pound", "pounds"))
_DAYS_OF_MONTH = ORDINALS - {"first", "second", "third"}
_VAGUE = frozenset(("few", "several", "couple", "dozen"))
_REVERSALS = ("de", "dis", "un")
"""What turns a verb round in front of it; "re" does it again, and is no worse heard than left out."""

ARTICLES = frozenset(("the", "a", "an"))
PRONOUNS = frozenset(("it", "that", "this", "them", "those", "these"))
_EVERY = frozenset(("another", "all", "every", "everything", "everywhere", "both", "each"))
_AGAIN_AND_AGAIN = frozenset(("every", "each"))
_RHYTHMS = frozenset(("daily", "weekly", "monthly", "yearly", "annually"))
_LIKE_RHYTHMS = ("ly", "lee", "ley", "li")
"""How recognisers write the end of these; the begin is the same letter ("early" is none)."""
_CALLED = frozenset(("called", "named", "call", "name"))
_OTHER_TIME = frozenset(
    ("if", "when", "whenever", "unless", "until", "later", "earlier", "sooner", "tomorrow", "yesterday", "tonight")
)
PLURALS = frozenset(("hours", "minutes", "seconds"))
_UNITS = PLURALS | {"hour", "minute", "second"}
_UNIT_FAMILIES = (
    (frozenset(("hour", "hours")), frozenset(("our", "ours", "are", "hr", "hrs", "an", "power", "ower"))),
    (frozenset(("minute", "minutes")), frozenset(("min", "mins", "minuet", "minuets", "mint", "mints", "minus"))),
    (frozenset(("second", "seconds")), frozenset(("sec", "secs"))),
)
"""Units of time, and how recognisers write them."""
_THIS = frozenset(("this", "next"))
_UNTIL = frozenset(("to", "till", "until", "through"))
_HALVES = frozenset(("am", "pm"))
_PARTS_OF_DAY = frozenset(("morning", "evening", "night", "afternoon"))
_KINDS = frozenset(("timer", "alarm", "reminder"))
_ASKING = frozenset(("is", "are", "was", "were", "who", "why", "did", "does", "has", "what", "when", "which", "whose"))
_TOLD = frozenset(("i", "he", "she", "they", "we", "who"))
_ORDER_WORDS = """
turn turned switch switched open opened close closed set start started stop stopped add added put cancel cancelled
delete deleted remove removed pause paused dim dimmed lock locked unlock unlocked remind reminded
"""
ORDERS = frozenset(_ORDER_WORDS.split())
REFUSALS = frozenset(("not", "never", "don't"))
_NEGATIONS = frozenset(("not", "no", "never", "without", "nothing", "except", "minus", "negative"))
_ELSEWHERE = frozenset(("outside", "outdoors"))
"""Heard and not said, it was about something else: the weather is not the processor."""
_MUST_BE_HEARD = frozenset(("not", "without"))


def contradict(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether taking the words ``heard`` for the sentence ``said`` would turn its meaning round.

    That is so when a word was heard whose opposite is said in its place, or a negation that is not said, or the
    other way about; when an order to drop something is not said, or becomes one to make something, or the other way
    about; when a piece of a number or a time is lost or invented; or when a word was heard that makes it a question,
    all of them, another one of its kind, another time, or a tale of what somebody did.
    """
    if _is_of_another_kind(heard, said) or _is_turned(set(heard), set(said)) or _is_torn(heard, said):
        return True
    if _invents_a_unit(set(heard), set(said)) or _invents_a_refusal(heard, said) or _loses_a_half(heard, said):
        return True
    for word in heard:
        if word not in said and (
            word in _NEGATIONS or word in _ELSEWHERE or not _OPPOSITES.get(word, set()).isdisjoint(said)
        ):
            return True
    return any(word in _MUST_BE_HEARD and word not in heard for word in said)


def _is_turned(heard: set[str], said: set[str]) -> bool:
    """Whether an order to make became one to drop, or was left without the word that drops, or lost its "un"."""
    lost, new = heard - said, said - heard
    dropped = (word for word in lost & _DROPPING if _MISHEARD.get(word, set()).isdisjoint(said))
    if any(dropped) and said.isdisjoint(_DROPPING):
        return True
    if lost & _MAKING and new & _DROPPING and said.isdisjoint(_MAKING):
        return True
    if lost & MOVING and new & (_MAKING | _DROPPING) and not _KINDS.isdisjoint(heard):
        return True  # a moved alarm is not another one
    if not lost.isdisjoint(_REVERSALS) or (lost & _AGAIN and said.isdisjoint(_AGAIN)):
        return True
    if "or" in lost and "for" not in new:
        return True
    again = any(word.startswith("re") and word[2:] in new for word in lost)
    return again or any(_is_reversal(a, b) or _is_reversal(b, a) for a in lost for b in new)


def _is_torn(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether a piece of a number was heard and is not said, or a few become a number."""
    if not _VAGUE.isdisjoint(set(heard) - set(said)):
        return True
    if any(word in _DAYS_OF_MONTH and not _is_counted(word, said) for word in heard):
        return True
    if _COUNTED.isdisjoint(heard):
        return False
    lost = Counter(w for w in heard if w in _COUNTED) - Counter(w for w in said if w in _COUNTED)
    new = set(said) - set(heard)
    for a, word, b in zip(heard, itertools.islice(heard, 1, None), itertools.islice(heard, 2, None), strict=False):
        if word == "and" and word not in said and a in NUMBER_WORDS and b in NUMBER_WORDS:
            return True  # "seven and eight" is two times, not the eighth at seven
    behind = {b for a, b in itertools.pairwise(heard) if a in _BEFORE_NUMBERS}  # "for two three": no "to" stands there
    return any(word in behind or _HOMOPHONES.get(word, set()).isdisjoint(new) for word in lost)


def _is_counted(ordinal: str, said: Collection[str]) -> bool:
    """Whether an ordinal is said, or the number that sounds like it: "the seventh" may be seven."""
    return ordinal in said or any(word in NUMBER_WORDS and word[:2] == ordinal[:2] for word in said)


def _invents_a_unit(heard: set[str], said: set[str]) -> bool:
    """Whether a unit of time is said that was not heard where another was: "two eggs ten minutes" is not two hours."""
    if heard.isdisjoint(_UNITS):
        return False
    lost, new = heard - said, said - heard
    return any(new & units and heard.isdisjoint(units) and lost.isdisjoint(alike) for units, alike in _UNIT_FAMILIES)


def _invents_a_refusal(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether something is said that is only refused or asked about, and was not heard: a timer's number, a rhythm, a
    weekend ("at seven weekday" is not weekly)."""
    lost, new = set(heard) - set(said), set(said) - set(heard)
    for rhythm in new & _RHYTHMS if _RHYTHMS.isdisjoint(heard) else ():
        if not any(word.endswith(_LIKE_RHYTHMS) and word[0] == rhythm[0] for word in lost):
            return True
    if new & {"weekend", "weekends"} and not any("end" in word for word in heard):
        return True
    if "weekends" in lost and "this" in new:
        return True  # one weekend is not all of them
    names_number = any(a in _CALLED and (b == "number" or b in NUMBER_WORDS) for a, b in itertools.pairwise(said))
    return names_number and _CALLED.isdisjoint(heard)


def _loses_a_half(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether one "am" or "pm" of several is not said: "at 7 am and at 7:30 am" is not the 7th of May."""
    lost = Counter(w for w in heard if w in _HALVES) - Counter(w for w in said if w in _HALVES)
    return bool(lost) and _PARTS_OF_DAY.isdisjoint(heard)


def _is_reversal(word: str, of: str) -> bool:
    return any(word.startswith(prefix) and word[len(prefix) :] == of for prefix in _REVERSALS)


def _is_of_another_kind(heard: Collection[str], said: Collection[str]) -> bool:
    lost, new = set(heard) - set(said), set(said) - set(heard)
    kinds_lost, kinds_new = {w.removesuffix("s") for w in lost}, {w.removesuffix("s") for w in new}
    for group in _GROUPS:
        if kinds_lost & group and kinds_new & group and kinds_lost & group != kinds_new & group:
            return True
    if kinds_lost & _KINDS and {w.removesuffix("s") for w in said} & _KINDS - kinds_lost:
        return True  # "cancel the timer and the alarm" is about both
    if kinds_lost & _KINDS and "and" in heard:
        return True  # "turn the volume up and the timer" is two orders
    if lost & WEEKDAYS:
        return True  # "Friday the thirteenth" is more than the thirteenth
    for a, word, b in zip(heard, itertools.islice(heard, 1, None), itertools.islice(heard, 2, None), strict=False):
        if word in _UNTIL and word not in said and a in WEEKDAYS and b in WEEKDAYS:
            return True
    if lost & (_EVERY | _OTHER_TIME) or ("weekend" in heard and not _THIS.isdisjoint(lost)):
        return True
    if new & _AGAIN_AND_AGAIN and not any(word[:2] == "ev" or "very" in word or word[:2] == "ea" for word in lost):
        return True  # "for work" is not "every four weeks"
    if lost & _UNITS and new.isdisjoint(_UNITS):
        return True
    if lost <= PRONOUNS and not new.isdisjoint(("day", "today")):
        return True  # "what is it" asks for no day
    if new & _UNITS and not lost:
        return True  # "ten" alone is not ten hours
    first, *rest = list(heard) or [""]
    return first in lost and (first in _ASKING or (first in _TOLD and not ORDERS.isdisjoint(rest)))


def other_number(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether clearly another number was heard than the one that is said ("ten ounce" for "twenty ounce")."""
    a, b = NUMBER_WORDS.intersection(heard), NUMBER_WORDS.intersection(said)
    return bool(a - b and (b or ORDINALS.intersection(said)))
