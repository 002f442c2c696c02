"""Which of several is meant, in the answer to "which one?" and to "on Saturday or on Sunday?"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from firmware_py.events import Understood
from firmware_py.respond.when import WEEKENDS

PLACES = {"next": 0, "first": 0, "earlier": 0, "second": 1, "third": 2, "last": -1, "later": -1}
"""In the order in which they are asked about."""
_PLACED = re.compile(rf"the ({'|'.join(PLACES)})(?: one| alarm| reminder)?|({'|'.join(PLACES)}) (?:one|alarm|reminder)")
"""By itself "later" is no place."""
_BEFORE = re.compile(r"^(?:the )?(?:one )?(?:(?:at|on|for) )?")
_BEHIND = re.compile(r" (?:one|alarm|reminder)$")
_DAY = re.compile(r"(?:on )?(?:the )?(?:(saturday|sunday)|both(?: days| of them)?)(?: please)?")
_WEEKEND = re.compile(r"\b(this(?: coming)?|next) weekend\b", re.IGNORECASE)
_SMALL = frozenset(("the", "to", "my", "one", "about"))


def picked(
    asked: Understood, names: Sequence[str], said: str, understand: Callable[[str], Understood]
) -> Understood | None:
    """The command with what was said of one of them: its place, its time or day, or words of its name that no other
    has; None where nothing of that was. ``said`` is in lower case and without punctuation."""
    return placed(asked, said) or _timed(asked, said, understand) or _named(asked, names, said)


def placed(asked: Understood, said: str) -> Understood | None:
    """The command with the place that was said among those asked about: "the first one"."""
    found = _PLACED.fullmatch(said)
    return _with(asked, {"place": found[1] or found[2]}) if found else None


def weekend_day(asked: Understood, said: str, understand: Callable[[str], Understood]) -> Understood | None:
    """The command on the day of the weekend that was said, or on both."""
    found = _DAY.fullmatch(said)
    if str(asked.slots.get("day")) not in WEEKENDS or found is None:
        return None
    day = rf"\1 {found[1]}" if found[1] else r"both days \1 weekend"
    meant = understand(_WEEKEND.sub(day, asked.sentence or asked.text))
    return meant if meant.intent == asked.intent else None


def _timed(asked: Understood, said: str, understand: Callable[[str], Understood]) -> Understood | None:
    kind = (asked.intent or "").partition("_")[0]
    when = _BEHIND.sub("", _BEFORE.sub("", said))
    for joint in ("at ", "on ", ""):
        found = understand(f"cancel the {kind} {joint}{when}")
        if found.intent == f"{kind}_cancel" and found.slots and not found.open_slots:
            return _with(asked, dict(found.slots))
    return None


def _named(asked: Understood, names: Sequence[str], said: str) -> Understood | None:
    heard = set(_BEHIND.sub("", said).split()) - _SMALL
    found = [name for name in names if heard and heard <= set(name.casefold().split())]
    return replace(asked, slots={**asked.slots, "text": found[0]}) if len(found) == 1 else None


def _with(asked: Understood, slots: dict[str, Any]) -> Understood:
    """Which one is moved is said in slots with ``of_``."""
    prefix = "of_" if (asked.intent or "").endswith("_move") else ""
    return replace(asked, slots={**asked.slots, **{f"{prefix}{key}": value for key, value in slots.items()}})
