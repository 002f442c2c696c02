"""What no name has in it: a name that may be anything would take the order, the number and the unit beside it."""

from __future__ import annotations

from typing import Any

from firmware_py.nlu.english import ORDINALS
from firmware_py.numerals import NUMBER_WORDS

_NUMBERS = NUMBER_WORDS | {"half", "quarter", "quarters", "third", "thirds", "point", "minus", "negative", "dozen"}
_AMOUNTS = "few several couple more less longer hour hours minute minutes second seconds timer timers"
_ORDERS = """
set start make create begin add cancel delete remove clear stop end kill erase reset restart pause resume unpause
continue turn switch remind tell show give ask
"""
_SMALL = """
the a an my your this that another and then or for of to in on at with from by as if when what who why how
i you he she it we they me us him her them too already
is are was were do does did can could would will should don't not never no
"""
_FILLERS = "ok so now um uh er hmm oh well also yes yeah please just like actually sorry hey"

_DATES = """
monday tuesday wednesday thursday friday saturday sunday today tonight tomorrow yesterday day week month year weekend
january february march april may june july august september october november december
morning afternoon evening night noon midday midnight am pm every daily first second third
"""
_DATE_WORDS = ORDINALS.union(_DATES.split())
_UNITS = "percent degree degrees hour hours minute minutes second seconds celsius fahrenheit"
_NO_THINGS: frozenset[str] = _NUMBERS.union(_DATES.split(), _UNITS.split())

NOT_IN_NAMES: frozenset[str] = _NUMBERS.union(_AMOUNTS.split(), _ORDERS.split(), _SMALL.split(), _FILLERS.split())
"""Normal words of English: numbers, units, orders, small words and fillers."""


def is_thing(said: str, out: Any = "") -> bool:
    """Whether what is said may be a place or a device, of which there may be another: no number, date or unit, which
    neither stands for one (``out``)."""
    return isinstance(out, str) and _NO_THINGS.isdisjoint(said.split())


def is_date(said: str) -> bool:
    """Whether what is said is a day, or a part of one."""
    return not _DATE_WORDS.isdisjoint(said.split())
