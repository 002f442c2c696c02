"""Dates and times of day as people say them (American English)."""

from __future__ import annotations

import re

from firmware_py.tts.lexicon import MONTH_NAMES, MONTHS, UNIT_NAMES, UNITS, WEEKDAYS
from firmware_py.tts.numbers import cardinal, ordinal, plural, year
from firmware_py.tts.rules import Rule, one_of, rewrite, rule

_MONTH = r"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)"
_FULL = rf"({'|'.join(MONTH_NAMES)})"
_ANY_MONTH = rf"(?:{_MONTH}\.?|{_FULL})"
_DAY = r"([0-2]?[1-9]|[123]0|31)(?:st|nd|rd|th)?"
_YEAR = r"([12][0-9]{3})"
_CALENDAR_YEAR = r"(1[5-9][0-9]{2}|20[0-9]{2})"
_CLOCK = r"([01]?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?"
_MERIDIEM = r"[ ]?([AaPp])(?:\.[ ]?[Mm]\.|[Mm]\b)"
_AFTER_STOP = r"(?=(\s+[A-Z]|\s*$)?)"


def dates_and_times(text: str) -> str:
    """All dates, then all times, then years in the places where only a year can stand."""
    return rewrite(text, _RULES)


def time_of_day(hour: int, minute: int, second: int = 0, meridiem: str = "") -> str:
    """``(15, 5)`` is "fifteen oh five", ``(3, 5, meridiem="P")`` is "three oh five P M", noon is "noon"."""
    if meridiem and hour > 12:
        meridiem = ""
    if not meridiem and hour % 24 == 0:
        hour, meridiem = 12, "A"
    tail = f" and {cardinal(second)} second{'s' * (second != 1)}" if second else ""
    if meridiem and hour == 12 and minute == 0 and not second:
        return "noon" if meridiem == "P" else "midnight"
    if minute:
        minutes = f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif meridiem:
        minutes = ""
    else:
        minutes = " o'clock" if hour <= 12 else " hundred"
    return cardinal(hour or 12) + minutes + tail + (f" {meridiem} M" if meridiem else "")


def _time(match: re.Match[str]) -> str:
    hour, minute, second, meridiem, stop = match.groups()
    said = time_of_day(int(hour), int(minute or 0), int(second or 0), (meridiem or "").upper())
    return said + ("." if stop is not None and match.group().endswith(".") else "")


def _hour(match: re.Match[str]) -> str:
    hour, meridiem, stop = match.groups()
    said = time_of_day(int(hour), 0, 0, meridiem.upper())
    return said + ("." if stop is not None and match.group().endswith(".") else "")


def _month(match: re.Match[str], first: int) -> str:
    """The month in group ``first`` (short) or the next (full)."""
    short = match.group(first)
    return MONTHS[short[:3].lower()] if short else str(match.group(first + 1))


def _year_after(comma_and_year: str | None) -> str:
    return f", {year(int(comma_and_year))}" if comma_and_year else ""


def _month_day(match: re.Match[str]) -> str:
    return f"{_month(match, 1)} {ordinal(int(match.group(3)))}{_year_after(match.group(4))}"


def _day_month(match: re.Match[str]) -> str:
    return f"the {ordinal(int(match.group(1)))} of {_month(match, 2)}{_year_after(match.group(4))}"


def _numeric(match: re.Match[str]) -> str:
    """``2026-11-22`` (groups 1 to 3) or ``11/22/2026`` (groups 4 to 6, the month first where it can be)."""
    y, m, d = (int(g) for g in match.group(1, 2, 3)) if match.group(1) else (int(g) for g in match.group(6, 4, 5))
    if m > 12:
        m, d = d, m
    if not (1 <= m <= 12 and 1 <= d <= 31):
        return match.group()
    return f"{MONTH_NAMES[m - 1]} {ordinal(d)}, {year(y)}"


def _decade(match: re.Match[str]) -> str:
    return plural(year(int(match.group(1)))) if len(match.group(1)) == 4 else plural(cardinal(int(match.group(1))))


def _context_year(match: re.Match[str]) -> str:
    return str(match.group(1)) + year(int(match.group(2)))


_RULES: tuple[Rule, ...] = (
    rule(r"\b([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})", r"\1, \2"),
    rule(r"(:[0-5][0-9])(?::[0-5][0-9](?:\.[0-9]{1,9})?)?Z\b", r"\1 U T C"),
    rule(
        r"(?<![\w-])([0-9]{4})-([0-9]{2})-([0-9]{2})(?![\w-])|(?<![\w/])([0-9]{1,2})/([0-9]{1,2})/([12][0-9]{3})(?![\w/])",
        _numeric,
    ),
    rule(rf"\b{_ANY_MONTH}[ ]{_DAY}\b(?!:)(?:,?[ ]{_YEAR}\b(?!:))?", _month_day),
    rule(rf"\b(?:[Tt]he[ ])?{_DAY}[ ](?:of[ ])?{_ANY_MONTH}(?![\w])(?:,?[ ]{_YEAR}\b(?!:))?", _day_month),
    rule(rf"\b{_ANY_MONTH}[ ]{_YEAR}\b(?!:)", lambda m: f"{_month(m, 1)} {year(int(m.group(3)))}"),
    rule(
        r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:s|rs?|urs?|nes)?(?:\.,?|,)(?=[ ](?:the\b|[0-9]|[JFMASOND][a-z]{2}))",
        lambda m: WEEKDAYS[m.group(1).lower()] + ",",
    ),
    rule(r"(?<![\w.])([0-9]{1,3})h ?([0-9]{1,2})m(?:in)?\b", r"\1 h \2 min"),
    rule(r"(?<![\w.])([0-9]{1,3})m ?([0-9]{1,2})s\b", r"\1 min \2 s"),
    rule(r"\b(1[0-2]|0?[1-9])\.([0-5][0-9])(?= ?[AaPp]\.?[Mm]\b)", r"\1:\2"),
    rule(r"(?<=[0-9])\s?[-–]\s?(?=[0-9]{1,2}:[0-5][0-9]|[0-9]{1,2} ?[AaPp]\.?[Mm]\b)", " to "),
    rule(r"(?<=[0-9])( ?[AaPp]\.?[Mm]\b\.?) ?[-–] ?(?=[0-9])", r"\1 to "),
    rule(rf"(?<![\w:.]){_CLOCK}(?:{_MERIDIEM})?(?![0-9:]){_AFTER_STOP}", _time),
    rule(rf"(?<![\w:.,])(1[0-2]|0?[1-9])[ ]?([AaPp])(?:\.[ ]?[Mm]\.|[Mm]\b){_AFTER_STOP}", _hour),
    rule(r"(?<![\w.,-])([12][0-9]{2}0|[2-9]0)'?s\b", _decade),
    rule(r"(?<!\w)'([2-9]0)s\b", _decade),
    rule(
        r"(?<![\w.,$-])(1[1-9][0-9]{2}|20[0-9]{2})\s?[-–]\s?(1[1-9][0-9]{2}|20[0-9]{2})(?![\w%°-])(?!\.[0-9])",
        lambda m: f"{year(int(m.group(1)))} to {year(int(m.group(2)))}",
    ),
    rule(
        rf"\b((?:from|between) ){_CALENDAR_YEAR}( (?:to|and) ){_CALENDAR_YEAR}(?![\w.,])",
        lambda m: f"{m.group(1)}{year(int(m.group(2)))}{m.group(3)}{year(int(m.group(4)))}",
        any_case=True,
    ),
    rule(r"\b(year )([1-9][0-9]{2,3})(?![\w.,])", _context_year, any_case=True),
    rule(
        rf"\b((?:in|since|until|till|during|summer|winter|spring|autumn|fall|circa|copyright)[ ]){_CALENDAR_YEAR}"
        rf"(?![\w°%:-])(?![.,][0-9])(?![ ](?:{one_of([*UNITS, *UNIT_NAMES])})\b)",
        _context_year,
        any_case=True,
    ),
    rule(rf"\b((?:of|by|from|before|after)[ ]){_CALENDAR_YEAR}(?=\s*(?:[,;!?)]|\.(?![0-9])|$))", _context_year),
    rule(r"\b(1[0-9]{3}|20[0-9]{2})(?=\s(?:AD|BC|BCE|CE)\b)", lambda m: year(int(m.group(1)))),
)
