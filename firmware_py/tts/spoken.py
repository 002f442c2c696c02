"""Written English as people say it: the text that the phonemiser gets has only letters and punctuation.

The steps run in a fixed order, each on the result of the one before: what a page adds is taken away,
addresses, telephone numbers, dates and times are read before the plain numbers they are made of, and what
no rule has read is said by its sign or dropped. Deterministic, never raises, linear in the text.
"""

from __future__ import annotations

import re

from firmware_py.tts.clock import dates_and_times
from firmware_py.tts.letters import abbreviations, acronyms
from firmware_py.tts.lexicon import SYMBOLS
from firmware_py.tts.markup import addresses, plain
from firmware_py.tts.quantities import amounts, phones
from firmware_py.tts.rules import Rule, rewrite, rule

_STEPS = (plain, addresses, phones, dates_and_times, abbreviations, amounts, acronyms)


def spoken(text: str) -> str:
    """``"It is 20°C at 3:05 PM."`` becomes "It is twenty degrees Celsius at three oh five P M."

    One line of letters, spaces and ``. , ; : ! ? ' -``; "" when nothing can be said.
    """
    for step in _STEPS:
        text = step(text)
    return _tidy(text)


def _tidy(text: str) -> str:
    text = rewrite(text, _SIGNS)
    text = "".join(SYMBOLS.get(c, c if c.isalpha() or c in " .,;:!?'-" or _is_mark(c) else " ") for c in text)
    text = rewrite(text, _PUNCTUATION).strip(" ,;:-")
    return text if any(c.isalpha() for c in text) else ""


def _is_mark(char: str) -> bool:
    return not char.isascii() and not char.isspace() and ("a" + char).isidentifier()


def _strongest(match: re.Match[str]) -> str:
    """Of several marks in a row, the one that ends the sentence."""
    found = match.group()
    return next((mark for mark in "?!.;:," if mark in found), ",") + " "


_SIGNS: tuple[Rule, ...] = (
    rule(r"!==?", " is not equal to "),
    rule(r"<=(?!>)", "≤"),
    rule(r">=", "≥"),
    rule(r"[-=]{1,3}>", " to "),
    rule(r"<[-=]{1,3}", " from "),
    rule(r"={2,3}", "="),
    rule(r"\.{2,}\s*(?=[a-z])", ", "),
    rule(r"/", " "),
    rule(r"(?<=\s)[-–]{1,3}(?=\s)|-{2,}|–", ", "),
    rule(r"(?<!\w)'+|'+(?!\w)", " "),
    rule(r"(?<!\w)-+|-+(?!\w)", " "),
)
_PUNCTUATION: tuple[Rule, ...] = (
    rule(r"\s+", " "),
    rule(r"\s+(?=[.,;:!?])", ""),
    rule(r"[.,;:!?](?:\s*[.,;:!?])+\s*", _strongest),
    rule(r"([,;:!?])(?=[^\s\W])", r"\1 "),
    rule(r"^[\s.,;:!?-]+", ""),
    rule(r"\s+", " "),
)
