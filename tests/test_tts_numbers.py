"""Numbers as words, against an independent speller and by their own laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unicode_rbnf import RbnfEngine

from firmware_py.tts.numbers import cardinal, digits, number, ordinal, year

ORACLE = RbnfEngine.for_language("en")


def oracle(value: int, rules: str) -> str:
    return ORACLE.format_number(value, ruleset_names=[rules]).text.replace("-", " ").replace(",", "")


@given(st.integers(0, 999) | st.integers(0, 10**15 - 1))
def test_a_cardinal_is_what_unicode_says(value: int) -> None:
    assert cardinal(value) == oracle(value, "spellout-cardinal")


@given(st.integers(0, 999) | st.integers(0, 10**15 - 1))
def test_an_ordinal_is_what_unicode_says(value: int) -> None:
    assert ordinal(value) == oracle(value, "spellout-ordinal")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1066, "ten sixty six"),
        (1500, "fifteen hundred"),
        (1905, "nineteen oh five"),
        (1999, "nineteen ninety nine"),
        (2000, "two thousand"),
        (2007, "two thousand seven"),
        (2010, "twenty ten"),
        (2026, "twenty twenty six"),
        (2100, "twenty one hundred"),
        (3000, "three thousand"),
        (476, "four hundred seventy six"),
        (12000, "twelve thousand"),
    ],
)
def test_a_year_is_read_in_pairs(value: int, said: str) -> None:
    assert year(value) == said


@given(st.integers(-(10**14), 10**14))
def test_a_minus_is_said_first(value: int) -> None:
    assert cardinal(value) == ("minus " if value < 0 else "") + cardinal(abs(value))


@given(st.integers(1, 10**15 - 1), st.text("0123456789", min_size=1, max_size=12))
def test_a_decimal_is_its_whole_part_a_point_and_its_digits(whole: int, fraction: str) -> None:
    assert number(f"{whole:,}.{fraction}") == f"{cardinal(whole)} point {digits(fraction)}"


@given(st.text("0123456789", min_size=16, max_size=5000))
def test_a_number_too_long_for_a_quantity_is_read_by_its_digits(text: str) -> None:
    assert number(text) == digits(text)
    assert len(digits(text).split()) == len(text)
