"""Numbers in normal words: every number that starts at a word, however far it reaches.

``spans(words, start, language)`` gives ``(end, value)`` pairs, the longest first; values are int, or float
where decimals or fractions were said.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from firmware_py.nlu.normalize import words as normal_words
from firmware_py.numerals import SCALES, SMALL

Number = int | float
Span = tuple[int, Number]

FRACTIONS: dict[tuple[str, ...], float] = {("half",): 0.5, ("a", "half"): 0.5, ("one", "half"): 0.5}
FRACTIONS |= {("a", "quarter"): 0.25, ("one", "quarter"): 0.25, ("three", "quarters"): 0.75}
FRACTIONS |= {("a", "third"): 1 / 3, ("one", "third"): 1 / 3, ("two", "thirds"): 2 / 3}
"""What may stand behind a number and "and"."""
_BEGINNINGS = frozenset(SMALL) | {"minus", "negative", "a", "point"}
_TABLE_STOP = 1001


def spans(words: Sequence[str], start: int, language: str = "en") -> list[Span]:
    """All numbers that begin at ``words[start]``, longest first; empty when there is none."""
    if start >= len(words):
        return []
    if language.startswith("en"):
        if words[start] not in _BEGINNINGS and not words[start].isdecimal():
            return []
        return _English(words, start).read()
    return _from_table(words, start, language)


class _English:
    """Reads one number from left to right and notes every place where it could end."""

    def __init__(self, words: Sequence[str], start: int) -> None:
        self.words, self.at = words, start
        self.found: list[Span] = []
        self.sign = 1
        self.total, self.group = 0, 0
        self.room = 1000  # the next small number must be below this
        self.scale = 10**18  # the next scale word must be below this

    def read(self) -> list[Span]:
        if self._word() in ("minus", "negative"):
            self.sign = -1
            self.at += 1
        if self._word() == "a" and self._word(1) in ("hundred", "thousand", "million", "billion"):
            self.group, self.room = 1, 0
            self.at += 1
        while self._step():
            pass
        if self.found:
            self._fraction()
        if self._word() == "point":
            self._decimals()
        return self.found[::-1]

    def _word(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.words[at] if at < len(self.words) else ""

    def _note(self) -> None:
        self.at += 1
        self.found.append((self.at, self.sign * (self.total + self.group)))

    def _step(self) -> bool:
        word = self._word()
        if word.isdecimal() and not self.found:
            self.group, self.room, self.scale = int(word), 0, 0
        elif word in SMALL:
            return self._small(SMALL[word])
        elif word == "hundred" and 1 <= self.group <= 99 and self.group % 10 and self.room <= 10:
            self.group, self.room = self.group * 100, 100
        elif word in SCALES and self.group and SCALES[word] < self.scale:
            self.total += self.group * SCALES[word]
            self.group, self.room, self.scale = 0, 1000, SCALES[word]
        elif word == "and" and self.found and self._continues_after_and():
            self.at += 1
            return True
        else:
            return False
        self._note()
        return True

    def _small(self, value: int) -> bool:
        is_first = not self.found and not self.group
        if value >= self.room or (value == 0 and not is_first):
            return False
        if self.room == 10 and value > 9:
            return False
        self.group += value
        self.room = 10 if value >= 20 else 0
        if value == 0:
            self.scale = 0
        self._note()
        return True

    def _continues_after_and(self) -> bool:
        said_hundred_or_scale = self.room == 100 or (self.room == 1000 and self.total)
        return bool(said_hundred_or_scale) and 0 < SMALL.get(self._word(1), 0) < 100

    def _fraction(self) -> None:
        if self._word() != "and":
            return
        for size in (1, 2):
            value = FRACTIONS.get(tuple(self.words[self.at + 1 : self.at + 1 + size]))
            if value is not None:
                self.found.append((self.at + 1 + size, self.sign * (self.total + self.group + value)))

    def _decimals(self) -> None:
        digits = ""
        at = self.at + 1
        while at < len(self.words) and SMALL.get(self.words[at], 10) < 10:
            digits += str(SMALL[self.words[at]])
            at += 1
            self.found.append((at, self.sign * float(f"{self.total + self.group}.{digits}")))


@lru_cache(maxsize=8)
def _table(language: str) -> dict[tuple[str, ...], int]:
    return {tuple(normal_words(str(n), language)): n for n in range(_TABLE_STOP)}


def _from_table(words: Sequence[str], start: int, language: str) -> list[Span]:
    """Whole numbers of a language other than English: spelled as Unicode's rules do, or as digits."""
    table = _table(language)
    found: list[Span] = []
    for end in range(min(len(words), start + 6), start, -1):
        key = tuple(words[start:end])
        if key in table:
            found.append((end, table[key]))
        elif len(key) == 1 and key[0].isdecimal():
            found.append((end, int(key[0])))
    return found
