"""A number above zero that is no whole one: "one and a half", "2.5", "point two five"."""

from __future__ import annotations

from collections.abc import Sequence

from firmware_py.nlu.numbers import Span, spans


def read(words: Sequence[str], start: int) -> list[Span]:
    """The numbers with a fraction that begin at ``start``, as float."""
    return [(end, value) for end, value in spans(words, start) if value > 0 and value != int(value)]
