"""What a skill is asked and what it answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from firmware_py.events import Action
from firmware_py.respond.world import World


@dataclass(frozen=True)
class Request:
    """One understood sentence, and the world at the time of asking.

    ``last_reply`` is what was said last in this conversation ("" when nothing was). ``draft`` is True when the
    speaker may still go on: the answer may be thrown away.
    """

    intent: str
    slots: Mapping[str, Any]
    text: str
    world: World
    last_reply: str = ""
    draft: bool = False

    @property
    def now(self) -> datetime:
        return self.world.now()

    @property
    def rng(self) -> random.Random:
        return self.world.rng


@dataclass(frozen=True)
class Answer:
    """What is to be said, and done once it is sure. ``cacheable`` answers depend on the intent and slots alone."""

    text: str
    actions: tuple[Action, ...] = ()
    cacheable: bool = False


Handler = Callable[[Request], Answer]
