"""What a household says, spoken, through the real walk: each row is a conversation, its replies and what came of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from takes import VOICE_HZ, seeded, take

from firmware_py.app import begin_conversation, replay
from firmware_py.audio.wav import write_wav
from firmware_py.config import from_text
from firmware_py.controls import NoLoudspeaker
from firmware_py.pipeline import VoicePipeline
from firmware_py.respond.world import World

GAP_S = 1.5
Row = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], Callable[[World], object], object]


def entries(world: World) -> object:
    """Kind, name and minute of the day (or the seconds of a time to go) of what is set."""
    found = world.agenda.entries()
    return [(e.kind, e.name, getattr(e.when, "minute", None) or getattr(e.when, "total_s", None)) for e in found]


def volume(world: World) -> object:
    return world.volume().percent


def nothing(world: World) -> object:
    return None


ROWS: dict[str, Row] = {
    "an alarm is set, asked for and taken back": (
        ("Set an alarm for half past six.", "What alarms are set?", "Cancel the alarm."),
        ("alarm_set", "alarm_list", "alarm_cancel"),
        (r"Alarm set for 6:30 (AM|PM).*", r"There is an alarm at 6:30 .*", r"Cancelled the alarm at 6:30 .*"),
        entries,
        [],
    ),
    "a reminder": (
        ("Remind me to water the plants in twenty minutes.", "What reminders do I have?"),
        ("reminder_set", "reminder_list"),
        (r"I'll remind you in 20 minutes: water the plants\.", r"Water the plants, in .*"),
        entries,
        [("reminder", "water the plants", 1200)],
    ),
    "conversions": (
        ("How many kilometers are five miles?", "What is three pounds in kilograms?"),
        ("convert", "convert"),
        (r".*8\.05 kilomet.*", r".*1\.36 kilogram.*"),
        nothing,
        None,
    ),
    "dice and a coin": (
        ("Roll two dice.", "Flip a coin."),
        ("dice", "coin"),
        (r"[1-6] and [1-6], which makes \d+\.", r"(Heads|Tails)\."),
        nothing,
        None,
    ),
    "how the board is": (
        ("What is your status?", "How long have you been running?", "How full is the disk?"),
        ("board_status",) * 3,
        (r".+", r".*(minute|hour|day|second).*", r".*(gigabyte|percent|disk).*"),
        nothing,
        None,
    ),
    "the volume": (
        ("Set the volume to forty percent.", "Louder.", "Turn the volume down.", "Turn it down."),
        ("volume_set", "volume_up", "volume_down", "volume_down"),
        (r"Volume 40 percent\.", r"Volume 50 percent\.", r"Volume 40 percent\.", r"Volume 30 percent\."),
        volume,
        30,
    ),
}


@pytest.fixture(scope="module")
def pipeline(weights: Path) -> Iterator[VoicePipeline]:
    seeded()
    with VoicePipeline(from_text("tts: {cache: {enabled: false}}")) as made:
        made.initialize_components()
        yield made


@pytest.mark.parametrize("name", ROWS)
def test_it_is_heard_understood_done_and_answered(name: str, pipeline: VoicePipeline, tmp_path: Path) -> None:
    said, intents, replies, told, known = ROWS[name]
    gap = np.zeros(int(GAP_S * VOICE_HZ), np.int16)
    write_wav(tmp_path / "said.wav", VOICE_HZ, [gap, *(part for text in said for part in (take(text), gap))])
    begin_conversation(pipeline, NoLoudspeaker(), act=True)
    answers = replay(pipeline, tmp_path / "said.wav", heeded=lambda word: replace(word, from_ns=0))
    turns = [answer.trace for answer in answers]
    assert [turn.intent for turn in turns] == list(intents), [(t.transcript, t.reply) for t in turns]
    for turn, wanted in zip(turns, replies, strict=True):
        assert re.fullmatch(wanted, turn.reply), (turn.transcript, turn.reply)
    assert all(sum(chunk.size for chunk in answer.chunks) > answer.rate_hz // 4 for answer in answers), "it is spoken"
    assert told(pipeline.world) == known
