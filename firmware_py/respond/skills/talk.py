"""The conversation itself: say that again, stop, what can you do."""

from __future__ import annotations

from collections import Counter

from firmware_py.events import Action
from firmware_py.respond import skills
from firmware_py.respond.phrases import join, plural
from firmware_py.respond.request import Answer, Handler, Request

NOTHING_YET = "I haven't said anything yet."
DONE = "Okay."
PHRASES = (DONE, NOTHING_YET)


def repeat(request: Request) -> Answer:
    return Answer(request.last_reply or NOTHING_YET)


def cancel(request: Request) -> Answer:
    is_ringing = bool(request.world.agenda.entries(phase="ringing"))
    waiting = request.world.agenda.entries() if request.slots.get("all") and not is_ringing else []
    if waiting:
        kinds = Counter(entry.kind for entry in waiting)
        what = join(plural(count, kind) for kind, count in kinds.items())
        forget = Action("forget", {"ids": [entry.id for entry in waiting]})
        return Answer("Everything is cancelled.", (Action("stop_speaking"), forget), confirm=f"Cancel {what}?")
    return Answer(DONE, (Action("stop_speaking"), *([Action("stop_ringing")] if is_ringing else [])))


def help_(request: Request) -> Answer:
    return Answer(f"I can {join(skills.discover().abilities)}. Say stop at any time.", cacheable=True)


HANDLERS: dict[str, Handler] = {"repeat": repeat, "cancel": cancel, "help": help_}
