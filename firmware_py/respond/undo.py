"""What takes an action back, as far as it can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firmware_py.agenda.entries import Entry
from firmware_py.events import Action
from firmware_py.respond.world import Volume, World

CREATE = ("count_down", "appoint")
VOLUME = ("volume_set", "volume_change")

ABSOLUTE = frozenset({"volume_set", "mute"})
"""Doing these again with another value leaves nothing of the one before."""


def first_back(undoes: Sequence[Action], actions: Sequence[Action]) -> tuple[Action, ...]:
    """What is taken back before ``actions`` are done that correct it: all but what they set anew."""
    new = {action.name for action in actions} & ABSOLUTE
    return tuple(action for action in undoes if action.name not in new)


@dataclass(frozen=True)
class Before:
    """What an action is about to change."""

    entries: tuple[Entry, ...]
    items: tuple[str, ...]
    volume: Volume | None

    @classmethod
    def of(cls, action: Action, world: World) -> Before:
        name = action.arguments.get("list") if action.name == "list_clear" else None
        items = tuple(world.lists.items(name)) if name else ()
        volume = world.volume() if action.name in (*VOLUME, "mute") else None
        wants_entries = action.name in (*CREATE, "forget")
        return cls(tuple(world.agenda.entries()) if wants_entries else (), items, volume)


def inverse(action: Action, before: Before, world: World) -> Action | None:
    """The action that takes one back that was just done; None where nothing can. Of the user's own, nothing does."""
    arguments = action.arguments
    if action.name in CREATE:
        known = {entry.id for entry in before.entries}
        new = [entry.id for entry in world.agenda.entries() if entry.id not in known]
        return Action("forget", {"ids": new}) if new else None
    if action.name == "forget":
        left = {entry.id for entry in world.agenda.entries()}
        gone = [entry for entry in before.entries if entry.id in arguments["ids"] and entry.id not in left]
        return Action("restore", {"entries": gone}) if gone else None
    if action.name == "extend":
        return Action("extend", {"ids": arguments["ids"], "by_s": -arguments["by_s"]})
    if action.name in ("list_add", "list_remove"):
        other = "list_remove" if action.name == "list_add" else "list_add"
        return Action(other, {"list": arguments["list"], "items": arguments["items"]})
    if action.name == "list_clear" and before.items:
        return Action("list_add", {"list": arguments["list"], "items": list(before.items)})
    if before.volume is not None:
        if action.name == "mute":
            return Action("mute", {"on": before.volume.is_muted})
        return Action("volume_set", {"percent": before.volume.percent})
    return None
