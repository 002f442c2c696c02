"""Written English as people say it. (first form)"""

from __future__ import annotations

import re

from firmware_py.tts.numbers import number

_NUMBER = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.])\d+(?:\.\d+)?")


def spoken(text: str) -> str:
    """The text with its numbers spelled."""
    return _NUMBER.sub(lambda m: number(m.group()), text)
