"""Words that a repair must not smooth over: "off" sounds like "on", and "do not" adds little to a long sentence."""

from __future__ import annotations

from collections.abc import Collection

from firmware_py.nlu.english import NUMBER_WORDS

_PAIRS = """
on off / up down / open close / open shut / opened closed / lock unlock / mute unmute / start stop / begin end
/ louder quieter / louder softer / higher lower / raise lower / increase decrease / more less / with without
/ left right / hot cold / hotter colder / warm cool / warmer cooler / warmer colder / enable disable / arm disarm
/ add remove / play pause / brighter darker / brighter dimmer
/ first last / next previous / yes no / front back / show hide
/ today tomorrow / morning evening / am pm / connect disconnect / faster slower / before after / in out / inside outside
"""
_OPPOSITES: dict[str, set[str]] = {}
for _pair in _PAIRS.split("/"):
    _one, _other = _pair.split()
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)

_NEGATIONS = frozenset(("not", "no", "never", "without", "nothing", "except"))
_ELSEWHERE = frozenset(("outside", "outdoors"))
"""Heard and not said, it was about something else: the weather is not the processor."""
_MUST_BE_HEARD = frozenset(("not", "without"))


def contradict(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether taking the words ``heard`` for the sentence ``said`` would turn its meaning round.

    That is so when a word was heard whose opposite is said in its place, or a negation that is not said, or the
    other way about.
    """
    for word in heard:
        if word not in said and (
            word in _NEGATIONS or word in _ELSEWHERE or not _OPPOSITES.get(word, set()).isdisjoint(said)
        ):
            return True
    return any(word in _MUST_BE_HEARD and word not in heard for word in said)


def other_number(heard: Collection[str], said: Collection[str]) -> bool:
    """Whether clearly another number was heard than the one that is said ("ten ounce" for "twenty ounce")."""
    a, b = NUMBER_WORDS.intersection(heard), NUMBER_WORDS.intersection(said)
    return bool(a - b and b)
