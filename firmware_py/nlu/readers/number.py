"""Any number: "minus two point five", "1,000", "two and a half"."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_py.nlu.numbers import Span, spans


def read(words: Sequence[str], start: int) -> list[Span]:
    """The numbers that begin at ``start``, as int or float."""
    return spans(words, start)
