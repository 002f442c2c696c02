"""Walks a kept conversation on its own clock, and walks a recording to keep it."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from firmware_py import __version__, app
from firmware_py.agenda.agenda import Agenda
from firmware_py.app import Answer, Observers
from firmware_py.audio.recording import load
from firmware_py.config import Config, from_text
from firmware_py.controls import NoLoudspeaker
from firmware_py.errors import BadInput, ConfigError
from firmware_py.events import RATE_HZ, UNDRAFTED, Patience, TurnEvent, TurnTrace
from firmware_py.pipeline import VoicePipeline
from firmware_py.replay import compare, form, session
from firmware_py.replay.form import Conversation, Event, Turn
from firmware_py.replay.world import RepeatedClock, RepeatedWorld
from firmware_py.turn_queue import ENDS

NEVER_NS = 1 << 62


@dataclass
class Replayed:
    """A conversation run again. ``differences`` is empty when it went as it did then."""

    conversation: Conversation
    events: list[Event] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    differences: list[compare.Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def replay(path: Path, config: Config | None = None) -> Replayed:
    """Runs the conversation that ``path`` names again, with ``config`` instead of its own where one is given.

    Raises NotFound, BadInput (also for a sound that is not the recorded one), Unavailable, ConfigError.
    """
    kept, sound = form.read(path)
    form.check_sound(kept, sound, load(sound))
    with (
        tempfile.TemporaryDirectory(prefix="rtva-replay-") as folder,
        VoicePipeline(config or _config(kept, Path(folder), path)) as pipeline,
    ):
        done = _walk(kept, sound, pipeline)
        done.notes = [*pipeline.notes, *compare.notes(kept, session.engines(pipeline.config), __version__)]
    done.differences = compare.differences(kept, done.events, done.turns)
    return done


def _walk(kept: Conversation, sound: Path, pipeline: VoicePipeline) -> Replayed:
    done = Replayed(kept)
    pipeline.initialize_components()
    readings = {turn.speech_end: turn.readings for turn in kept.turns}
    world = RepeatedWorld(None, kept.seed, _began(kept), readings)
    pipeline.agenda = Agenda(RepeatedClock(world))
    app.begin_conversation(pipeline, NoLoudspeaker(), act=True).set_percent(kept.volume)
    world.inner, pipeline.world = pipeline.world, world
    pipeline.new_conversation()

    def on_utterance(event: TurnEvent, trace: TurnTrace | None, error: str) -> None:
        done.turns.append(session.turn_form(event, trace, error, 0, {}))

    done.answers = app.replay(
        pipeline,
        sound,
        Observers(
            on_event=lambda event: done.events.append(session.event_form(event)),
            on_take=lambda event: world.begin(event.speech_end, event.kind in ENDS),
            on_utterance=on_utterance,
        ),
        heeded=as_told(kept),
    )
    return done


def as_told(kept: Conversation) -> Callable[[Patience], Patience]:
    """What a draft says counts from the sample at which it did then; of a draft that failed then, what that said."""
    heeded = dict(when_heeded(kept.events))
    undrafted = {
        t.speech_end: t.trace["hangover_ms"] for t in kept.turns if t.trace.get("endpoint_reason") == UNDRAFTED
    }

    def told(patience: Patience) -> Patience:
        from_ns, hangover_ms = heeded.get(patience.speech_end, NEVER_NS), undrafted.get(patience.speech_end)
        if hangover_ms:
            return Patience(patience.speech_end, hangover_ms, UNDRAFTED, from_ns)
        return replace(patience, from_ns=from_ns)

    return told


def when_heeded(events: list[Event]) -> Iterator[tuple[int, int]]:
    """The end of speech before each pause whose draft told the endpointer something, and when that counted, in ns."""
    for pause, behind in itertools.pairwise(events):
        if pause.kind == "pause" and behind.heeded_at:
            yield pause.speech_end, behind.heeded_at * 1_000_000_000 // RATE_HZ


def keep(
    pipeline: VoicePipeline, file: Path, write: Callable[[Any, Callable[[int, str], Conversation]], Path]
) -> tuple[Path, list[Answer]]:
    """Walks a recording and keeps it as a conversation; ``write`` gets the samples and what makes the rest of them."""
    import numpy as np

    app.begin_conversation(pipeline, NoLoudspeaker(), act=True)
    gathered = session.Session(pipeline.config, pipeline.world, pipeline.config.audio.output.volume)
    gathered.join(pipeline)
    observers = Observers(on_event=gathered.on_event, on_take=gathered.on_take, on_utterance=gathered.on_utterance)
    answers = app.replay(pipeline, file, observers)
    samples = load(file)
    last = max((event.at for event in gathered.events), default=0)
    samples = np.pad(samples, (0, max(0, last - samples.size)))
    return write(samples, lambda count, sha256: gathered.conversation(count, sha256, "the recording's end")), answers


def _began(kept: Conversation) -> datetime:
    try:
        return datetime.fromisoformat(kept.recorded_at)
    except ValueError as error:
        raise BadInput(f"recorded_at {kept.recorded_at!r}: not a date and time") from error


def _config(kept: Conversation, folder: Path, path: Path) -> Config:
    """The recorded configuration, with the recorded templates in ``folder``; JSON is YAML."""
    tree = json.loads(json.dumps(kept.config))
    for name, text in kept.intents.items():
        (folder / Path(name).name).write_text(text, "utf-8")
    if isinstance(tree.get("nlp"), dict):
        tree["nlp"]["intents"] = [str(folder)] if kept.intents else []
    try:
        return from_text(json.dumps(tree))
    except ConfigError as error:
        raise BadInput(f"{path}: its configuration is not one of this version: {error}") from error
