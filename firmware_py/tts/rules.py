"""How the rewriting of text is written down: ordered rules, each a pattern and what it becomes.

Every pattern is written so that a run over a text is linear in its length for tokens of at most
:data:`MAX_TOKEN` characters (the first step of :func:`firmware_py.tts.spoken.spoken` cuts longer ones):
a repeated part either has a bound or cannot start where its neighbour could.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

MAX_TOKEN = 200
NUM = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?"
"""A number as people write it, without a sign; never ends in a point."""
START = r"(?<![\w.,])"
"""Nothing that could belong to a number stands before."""


def rule(pattern: str, to: str | Callable[[re.Match[str]], str], *, any_case: bool = False) -> Rule:
    """One rule; ``to`` is a template or a function of the match."""
    return re.compile(pattern, re.IGNORECASE if any_case else 0), to


def rewrite(text: str, rules: Sequence[Rule]) -> str:
    """All rules over the text, in order."""
    for pattern, to in rules:
        text = pattern.sub(to, text)
    return text


def one_of(words: Sequence[str]) -> str:
    """An alternation of literal words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
