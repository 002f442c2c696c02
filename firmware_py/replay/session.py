"""Gathers a conversation while it happens: events from the listen thread, turns from the turn thread."""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from firmware_py import __version__, models
from firmware_py.config import Config
from firmware_py.errors import RtvaError
from firmware_py.events import TurnEvent, TurnTrace
from firmware_py.nlu.template_file import files_in
from firmware_py.pipeline import VoicePipeline
from firmware_py.replay.form import Conversation, Event, Sound, Turn
from firmware_py.replay.world import NotedActuator, NotedWorld
from firmware_py.service.debug_folder import plain, trace_fields
from firmware_py.turn_queue import ENDS

LIBRARIES = ("pywhispercpp", "onnxruntime", "piper-tts", "hassil", "numpy")
INTENT_BYTES_MOST = 1 << 20
EVENTS_MOST = 100_000


class Session:
    """Position ``origin`` of the capture is sample 0 of the conversation. ``on_*`` return at once."""

    def __init__(self, config: Config, world: Any, volume: int = 100, origin: int = 0) -> None:
        self.world = NotedWorld(world, secrets.token_hex(8))
        self.config, self.volume, self.origin = config, volume, origin
        self.began: datetime = world.now()
        self.events: list[Event] = []
        self.turns: list[Turn] = []
        self.is_full = False

    def begin(self, origin: int) -> None:
        """The sound begins at position ``origin``."""
        self.origin, self.began = origin, self.world.inner.now()
        self.events.clear()

    def join(self, pipeline: VoicePipeline) -> None:
        """A new conversation of ``pipeline`` is noted from now on; :meth:`part` ends that."""
        pipeline.world = self.world
        if pipeline.actuator is not None:
            pipeline.actuator = NotedActuator(self.world, pipeline.actuator)
        pipeline.new_conversation()

    def part(self, pipeline: VoicePipeline) -> None:
        """Skills read the world itself again; the conversation goes on."""
        self.world.release()
        pipeline.world = self.world.inner
        pipeline.actuator = getattr(pipeline.actuator, "inner", pipeline.actuator)

    def on_event(self, event: TurnEvent) -> None:
        """In the listen thread."""
        if len(self.events) >= EVENTS_MOST:
            self.is_full = True
        elif event.start >= self.origin:
            self.events.append(event_form(event, self.origin))

    def on_take(self, event: TurnEvent) -> None:
        """In the turn thread, before the turn is worked on."""
        self.world.begin(event.speech_end - self.origin, event.kind in ENDS)

    def on_utterance(self, event: TurnEvent, trace: TurnTrace | None, error: str = "") -> None:
        """In the turn thread, when the turn is over."""
        if event.start >= self.origin and len(self.turns) < EVENTS_MOST:
            self.turns.append(turn_form(event, trace, error, self.origin, dict(self.world.readings)))

    def is_answered(self, shed: int = 0) -> bool:
        """Whether every utterance that ended has its turn, but for ``shed`` that will never have one."""
        return sum(e.kind in _END_KINDS for e in self.events) <= len(self.turns) + shed

    def conversation(self, samples: int, sha256: str, ended: str) -> Conversation:
        """All of it; what lies behind the last sample is left out."""
        return Conversation(
            rtva=__version__,
            recorded_at=self.began.isoformat(),
            ended=ended,
            seed=self.world.seed,
            volume=self.volume,
            config=json.loads(self.config.model_dump_json()),
            intents=intent_texts(self.config),
            engines=engines(self.config),
            sound=Sound(samples=samples, sha256=sha256),
            events=[e for e in self.events if e.at <= samples],
            turns=[t for t in self.turns if t.at <= samples],
        )


_END_KINDS = frozenset(kind.value for kind in ENDS)


def event_form(event: TurnEvent, origin: int = 0) -> Event:
    return Event(
        kind=event.kind.value,
        at=event.at - origin,
        start=event.start - origin,
        speech_start=event.speech_start - origin,
        speech_end=event.speech_end - origin,
        heeded_at=max(0, event.heeded_at - origin),
    )


def turn_form(event: TurnEvent, trace: TurnTrace | None, error: str, origin: int, readings: Mapping[str, Any]) -> Turn:
    told = trace or TurnTrace()
    fields = {} if trace is None else json.loads(json.dumps(trace_fields(trace), default=plain))
    return Turn(
        at=event.at - origin,
        speech_end=event.speech_end - origin,
        transcript=told.transcript,
        intent=told.intent,
        slots=json.loads(json.dumps(dict(told.slots), default=plain)),
        score=round(told.score, 6),
        reply=told.reply,
        is_guided=told.is_guided,
        guards=list(told.guards),
        error=error or None,
        readings=dict(readings),
        trace={key: fields[key] for key in fields if key not in ("marks", "transcript", "reply", "slots")},
    )


def intent_texts(config: Config) -> dict[str, str]:
    """The user's own template files, by name: a replay elsewhere needs them. Left out when they are huge."""
    found: dict[str, str] = {}
    for place in config.nlp.intent_paths():
        for file in files_in(place) if place.is_dir() else [place]:
            name = f"{len(found):03d}-{file.name}"
            found[name] = file.read_text("utf-8", "replace")
    return found if sum(map(len, found.values())) <= INTENT_BYTES_MOST else {}


def engines(config: Config) -> dict[str, Any]:
    """Which weights, libraries and machine it was: another one may hear differently."""
    return {
        "stt": _weights(lambda: models.resolve_stt(config.stt.model, config.stt.optimization.compute_type).path),
        "voice": _weights(lambda: models.resolve_voice(config.tts.voice).onnx),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "machine": platform.machine(),
    }


def _weights(find: Any) -> str | None:
    try:
        path: Path = find()
    except RtvaError:
        return None
    return f"{path.parent.name}/{path.name} {path.stat().st_size}"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
