"""Numbers as English words, without a dependency.

Short scale, American style: no "and" inside a cardinal ("one hundred five"), a space instead of a hyphen
("twenty one"), so that a recogniser's text of the answer is plain words. Everything is a pure function of
its arguments; digit strings that are too long to be said as a quantity are read digit by digit.
"""

from __future__ import annotations

from firmware_py.numerals import SCALES, TENS, UNITS

MAX_CARDINAL_DIGITS = 15
"""Up to 999 trillion is said as a quantity; a longer string of digits is an identifier, not a quantity."""

IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def digits(text: str) -> str:
    """Every digit by its name; anything else is skipped: ``"007"`` is "zero zero seven"."""
    return " ".join(UNITS[int(c)] for c in text if c in "0123456789")


def _below_thousand(value: int) -> list[str]:
    words: list[str] = []
    if value >= 100:
        words += [UNITS[value // 100], "hundred"]
        value %= 100
    if value >= 20:
        words.append(TENS[value // 10 - 2])
        value %= 10
        if value == 0:
            return words
    if value or not words:
        words.append(UNITS[value])
    return words


def cardinal(value: int) -> str:
    """A quantity: ``-1234`` is "minus one thousand two hundred thirty four".

    Beyond :data:`MAX_CARDINAL_DIGITS` the digits are read one by one.
    """
    if value < 0:
        return "minus " + cardinal(-value)
    if value >= 10**MAX_CARDINAL_DIGITS:
        return digits(f"{value:d}")
    groups: list[str] = []
    for scale in ("", *SCALES):
        value, group = divmod(value, 1000)
        if group:
            groups.append(" ".join([*_below_thousand(group), scale]).rstrip())
        if not value:
            break
    return " ".join(reversed(groups)) or UNITS[0]


def ordinal(value: int) -> str:
    """A rank: ``22`` is "twenty second"."""
    head, _, last = cardinal(value).rpartition(" ")
    if last in IRREGULAR_ORDINALS:
        last = IRREGULAR_ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return f"{head} {last}".strip()


def year(value: int) -> str:
    """A year of the calendar: ``1905`` is "nineteen oh five", ``2007`` is "two thousand seven"."""
    century, rest = divmod(value, 100)
    if value < 1000 or value > 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(value)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def plural(words: str) -> str:
    """The plural of the last word of a spelled number: "nineteen ninety" becomes "nineteen nineties"."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def number(text: str) -> str:
    """A written number as words: ``"1,234.50"`` is "one thousand two hundred thirty four point five zero".

    ``text`` is an optional minus, ASCII digits with optional commas, and an optional fraction. A leading
    zero or more than :data:`MAX_CARDINAL_DIGITS` digits mean an identifier, read digit by digit.
    """
    sign = "minus " if text.startswith("-") else ""
    whole, point, fraction = text.lstrip("-").replace(",", "").partition(".")
    if len(whole) > MAX_CARDINAL_DIGITS or (len(whole) > 1 and whole.startswith("0")):
        words = digits(whole)
    else:
        words = cardinal(int(whole or "0"))
    return sign + words + (f" point {digits(fraction)}" if point and fraction else "")
