"""How a recogniser may write what templates say: digits, contractions, symbols, and the user's own hints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from firmware_py._grammar import fold
from firmware_py.nlu import english
from firmware_py.nlu.normalize import words as normal_words
from firmware_py.nlu.phrases import Phrases
from firmware_py.numerals import SCALES

MOST_NUMBER = 1000
MOST_WITH_HALVES = 12
HINTS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "iced": ("ice",),
        "ounce": ("ounces", "oz"),
        "ounces": ("ounce", "oz"),
        "oclock": ("o clock", "00"),
        "times": ("x",),
        "color": ("colour",),
    }
}
"""Words that recognisers write another way although they were said so: final consonants that fast speech drops,
and abbreviated units."""

_READER_TEXT = """a and added away by cube cubed difference divided fifth from half hundred less minus multiplied
negative of over percent plus point power product quarter quarters raised root square squared sum take tenth the third
thirds times to with between"""
_READER_WORDS = _READER_TEXT.split()
_POINT = re.compile(r"(?<=\d)\.(?=\d)")


class Spelling:
    """The spellings of one language: ``phrases`` finds them along word graphs."""

    def __init__(self, language: str, pronunciations: Iterable[tuple[Sequence[str], str]] = ()) -> None:
        self.language = language
        self.phrases = Phrases()
        self._numbers = {n: normal_words(str(n), language) for n in range(MOST_NUMBER + 1)}
        for number, said in self._numbers.items():
            self._add(said, str(number))
        if language.startswith("en"):
            self._add_english()
        for said_text, others in HINTS.get(language.split("-")[0], {}).items():
            for other in others:
                self._add(normal_words(said_text, language), other)
        for words, written in pronunciations:
            self._add(words, written)
        small = [w for n in range(MOST_NUMBER + 1) for w in self._numbers[n]]
        self.reader_words = tuple(dict.fromkeys([*small, *(_READER_WORDS if language.startswith("en") else ())]))

    @property
    def numbers(self) -> list[list[str]]:
        """The small whole numbers, in normal words."""
        return list(self._numbers.values())

    def number(self, number: int) -> list[list[str]]:
        """The ways to say a whole number, in normal words."""
        said = self._numbers.get(number) or normal_words(str(abs(number)), self.language)
        ways = [["minus", *said] if number < 0 else said]
        if self.language.startswith("en") and 100 < number < MOST_NUMBER and number % 100:
            ways.append([*self._numbers[number // 100 * 100], "and", *self._numbers[number % 100]])
        return ways

    def decimals(self, number: int, tenth: int) -> list[list[str]]:
        """The ways to say a whole number and some tenths; "21.5" is known as another way to write them."""
        point = "point" if self.language.startswith("en") else "komma"
        ways = [[*whole, point, *self._numbers[tenth]] for whole in self.number(number)]
        for way in ways:
            self.phrases.add(way, f"{number}.{tenth}")
        return ways

    def numbers_with_halves(self) -> list[list[str]]:
        """The whole numbers from 0 that are said with fractions; "2.5" is known as another way to write those."""
        for number in range(MOST_WITH_HALVES + 1):
            for half in (["and", "a", "half"], ["point", "five"]):
                self.phrases.add([*self._numbers[number], *half], f"{number}.5")
        return self.numbers[: MOST_WITH_HALVES + 1]

    def letters(self, written: str) -> bytes:
        """What the automaton reads for ``written``; a decimal point stays."""
        return b".".join(fold(part, self.language).encode() for part in _POINT.split(written))

    def _add(self, said: Sequence[str], written: str) -> None:
        if fold(written, self.language).split() != list(said):
            self.phrases.add(said, written)

    def _add_english(self) -> None:
        for written, said in english.SPELLINGS.items():
            self._add(said, written)
        for number in range(1, 100):
            ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 != 1 else 0, "th")
            self._add(english.spell_ordinal(number), f"{number}{ending}")
        for scale, value in SCALES.items():
            self._add(["one", scale], str(value))
