"""What a skill is asked and what it answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firmware_py.agenda.agenda import MOST_ENTRIES
from firmware_py.events import Action
from firmware_py.respond.world import World

THIN_SCORE, THIN_MARGIN = 0.9, 1.0
"""Of 413 guided orders, clean, at 12 and at 6 dB, 0.07 lie below one of these, and with them all 3 that were taken
for another order."""
FULL = f"I keep {MOST_ENTRIES} timers, alarms and reminders at most. Cancel one first."
DOUBT_MARGIN = 0.75
"""Nats, as ``guided_door.AMBIGUOUS_MARGIN``: of 8 well heard timers and volumes 1 is asked about (3 with 1.0)."""


@dataclass(frozen=True)
class Request:
    """One understood sentence, and the world at the time of asking.

    ``last_reply`` is what was said last in this conversation ("" when nothing was). ``draft`` is True when the
    speaker may still go on: the answer may be thrown away. ``heard_score`` and ``margin`` say how sure recognition was
    (see :class:`~firmware_py.events.Understood`); ``is_thin``, that it is worth asking back ("did you say fifteen?").
    ``undoes`` are done before the answer's own actions, if it has any: the sentence corrects the one before.
    """

    intent: str
    slots: Mapping[str, Any]
    text: str
    world: World
    last_reply: str = ""
    draft: bool = False
    heard_score: float | None = None
    margin: float | None = None
    undoes: tuple[Action, ...] = ()

    @property
    def is_thin(self) -> bool:
        thin_score = self.heard_score is not None and self.heard_score < THIN_SCORE
        return thin_score or (self.margin is not None and self.margin < THIN_MARGIN)

    def doubt(self, what: str) -> str:
        """The question to ask first about a value that recognition was not sure of, "" when it was sure."""
        is_near = self.margin is None or self.margin < DOUBT_MARGIN or (self.heard_score or 0.0) < THIN_SCORE
        return f"Did you say {what}?" if self.is_thin and is_near else ""

    @property
    def now(self) -> datetime:
        return self.world.now()

    @property
    def rng(self) -> random.Random:
        return self.world.rng


@dataclass(frozen=True)
class Answer:
    """What is to be said, and done once it is sure. ``cacheable`` answers depend on the intent and slots alone.

    ``confirm`` is a question that is asked first; the rest is said and done only after a yes. ``choices``: what
    those are called of which the text asks for one, "" where they have no name; a place or a time answers it as well.
    """

    text: str
    actions: tuple[Action, ...] = ()
    cacheable: bool = False
    confirm: str = ""
    choices: tuple[str, ...] = ()


Handler = Callable[[Request], Answer]


def within_room(request: Request, answer: Answer) -> Answer:
    """The answer, or a refusal where it promises one more than the agenda keeps, once what it drops is gone."""
    if not any(action.name in ("count_down", "appoint") for action in answer.actions):
        return answer
    agenda = request.world.agenda
    forgets = (action for action in (*request.undoes, *answer.actions) if action.name == "forget")
    freed = {i for action in forgets for i in action.arguments["ids"]}
    return answer if agenda.room() or any(entry.id in freed for entry in agenda.entries()) else Answer(FULL)
