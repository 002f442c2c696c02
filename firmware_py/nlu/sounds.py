"""How far apart two sounds are: the prices of hearing one phone as another, or not at all.

The numbers are judgement, not training: vowels by their place in the mouth, consonants by what they share
(voice, place, manner). 0 is the same sound, about 1 two that nobody confuses. Their use is measured by
``bench/repair_threshold.py``.
"""

from __future__ import annotations

import math

import numpy as np

from firmware_py._align import PhoneCosts
from firmware_py.nlu.phonetic import CONSONANTS, VOWELS, phones

_OTHER = "?"
_PLACE = {
    "i": (0.0, 0.0), "I": (0.3, 0.15), "e": (0.4, 0.1), "E": (0.6, 0.15), "a": (0.9, 0.3), "A": (1.0, 0.8),
    "O": (0.75, 1.0), "o": (0.45, 1.0), "U": (0.3, 0.85), "u": (0.0, 1.0), "V": (0.75, 0.6), "@": (0.55, 0.5),
    "3": (0.5, 0.5), "Y": (0.7, 0.4), "W": (0.75, 0.6), "Q": (0.5, 0.8),
}  # fmt: skip
"""Vowels: how open the mouth is and how far back the tongue, 0..1."""
_DIPHTHONGS = frozenset("YWQ")
_NEAR = {
    0.2: "sz", 0.25: "pb td kg fv SZ CJ", 0.3: "nN r3", 0.35: "mn", 0.4: "mN CS JZ dT fT ji wu",
    0.45: "sS zZ tT vT", 0.5: "sT zT Ct Jd bv jI wU", 0.6: "lr wr pf mb gN wv jJ wo l@",
    0.65: "kt pt bd gd nl", 0.7: "hf kC nd pk rA rO h@", 0.75: "ld", 0.8: "md",
}  # fmt: skip
_PAIRS = {frozenset(pair): cost for cost, pairs in _NEAR.items() for pair in pairs.split()}
_DROP = {
    "@": 0.35, "h": 0.4, "j": 0.4, "I": 0.45, "3": 0.5, "r": 0.5, "t": 0.55, "d": 0.55, "z": 0.55,
    "n": 0.6, "s": 0.6, "l": 0.6,
}  # fmt: skip
"""Sounds that are swallowed more often than the others."""
_DROP_VOWEL, _DROP_CONSONANT = 0.7, 0.75

_SMALL = "a an the of to with and in on at for it is some please uh um so ok oh"
FUNCTION_WORDS = frozenset(_SMALL.split())
FUNCTION_WEIGHT = 0.5
EXTRA_FUNCTION_WEIGHT = 0.4
_MOST_KEPT = 4096
"""Heard words whose phones are kept."""


def substitute_cost(a: str, b: str) -> float:
    """The price of hearing phone ``a`` as ``b``; symmetric, 0 for the same."""
    if a == b and a != _OTHER:
        return 0.0
    if a in _PLACE and b in _PLACE:
        (open_a, back_a), (open_b, back_b) = _PLACE[a], _PLACE[b]
        cost = 0.1 + 0.5 * math.hypot(open_a - open_b, back_a - back_b)
        if (a in _DIPHTHONGS) != (b in _DIPHTHONGS):
            cost = max(cost, 0.35)
        return min(cost, 0.2 if "@" in (a, b) else 0.6)
    return _PAIRS.get(frozenset((a, b)), 1.0 if (a in _PLACE) != (b in _PLACE) else 0.9)


def drop_cost(phone: str) -> float:
    """The price of a phone that is not heard, or heard in addition."""
    return _DROP.get(phone, _DROP_VOWEL if phone in VOWELS else _DROP_CONSONANT)


class Alphabet:
    """The phones of one language's templates, numbered from 1; what is heard beyond them has the last number.

    English is spelled in phones; other languages in their letters, which no rules here know how to sound.
    """

    def __init__(self, words: set[str], language: str) -> None:
        self.language, self.is_english = language, language.startswith("en")
        own = {p for word in words for p in self.spell(word)}
        symbols = sorted(own | set(VOWELS + CONSONANTS) if self.is_english else own)[:250]
        self._number = {p: n for n, p in enumerate(symbols, 1)}
        self._other = len(symbols) + 1
        self._heard: dict[str, tuple[bytes, list[float]]] = {}
        every = [_OTHER, *symbols, _OTHER]
        self.drops = np.array([drop_cost(p) for p in every], np.float32)
        self.costs = PhoneCosts(np.array([[substitute_cost(a, b) for b in every] for a in every]), self.drops)

    def spell(self, word: str) -> str:
        """A word's phones."""
        return phones(word) if self.is_english else word

    def numbers(self, word: str) -> list[int]:
        """A word's phones as numbers."""
        return [self._number.get(p, self._other) for p in self.spell(word)]

    def heard(self, word: str) -> tuple[bytes, list[float]]:
        """A heard word's phones as numbers, and what each costs as an addition, float32."""
        found = self._heard.get(word)
        if found is None:
            if len(self._heard) >= _MOST_KEPT:
                self._heard.clear()
            numbers = self.numbers(word)
            costs = self.drops[numbers] * np.float32(self.extra_weight(word))
            found = self._heard[word] = bytes(numbers), costs.tolist()
        return found

    def weight(self, word: str) -> float:
        """How much a word of a template counts: the small ones of a language come and go."""
        return FUNCTION_WEIGHT if self.is_english and word in FUNCTION_WORDS else 1.0

    def extra_weight(self, word: str) -> float:
        """How much a word counts that was heard in addition."""
        return EXTRA_FUNCTION_WEIGHT if self.is_english and word in FUNCTION_WORDS else 1.0
