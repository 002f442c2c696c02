""" "Make it fifteen": the timer, alarm or reminder that was set last gives way to the new one."""

from __future__ import annotations

from firmware_py.events import Action
from firmware_py.respond.request import Request


def replaced(request: Request, kind: str) -> tuple[Action, ...]:
    """The action that takes away the latest of a kind, if the sentence corrects the one before."""
    entries = request.world.agenda.entries(kind) if request.slots.get("replace") else []
    if not entries:
        return ()
    return (Action("forget", {"ids": [max(entry.id for entry in entries)]}),)
