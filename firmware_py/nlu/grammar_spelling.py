"""How a recogniser may write what templates say: digits, contractions, symbols, and the user's own hints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from firmware_py._grammar import fold
from firmware_py.nlu import english
from firmware_py.nlu.normalize import words as normal_words

MOST_NUMBER = 1000
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

Arcs = Sequence[Sequence[tuple[object, int]]]


class Spelling:
    """The spellings of one language, found along word graphs."""

    def __init__(self, language: str, hints: Mapping[str, Sequence[str]]) -> None:
        self.language = language
        self._tree: dict[str, dict[str, object]] = {}
        self._numbers = {n: normal_words(str(n), language) for n in range(MOST_NUMBER + 1)}
        for number, said in self._numbers.items():
            self._add(said, str(number))
        if language.startswith("en"):
            self._add_english()
        for table in (HINTS.get(language.split("-")[0], {}), hints):
            for said_text, others in table.items():
                for other in others:
                    self._add(normal_words(said_text, language), other)
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

    def point(self, tenth: int) -> list[str]:
        """What follows a whole number to make it a decimal."""
        return ["point" if self.language.startswith("en") else "komma", *self._numbers[tenth]]

    def rewrites(self, arcs: Arcs, word: str, to: int) -> Iterator[tuple[str, str, int]]:
        """``(words said, another way to write them, where they lead)`` for phrases that begin with this arc."""
        node = self._tree.get(word)
        if node is None:
            return
        stack: list[tuple[dict[str, object], str, int, int]] = [(node, word, to, 1)]
        while stack:
            here, said, state, length = stack.pop()
            for written in here.get("", ()):  # type: ignore[attr-defined]
                yield said, written, state
            for label, following in arcs[state] if length < 6 else ():
                inner = here.get(label) if isinstance(label, str) and label else None
                if isinstance(inner, dict):
                    stack.append((inner, f"{said} {label}", following, length + 1))

    def _add(self, said: Sequence[str], written: str) -> None:
        if not said or fold(written, self.language).split() == list(said):
            return
        node: dict[str, object] = self._tree.setdefault(said[0], {})
        for word in said[1:]:
            inner = node.setdefault(word, {})
            assert isinstance(inner, dict)
            node = inner
        spellings = node.setdefault("", [])
        assert isinstance(spellings, list)
        if written not in spellings:
            spellings.append(written)

    def _add_english(self) -> None:
        for written, said in english.SPELLINGS.items():
            self._add(said, written)
        for number in range(1, 100):
            ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number // 10 != 1 else 0, "th")
            self._add(english.spell_ordinal(number), f"{number}{ending}")
        for scale, value in english.SCALES.items():
            self._add(["one", scale], str(value))
