"""English words that recognisers and people write in more than one way, and what they become.

Every table maps a casefolded spelling to the words used by templates and input alike, so that both sides meet.
"""

from __future__ import annotations

from firmware_py.numerals import SCALES, SMALL, TENS, UNITS


def _list(words: str) -> list[str]:
    return words.split()


_ORDINAL_UNITS = _list(
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)

ORDINALS = frozenset(_ORDINAL_UNITS[1:]) | {"twentieth", "thirtieth"}
"""Of the days of a month, one word each."""
WEEKDAYS = frozenset(_list("monday tuesday wednesday thursday friday saturday sunday"))

_BE = {"what": "is", "who": "is", "where": "is", "when": "is", "how": "is", "why": "is", "that": "is", "there": "is"}
_BE |= {"here": "is", "it": "is", "he": "is", "she": "is"}
_CONTRACTIONS = {f"{w}'s": f"{w} {v}" for w, v in _BE.items()}
_CONTRACTIONS |= {f"{w}'re": f"{w} are" for w in ("you", "we", "they", "what", "who", "where")}
_CONTRACTIONS |= {f"{w}'ll": f"{w} will" for w in ("i", "you", "he", "she", "it", "we", "they", "that", "what")}
_CONTRACTIONS |= {f"{w}'ve": f"{w} have" for w in ("i", "you", "we", "they")}
_CONTRACTIONS |= {f"{w}'d": f"{w} would" for w in ("i", "you", "he", "she", "we", "they")}
_CONTRACTIONS |= {
    f"{w}n't": f"{w} not" for w in _list("do does did is are was were should could would have has had must need")
}
_CONTRACTIONS |= {"can't": "can not", "won't": "will not", "i'm": "i am", "let's": "let us"}

SPELLINGS: dict[str, tuple[str, ...]] = {k: tuple(v.split()) for k, v in _CONTRACTIONS.items()}
SPELLINGS |= {
    k.replace("'", ""): v
    for k, v in SPELLINGS.items()
    if k in ("what's", "who's", "where's", "how's", "that's", "i'm", "don't", "doesn't", "can't", "isn't", "didn't")
}
SPELLINGS |= {
    k: tuple(v.split())
    for k, v in {
        "cannot": "can not",
        "gonna": "going to",
        "wanna": "want to",
        "gimme": "give me",
        "lemme": "let me",
        "okay": "ok",
        "o'clock": "oclock",
        "per-cent": "percent",
        "colour": "color",
        "favourite": "favorite",
        "grey": "gray",
        "centre": "center",
        "metre": "meter",
        "metres": "meters",
        "litre": "liter",
        "litres": "liters",
        "programme": "program",
        "a.m": "am",
        "p.m": "pm",
        "nevermind": "never mind",
        "goodbye": "good bye",
    }.items()
}

SYMBOLS = {
    "%": "percent",
    "°": "degrees",
    "+": "plus",
    "&": "and",
    "√": "square root of",
    "÷": "divided by",
    "×": "times",
}
"""Symbols that are words wherever they stand."""

BETWEEN_NUMBERS = {
    "-": ("minus",),
    "*": ("times",),
    "x": ("times",),
    "/": ("divided", "by"),
    "^": ("to", "the", "power", "of"),
}
"""Symbols (and the letter x) that are words only between two numbers, and nothing otherwise (x stays x)."""

MONEY = {"$": ("dollar", "dollars"), "£": ("pound", "pounds"), "€": ("euro", "euros")}


def spell(number: int) -> list[str]:
    """A whole number below 10**15 as people say it, without "and": 105 -> one hundred five."""
    if number < 0:
        return ["minus", *spell(-number)]
    if number < 20:
        return [UNITS[number]]
    if number < 100:
        return [TENS[number // 10 - 2], *([UNITS[number % 10]] if number % 10 else [])]
    if number < 1000:
        return [UNITS[number // 100], "hundred", *(spell(number % 100) if number % 100 else [])]
    for word, scale in reversed(SCALES.items()):
        if number >= scale:
            return [*spell(number // scale), word, *(spell(number % scale) if number % scale else [])]
    raise AssertionError(number)


def spell_ordinal(number: int) -> list[str]:
    """A whole number from 0 to 999 as an ordinal: 21 -> twenty first."""
    if number < 20:
        return [_ORDINAL_UNITS[number]]
    words = spell(number)
    last = words.pop()
    if last in SMALL and SMALL[last] < 20:
        return [*words, _ORDINAL_UNITS[SMALL[last]]]
    return [*words, last[:-1] + "ieth" if last.endswith("y") else last + "th"]
