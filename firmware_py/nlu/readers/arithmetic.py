"""Arithmetic as people say it, to a formula: "twelve times seven" -> "12 * 7", "25 percent of 80" -> "25% of 80".

A formula has numbers, ``+ - * / ^``, ``N% of``, ``sqrt(..)``, ``cbrt(..)`` and brackets; it has at least one
operation, so that a bare number is none. It is worked out elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from firmware_py.nlu import numbers

_INFIX: dict[tuple[str, ...], str] = {
    ("plus",): "+",
    ("and",): "+",
    ("added", "to"): "+",
    ("minus",): "-",
    ("take", "away"): "-",
    ("less",): "-",
    ("times",): "*",
    ("multiplied", "by"): "*",
    ("multiplied", "with"): "*",
    ("divided", "by"): "/",
    ("over",): "/",
    ("to", "the", "power", "of"): "^",
    ("to", "the", "power"): "^",
    ("raised", "to"): "^",
    ("raised", "to", "the", "power", "of"): "^",
}
_POSTFIX: dict[tuple[str, ...], str] = {("squared",): " ^ 2", ("cubed",): " ^ 3"}
_ROOTS: dict[tuple[str, ...], str] = {
    ("square", "root", "of"): "sqrt",
    ("square", "root"): "sqrt",
    ("root", "of"): "sqrt",
    ("cube", "root", "of"): "cbrt",
}
_PARTS: dict[tuple[str, ...], str] = {
    ("half", "of"): "1 / 2",
    ("one", "half", "of"): "1 / 2",
    ("a", "half", "of"): "1 / 2",
    ("a", "third", "of"): "1 / 3",
    ("one", "third", "of"): "1 / 3",
    ("two", "thirds", "of"): "2 / 3",
    ("a", "quarter", "of"): "1 / 4",
    ("one", "quarter", "of"): "1 / 4",
    ("three", "quarters", "of"): "3 / 4",
    ("a", "fifth", "of"): "1 / 5",
    ("a", "tenth", "of"): "1 / 10",
}
_CALLS: dict[tuple[str, ...], str] = {
    ("sum", "of"): "+",
    ("product", "of"): "*",
    ("difference", "between"): "-",
    ("difference", "of"): "-",
}
_MAX_TERMS = 12


def read(words: Sequence[str], start: int) -> list[tuple[int, str]]:
    """The formulas that begin at ``start``, longest first."""
    return _Formula(words).from_(start)[::-1]


def _ahead(words: Sequence[str], at: int, table: dict[tuple[str, ...], str]) -> tuple[int, str] | None:
    """The longest entry of ``table`` that stands at ``at``: where it ends, and what it means."""
    best: tuple[int, str] | None = None
    for key, meaning in table.items():
        end = at + len(key)
        if tuple(words[at:end]) == key and (best is None or end > best[0]):
            best = (end, meaning)
    return best


class _Formula:
    def __init__(self, words: Sequence[str]) -> None:
        self.words = words

    def from_(self, start: int) -> list[tuple[int, str]]:
        """Every place from ``start`` on where a formula with an operation is complete, shortest first."""
        found: list[tuple[int, str]] = []
        term = self.term(start)
        if term is None:
            return found
        at, text, has_operation = term
        if has_operation:
            found.append((at, text))
        for _ in range(_MAX_TERMS):
            infix = _ahead(self.words, at, _INFIX)
            term = self.term(infix[0]) if infix else None
            if infix is None or term is None or (infix[1] == "+" and self.words[at] == "and"):
                break
            at, text = term[0], f"{text} {infix[1]} {term[1]}"
            found.append((at, text))
        return found

    def term(self, at: int) -> tuple[int, str, bool] | None:
        """A number with what stands before and behind it; where it ends, its text, whether it has an operation."""
        if self.words[at : at + 1] == ["the"]:
            at += 1
        call = _ahead(self.words, at, _CALLS)
        if call:
            return self.call(*call)
        for table in (_ROOTS, _PARTS):
            prefix = _ahead(self.words, at, table)
            inner = self.term(prefix[0]) if prefix else None
            if prefix and inner:
                text = f"{prefix[1]}({inner[1]})" if table is _ROOTS else f"{prefix[1]} * {inner[1]}"
                return inner[0], text, True
        return self.number(at)

    def call(self, at: int, operator: str) -> tuple[int, str, bool] | None:
        """ "sum of 3 and 4": two terms around "and"."""
        left = self.plain_number(at)
        if left is None or self.words[left[0] : left[0] + 1] != ["and"]:
            return None
        right = self.plain_number(left[0] + 1)
        return (right[0], f"({left[1]} {operator} {right[1]})", True) if right else None

    def plain_number(self, at: int) -> tuple[int, str] | None:
        spans = numbers.spans(self.words, at)
        return (spans[0][0], _written(spans[0][1])) if spans else None

    def number(self, at: int) -> tuple[int, str, bool] | None:
        plain = self.plain_number(at)
        if plain is None:
            return None
        at, text = plain
        if tuple(self.words[at : at + 2]) == ("percent", "of"):
            inner = self.term(at + 2)
            return (inner[0], f"{text}% of {inner[1]}", True) if inner else None
        postfix = _ahead(self.words, at, _POSTFIX)
        if postfix:
            return postfix[0], f"{text}{postfix[1]}", True
        return at, text, False


def _written(value: int | float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
