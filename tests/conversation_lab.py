"""Plays a scripted conversation (``docs/conversations.md``) through understanding, skills and the agenda on text.

The board's clocks are moved by hand; nothing is spoken, everything else is the appliance's own code.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from agenda_lab import BERLIN, Board

from firmware_py.agenda.deeds import Deeds
from firmware_py.controls import NoLoudspeaker, Routes, SpeakerControls
from firmware_py.events import Action, Understood
from firmware_py.nlu import yaml_nodes
from firmware_py.nlu.context import ContextManager
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.respond import announce
from firmware_py.respond.cache import ResponseCache
from firmware_py.respond.responder import Responder
from firmware_py.respond.world import LocalWorld, Volume

FOLDER = Path(__file__).parent / "conversations"
START = datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN)
"""A Friday."""
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
STEPS = {
    "say",
    "intent",
    "slots",
    "reply",
    "did",
    "wait",
    "rings",
    "power_cut",
    "clock_lost",
    "jump",
}
CONVERSATION = {"name", "start", "given", "steps", "remembered", "volume", "own"}


@dataclass
class Conversation:
    """One script. ``file`` and ``name`` say which."""

    file: str
    name: str
    script: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


def conversations() -> list[Conversation]:
    return [
        Conversation(path.stem, script["name"], script)
        for path in sorted(FOLDER.glob("*.yaml"))
        for script in yaml_nodes.read(path.read_text(), path).plain()
    ]


def seconds(text: Any) -> float:
    """ "90s", "4m", "1h30m", "2d"."""
    parts = re.findall(r"(\d+)([smhd])", str(text))
    assert parts and "".join(a + b for a, b in parts) == str(text), f"no duration: {text}"
    return float(sum(int(a) * UNITS_S[b] for a, b in parts))


@dataclass
class Recorder:
    """Hands actions on and keeps their names; those of the user's own are only kept."""

    routes: Any
    done: list[str] = field(default_factory=list)

    def perform(self, action: Action) -> None:
        self.done.append(action.name)
        self.routes.perform(action)


def own_commands(folder: Path, templates: Mapping[str, Any]) -> HassilUnderstanding:
    """The built-in intents beside templates that stand in the conversation."""
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump({"language": "en", **templates}, sort_keys=False))
    return HassilUnderstanding([file])


class Stage:
    """Everything between the recogniser's text and the voice's."""

    def __init__(self, folder: Path, script: Mapping[str, Any], understanding: HassilUnderstanding) -> None:
        unknown = set(script) - CONVERSATION
        assert not unknown, f"unknown keys {unknown}"
        start = script.get("start")
        self.board = Board(folder, datetime.fromisoformat(f"{start}").replace(tzinfo=BERLIN) if start else START)
        self.board.has_no_rtc()
        self.board.has_network_time()
        self.understanding = own_commands(folder, script["own"]) if "own" in script else understanding
        self.speaker = SpeakerControls(NoLoudspeaker(), script.get("volume", 50))
        self.build()

    def build(self) -> None:
        """The service starts anew: what is not in the state file is gone."""
        agenda, lists = self.board.agenda, self.board.lists
        self.actuator = Recorder(Routes(self.speaker, [Deeds(agenda, lists)]))
        world = LocalWorld(
            clock=self.board.clock.now,
            rng=random.Random(7),
            read_volume=lambda: Volume(self.speaker.percent, self.speaker.is_muted),
            agenda=agenda,
            lists=lists,
        )
        history = ContextManager(clock=lambda: self.board.boot_s)
        self.responder = Responder(world, self.actuator, history, ResponseCache(), exact=self.understanding.exact)

    def say(self, text: str) -> tuple[Understood, str]:
        """One turn: its reply is drafted, thrown away and prepared again, as at a pause, and then committed."""
        understood = self.understanding.understand(text)
        self.responder.prepare(understood, draft=True)
        reply = self.responder.prepare(understood)
        self.actuator.done.clear()
        self.responder.commit(reply)
        return understood, reply.text

    def play(self, step: Mapping[str, Any]) -> None:
        unknown = set(step) - STEPS
        assert not unknown, f"unknown keys {unknown}"
        if "wait" in step:
            self.board.pass_s(seconds(step["wait"]))
        if "jump" in step:
            self.board.wall_s += seconds(step["jump"])
        if "power_cut" in step:
            self.board.power_cut(seconds(step["power_cut"]), keeps_time=not step.get("clock_lost"))
            if not step.get("clock_lost"):
                self.board.has_network_time()
            self.build()
        if {"wait", "jump", "power_cut", "rings"} & set(step):
            rings = announce.due(self.board.agenda.settle(), self.board.clock)
            check("rings", step.get("rings", ""), rings)
        if "say" in step:
            self.turn(step)

    def turn(self, step: Mapping[str, Any]) -> None:
        understood, reply = self.say(step["say"])
        if "intent" in step:
            assert understood.intent == step["intent"], f"{step['say']!r} is {understood.intent}"
        if "slots" in step:
            assert dict(understood.slots) == step["slots"], f"{step['say']!r} has {dict(understood.slots)}"
        check(f"reply to {step['say']!r}", step.get("reply", ".+"), reply)
        if "did" in step:
            assert self.actuator.done == step["did"], f"{step['say']!r} did {self.actuator.done}"

    def remembered(self) -> dict[str, Any]:
        """What is in the state file, as a conversation writes it."""
        self.board.start()
        found: dict[str, Any] = {}
        for entry in self.board.agenda.entries(phase=None):
            found.setdefault(f"{entry.kind}s", []).append(entry.name)
        lists = self.board.lists
        return found | ({"lists": {n: lists.items(n) for n in lists.names()}} if lists.names() else {})


def check(what: str, expected: Any, found: str) -> None:
    """A text, a list of which one is right, or a pattern between slashes."""
    options = expected if isinstance(expected, list) else [expected]
    for option in options:
        if option == ".+" and found:
            return
        if option.startswith("/") and option.endswith("/"):
            if re.fullmatch(option[1:-1], found):
                return
        elif option == found:
            return
    raise AssertionError(f"{what}: {found!r}, not {expected!r}")


def perform(conversation: Conversation, folder: Path, understanding: HassilUnderstanding) -> None:
    """Raises AssertionError at the first step that goes otherwise than written."""
    stage = Stage(folder, conversation.script, understanding)
    for item in conversation.script.get("given", ()):
        stage.say(item)
    for step in conversation.script["steps"]:
        stage.play(step)
    if "remembered" in conversation.script:
        assert stage.remembered() == conversation.script["remembered"]
