"""Formulas to results, and results to words."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.respond.arithmetic import SumError, spoken, work_out
from firmware_py.respond.skills.calculate import in_words


@pytest.mark.parametrize(
    ("formula", "result"),
    [
        ("12 * 7", "84"),
        ("25% of 80", "20"),
        ("sqrt(81)", "9"),
        ("sqrt(2)", "about 1.41"),
        ("cbrt(27)", "3"),
        ("cbrt(-8)", "-2"),
        ("2 + 3 * 4 - 1", "13"),
        ("10 / 4", "2.5"),
        ("10 / 3", "about 3.33"),
        ("1 / 3", "about 0.333333"),
        ("0.1 + 0.2", "0.3"),
        ("-5 + 3", "-2"),
        ("2 ^ 10", "1024"),
        ("2 ^ 3 ^ 2", "512"),
        ("2 ^ 0.5", "about 1.41"),
        ("4 ^ -1", "0.25"),
        ("(3 + 4)", "7"),
        ("1 / 2 * 90", "45"),
        ("7 - 7", "0"),
        ("sqrt(2) * sqrt(2)", "about 2"),
        ("999999 * 999999", "999998000001"),
        ("99999999 * 99999999", "about 10 to the power of 16"),
        ("-2 ^ 59", "about -5.765 times 10 to the power of 17"),
        ("0.125 * 1", "0.125"),
    ],
)
def test_results(formula: str, result: str) -> None:
    assert spoken(work_out(formula)) == result


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("5 / 0", "I can't divide by zero."),
        ("0 / 0", "I can't divide by zero."),
        ("0 ^ -1", "I can't divide by zero."),
        ("sqrt(-4)", "A negative number has no square root."),
        ("-2 ^ 0.5", "That has no real answer."),
        ("9 ^ 9 ^ 9", "That number is too big for me."),
        ("10 ^ 900", "That number is too big for me."),
        ("2 +", "Sorry, I can't work that out."),
        ("__import__('os')", "Sorry, I can't work that out."),
        ("2 ** 3", "Sorry, I can't work that out."),
        ("(1", "Sorry, I can't work that out."),
        ("", "Sorry, I can't work that out."),
    ],
)
def test_what_has_no_answer_is_said_politely(formula: str, said: str) -> None:
    with pytest.raises(SumError) as caught:
        work_out(formula)
    assert str(caught.value) == said


@given(st.integers(-(10**6), 10**6), st.sampled_from("+-*/"), st.integers(1, 10**6))
def test_two_whole_numbers_are_exact(a: int, operator: str, b: int) -> None:
    expected = {"+": Fraction(a + b), "-": Fraction(a - b), "*": Fraction(a * b), "/": Fraction(a, b)}[operator]
    assert work_out(f"{a} {operator} {b}") == expected


@given(st.text(st.sampled_from("0123456789.+-*/^()% ofsqrt"), max_size=25))
def test_any_formula_gives_words_or_an_apology(formula: str) -> None:
    try:
        assert spoken(work_out(formula))
    except SumError as error:
        assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("12 * 7", "12 times 7"),
        ("-5 + 2.5 * 3", "minus 5 plus 2.5 times 3"),
        ("25% of 80", "25 percent of 80"),
        ("sqrt(81)", "the square root of 81"),
        ("7 ^ 2", "7 squared"),
        ("7 ^ 25", "7 to the power of 25"),
        ("10 - -3", "10 minus minus 3"),
    ],
)
def test_a_formula_in_words(formula: str, words: str) -> None:
    assert in_words(formula) == words
