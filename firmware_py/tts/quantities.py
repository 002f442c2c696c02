"""Amounts as people say them: money, units, ranges, fractions, arithmetic, telephone numbers, plain numbers."""

from __future__ import annotations

import re

from firmware_py.tts.lexicon import (
    CURRENCIES,
    CURRENCY_CODES,
    FRACTION_DENOMINATORS,
    FRACTIONS,
    SCALE_LETTERS,
    UNITS,
    plural_unit,
)
from firmware_py.tts.numbers import cardinal, digits, number, ordinal
from firmware_py.tts.rules import NUM, START, Rule, one_of, rewrite, rule

_UNIT = one_of(list(UNITS))
_SYMBOL = f"[{''.join(re.escape(c) for c in CURRENCIES)}]"
_PER_NAMES = {"mo": "month", "yr": "year", "l": "liter"}
_PER = "hr|h|kg|g|lb|oz|l|L|min|km|mi|month|mo|week|day|night|year|yr|person|kWh|GB"
_SCALE = rf"(?:\s?(thousand|million|billion|trillion)\b|({one_of(list(SCALE_LETTERS))})\b)?"


def groups(text: str) -> str:
    """Digit groups one digit at a time, a breath between the groups: a telephone or card number."""
    return ", ".join(digits(part) for part in re.findall(r"[0-9]+", text))


def phones(text: str) -> str:
    """Telephone and card numbers, and numbers after a word that announces an identifier."""
    return rewrite(text, _PHONES)


def amounts(text: str) -> str:
    """Everything with a number in it; afterwards the text has no digit left."""
    return rewrite(text, _AMOUNTS)


def _money(symbol: str, amount: str, scale: str | None) -> str:
    one, many, hundredth, hundredths = CURRENCIES[symbol]
    if scale:
        return f"{number(amount)} {SCALE_LETTERS.get(scale, scale)} {many}"
    whole, _, fraction = amount.partition(".")
    if len(fraction) != 2 or not hundredth:
        return f"{number(amount)} {one if amount == '1' else many}"
    units, parts = int(whole.replace(",", "")), int(fraction)
    said = [f"{number(whole)} {one if units == 1 else many}"] if units or not parts else []
    if parts:
        said.append(f"{cardinal(parts)} {hundredth if parts == 1 else hundredths}")
    return " and ".join(said)


def _per(what: str | None) -> str:
    return f" per {_PER_NAMES.get(what) or UNITS.get(what, what)}" if what else ""


def _unit(match: re.Match[str]) -> str:
    amount, symbol, per = match.groups()
    singular = UNITS[symbol]
    said = f"{number(amount)} {singular if amount == '1' else plural_unit(singular)}"
    return f"{said} per {UNITS[per]}" if per else said


def _range(match: re.Match[str]) -> str:
    """A spaced hyphen between falling numbers, or in an equation, is a minus; any other is "to"."""
    left, sign, right = match.groups()
    is_spaced = sign.startswith(" ") and sign.endswith(" ") and "–" not in sign
    falls = float(left.replace(",", "")) > float(right.replace(",", ""))
    is_equation = "=" in match.string[match.end() : match.end() + 40]
    return f"{left} {'minus' if is_spaced and (falls or is_equation) else 'to'} {right}"


def _fraction(match: re.Match[str]) -> str:
    whole, top, bottom = match.group(1), int(match.group(2)), int(match.group(3))
    if bottom not in FRACTION_DENOMINATORS or top >= bottom:
        return f"{match.group(1) or ''}{top} over {bottom}"
    name = FRACTIONS.get(bottom) or ordinal(bottom)
    if top > 1:
        name = "halves" if name == "half" else name + "s"
    return f"{whole}and {cardinal(top)} {name}" if whole else f"{cardinal(top)} {name}"


def _power(match: re.Match[str]) -> str:
    power = match.group(1)
    if power in ("2", "3"):
        return " squared" if power == "2" else " cubed"
    return f" to the power of {power.replace('-', 'minus ')}"


def _number(match: re.Match[str]) -> str:
    return number(match.group()) + " " * match.string[match.end() : match.end() + 1].isalpha()


_PHONES: tuple[Rule, ...] = (
    rule(
        r"(?<![\w+])(?:\+?[0-9]{1,3}[ .-])?(?:\([0-9]{3}\)[ ]?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?![\w-])(?!\.[0-9])",
        lambda m: groups(m.group()),
    ),
    rule(r"(?<![\w+.,-])[0-9]{3}-[0-9]{4}(?![\w-])(?!\.[0-9])", lambda m: groups(m.group())),
    rule(r"(?<!\w)\+[0-9]{2,3}(?:[ -]?[0-9]{2,5}){2,5}(?![\w-])", lambda m: "plus " + groups(m.group())),
    rule(r"(?<![\w.,-])[0-9]{4}(?:[ -][0-9]{4}){2,4}(?![\w-])", lambda m: groups(m.group())),
    rule(
        r"\b((?:call|dial|code|pin|extension|ext\.|password|zip|serial)(?:\s(?:is|number|code))?:?\s)([0-9]{3,12})(?![\w.:,-]*[0-9])",
        lambda m: m.group(1) + digits(m.group(2)),
        any_case=True,
    ),
)
_AMOUNTS: tuple[Rule, ...] = (
    rule(r"\b24/7\b", "twenty four seven"),
    rule(r"\b50/50\b", "fifty fifty"),
    rule(r"\bUS\$(?=[0-9])", "$"),
    rule(r"(?<=[0-9])'(?=[0-9]{3}(?![0-9]))", ""),
    rule(r"(?<![\w.,])[0-9]{1,3}(?: [0-9]{3}){2,4}(?![\w.])", lambda m: m.group().replace(" ", "")),
    rule(r"(?<![\w.-])[0-9]{1,9}(?:-[0-9]{1,9}){2,9}(?![\w-])", lambda m: m.group().replace("-", ", ")),
    rule(r"(?<=[0-9](?:st|nd|rd|th))[-–](?=[0-9]{1,9}(?:st|nd|rd|th))", " to "),
    rule(r"(?<=[0-9)])\s-\s(?=-)", " minus "),
    rule(rf"{START}({NUM})\s?in(?=[.,;:!?)]|$)", r"\1 inches"),
    rule(rf"(?<=[0-9])\s?({_UNIT})[-–](?=[0-9])", r" \1 to "),
    rule(r"(?<![\w.])[vV](?=[0-9]{1,4}\.[0-9])", "version "),
    rule(
        r"(?<![\w.,])[0-9]{1,6}(?:\.[0-9]{1,6}){2,8}(?![\w])",
        lambda m: " point ".join(number(p) for p in m.group().split(".")),
    ),
    rule(rf"(?<=[0-9]){_SYMBOL}?\s?[-–]\s?(?={_SYMBOL}[0-9])", " to "),
    rule(r"(?<![\w.])([0-9]{1,15}(?:\.[0-9]{1,15})?)[eE]([+-]?[0-9]{1,3})\b", r"\1 times 10 to the power of \2"),
    rule(rf"{START}({NUM})(\s?[-–]\s?)({NUM})(?![0-9-])", _range),
    rule(r"(?<=[0-9])([\"'])(?=[0-9]{1,2}\")", " foot "),
    rule(r"(?<![\w.,/])([0-9]{1,9}[ ]|)([0-9]{1,4})/([0-9]{1,4})(?![\w/])(?!\.[0-9])", _fraction),
    rule(rf"(?<![\w)\].,-])-\s?(?=\.?[0-9]|{_SYMBOL}[0-9])", "minus "),
    rule(rf"(?<![\w)\].,+])\+(?=\.?[0-9]|{_SYMBOL}[0-9])", "plus "),
    rule(
        rf"({_SYMBOL})\s?({NUM}){_SCALE}(?:/({_PER})\b)?",
        lambda m: _money(m.group(1), m.group(2), m.group(3) or m.group(4)) + _per(m.group(5)),
    ),
    rule(
        rf"{START}({NUM}){_SCALE}\s?({_SYMBOL}|(?:{one_of(list(CURRENCY_CODES))})\b)",
        lambda m: _money(CURRENCY_CODES.get(m.group(4), m.group(4)), m.group(1), m.group(2) or m.group(3)),
    ),
    rule(rf"{START}([0-9]+)(?:¢|ct\b)", lambda m: f"{number(m.group(1))} cent{'s' * (m.group(1) != '1')}"),
    rule(r"\bdegrees? ([CF])\b", lambda m: "degrees " + {"C": "Celsius", "F": "Fahrenheit"}[m.group(1)], any_case=True),
    rule(rf"{START}({NUM})[ ]?({_UNIT})(?:/({_UNIT}))?(?![\w^/])", _unit),
    rule(r"\^([+-]?[0-9]{1,4})", _power),
    rule(
        rf"{START}([0-9]{{1,3}}(?:,[0-9]{{3}})*|[0-9]+)(?:st|nd|rd|th)\b",
        lambda m: ordinal(int(m.group(1)[:15].replace(",", ""))),
        any_case=True,
    ),
    rule(r"(?<=[0-9)])\s?\*\*\s?(?=[-0-9(])", " to the power of "),
    rule(r"(?<=[0-9)])(?: [x×*] |[×*])(?=[-0-9.(])", " times "),
    rule(r"(?<=[0-9])x(?=[0-9])", " by "),
    rule(r"(?<=[0-9])[x×](?!\w)", " times"),
    rule(r"(?<=[0-9])\s/\s(?=[0-9.(-])", " divided by "),
    rule(r"(?<=[0-9])\s-\s(?=[0-9.(])", " minus "),
    rule(rf"(?<![\w.])({NUM})k\b", lambda m: f"{number(m.group(1))} thousand"),
    rule(r"#\s?(?=[0-9])", "number "),
    rule(r"~\s?(?=[0-9])", "about "),
    rule(r"(?<=[A-Za-z0-9])-(?=[0-9])|(?<=[A-Za-z])(?=[0-9])", " "),
    rule(rf"{START}\.([0-9]{{1,30}})", lambda m: f"zero point {digits(m.group(1))}"),
    rule(rf"{START}{NUM}", _number),
    rule(r"[0-9]+", lambda m: f" {number(m.group())} "),
)
