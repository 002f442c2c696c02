"""The whole walk on sound: from a recording to the spoken answer, through the command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from takes import VOICE_HZ, take

from firmware_py.audio.recording import load
from firmware_py.audio.wav import write_wav
from firmware_py.events import MARKS
from firmware_py.pipeline import VoicePipeline

Rtva = Callable[..., "subprocess.CompletedProcess[str]"]
FIELDS = ["file", "transcript", "intent", "slots", "reply", "out", "marks_ms", "stages_ms", "draft_hit", "draft_ready"]


@pytest.fixture(scope="module")
def spoken(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Says sentences into a WAV, ``gap_s`` of silence between them: ``spoken("What time is it?")``."""
    folder = tmp_path_factory.mktemp("spoken")

    def say(*sentences: str, gap_s: float = 1.5) -> Path:
        silence = np.zeros(int(gap_s * VOICE_HZ), np.int16)
        chunks = [silence[: VOICE_HZ // 4]]
        for sentence in sentences:
            chunks += [take(sentence), silence]
        out = folder / f"{abs(hash(sentences))}.wav"
        write_wav(out, VOICE_HZ, chunks)
        return out

    return say


def turns(rtva: Rtva, *arguments: object) -> list[dict]:
    done = rtva("ask", *arguments, "--json")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_person_is_told_the_time(rtva: Rtva, weights: Path, recordings: Path, tmp_path: Path) -> None:
    [turn] = turns(rtva, recordings / "commands" / "what_time_is_it.wav", "--out", tmp_path)
    assert [key for key in FIELDS if key not in turn] == []
    assert turn["intent"] == "time" and turn["reply"].startswith("It's ")
    answer = load(turn["out"])
    assert answer.size > 8000 and np.abs(answer).max() > 1000
    with VoicePipeline() as pipeline:
        assert "it" in pipeline.stt.transcribe(answer).text.lower()


def test_the_marks_stand_in_their_order(rtva: Rtva, spoken: Callable[..., Path]) -> None:
    [turn] = turns(rtva, spoken("What is the date today?"))
    marks = turn["marks_ms"]
    assert list(marks) == list(MARKS) and None not in marks.values()
    order = ["speech_start", "speech_end", "pause", "endpoint", "play_first", "heard", "play_done"]
    assert [marks[m] for m in order] == sorted(marks[m] for m in order)
    assert marks["stt_done"] <= marks["nlu_done"] <= marks["reply_done"] <= marks["tts_first"] <= marks["play_first"]
    assert turn["stages_ms"].keys() >= {"audio", "vad", "stt", "nlu", "reply", "tts_first"}


def test_each_utterance_of_a_recording_is_a_turn(rtva: Rtva, spoken: Callable[..., Path], tmp_path: Path) -> None:
    file = spoken("What time is it?", "Flip a coin.", "Please say that again.")
    said = turns(rtva, file, "--out", tmp_path)
    assert [t["intent"] for t in said] == ["time", "coin", "repeat"]
    assert said[2]["reply"] == said[1]["reply"], "the conversation is remembered within a recording"
    assert len({t["out"] for t in said}) == 3 and all(Path(t["out"]).is_file() for t in said)


def test_each_file_is_a_conversation_of_its_own(rtva: Rtva, spoken: Callable[..., Path]) -> None:
    first, second = turns(rtva, spoken("Flip a coin."), spoken("Please say that again."))
    assert first["intent"] == "coin" and second["intent"] == "repeat" and second["reply"] != first["reply"]


def test_a_recording_in_which_nobody_spoke_is_one_empty_turn(rtva: Rtva, weights: Path, tmp_path: Path) -> None:
    write_wav(tmp_path / "quiet.wav", 16_000, [np.zeros(32_000, np.int16)])
    [turn] = turns(rtva, tmp_path / "quiet.wav", "--out", tmp_path / "out")
    assert turn["transcript"] == turn["reply"] == "" and turn["intent"] is None and turn["out"] is None
    assert set(turn["marks_ms"].values()) == {None} and not list((tmp_path / "out").iterdir())


def test_both_paces_hear_the_same(rtva: Rtva, spoken: Callable[..., Path]) -> None:
    file = spoken("What is twelve times seven?")
    [fast], [real] = turns(rtva, file), turns(rtva, file, "--pace", "real")
    assert fast["transcript"] == real["transcript"] and fast["reply"] == real["reply"] == "12 times 7 is 84."
    assert fast["marks_ms"]["speech_end"] == pytest.approx(real["marks_ms"]["speech_end"], abs=1.0)


@pytest.mark.parametrize("gain", [0.3, 1.0, 3.0])
def test_a_minute_of_kitchen_is_not_answered(
    rtva: Rtva, weights: Path, recordings: Path, tmp_path: Path, gain: float
) -> None:
    noise = load(recordings / "noise" / "kitchen-first-minute.flac") * gain
    write_wav(tmp_path / "kitchen.wav", 16_000, [np.clip(noise, -32768, 32767).astype(np.int16)])
    assert {t["reply"] for t in turns(rtva, tmp_path / "kitchen.wav")} == {""}


def test_unknown_speech_gets_an_honest_reply(rtva: Rtva, spoken: Callable[..., Path]) -> None:
    [turn] = turns(rtva, spoken("The grey cat is sleeping on the old sofa."))
    assert turn["intent"] is None and turn["slots"] == {} and turn["transcript"] and turn["reply"]


def test_the_users_templates_join_the_built_in_ones(rtva: Rtva, spoken: Callable[..., Path], tmp_path: Path) -> None:
    intents = tmp_path / "lamp.yaml"
    intents.write_text(
        'language: en\nintents:\n  lamp:\n    data:\n      - sentences: ["turn (on|off) the {room} lamp"]\n'
        "lists:\n  room:\n    values: [kitchen, living room]\n"
    )
    lamp, time = turns(rtva, spoken("Turn on the living room lamp."), spoken("What time is it?"), "--intents", intents)
    assert lamp["intent"] == "lamp" and lamp["slots"] == {"room": "living room"} and "living room" in lamp["reply"]
    assert time["intent"] == "time"


def test_sync_mode_makes_no_draft_and_gives_the_same_answer(
    rtva: Rtva, spoken: Callable[..., Path], tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("pipeline:\n  processing:\n    mode: sync\n")
    file = spoken("What is twelve times seven?")
    [drafted], [plain] = turns(rtva, file), turns(rtva, file, "--config", config)
    assert drafted["draft_hit"] and not plain["draft_hit"] and not plain["draft_ready"]
    assert drafted["transcript"] == plain["transcript"] and drafted["reply"] == plain["reply"]


def test_the_demo_asks_itself_and_answers(rtva: Rtva, weights: Path, tmp_path: Path) -> None:
    done = rtva("demo", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "It's " in done.stdout and all(mark in done.stdout for mark in MARKS)
    assert load(tmp_path / "answer.wav").size > 8000 and load(tmp_path / "question.wav").size > 8000


def test_the_profile_is_the_guides_table(rtva: Rtva, weights: Path) -> None:
    done = rtva("profile", "-n", "2", "--json")
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    assert [row["name"] for row in table["stages"]] == [
        "Audio Processing",
        "VAD",
        "Speech-to-Text",
        "NLP",
        "Response Generation",
        "Text-to-Speech",
    ]
    assert sum(row["share"] for row in table["stages"]) == pytest.approx(1.0, abs=0.001)
    assert table["total_ms"] == pytest.approx(sum(row["ms"] for row in table["stages"]), abs=0.01)
