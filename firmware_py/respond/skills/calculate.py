"""Arithmetic."""

from __future__ import annotations

import re

from firmware_py.respond.arithmetic import SumError, spoken, work_out
from firmware_py.respond.request import Answer, Handler, Request

ABILITY = "do sums"
ABILITY_ORDER = 25

_WORDS = (
    ("sqrt", "the square root of "),
    ("cbrt", "the cube root of "),
    (" ^ 2", " squared"),
    (" ^ 3", " cubed"),
    ("^", "to the power of"),
    ("% of", " percent of"),
    ("*", "times"),
    ("/", "divided by"),
    ("+", "plus"),
    (" - ", " minus "),
    ("(", ""),
    (")", ""),
)


_PARTS = {"1 / 2": "half", "1 / 3": "a third", "2 / 3": "two thirds", "1 / 4": "a quarter", "3 / 4": "three quarters"}
_PART = re.compile(rf"(?:^|(?<=[+(-] ))({'|'.join(_PARTS)}) \* ")


def calculate(request: Request) -> Answer:
    formula = str(request.slots.get("expression", ""))
    try:
        result = spoken(work_out(formula))
    except SumError as error:
        return Answer(str(error), cacheable=True)
    text = f"{in_words(formula)} is {result}."
    return Answer(text[0].upper() + text[1:], cacheable=True)


def in_words(formula: str) -> str:
    """ "12 * 7" -> "12 times 7"."""
    formula = _PART.sub(lambda m: f"{_PARTS[m[1]]} of ", formula)
    for sign, words in _WORDS:
        # a power of two only where the exponent ends there: 5 ^ 25 is no square
        formula = (
            re.sub(re.escape(sign) + r"(?!\d)", words, formula)
            if sign in (" ^ 2", " ^ 3")
            else (formula.replace(sign, words))
        )
    return re.sub(r"(?<!\d)-(?=\d)", "minus ", re.sub(r" +", " ", formula)).strip()


HANDLERS: dict[str, Handler] = {"calculate": calculate}
