"""Record and replay: a conversation that was kept goes the same way again, to the sample, and what differs is said."""

from __future__ import annotations

import json
import random
import stat
import types
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from takes import VOICE_HZ, take

from firmware_py.__main__ import main
from firmware_py.audio.recording import load
from firmware_py.audio.wav import write_wav
from firmware_py.errors import BadInput
from firmware_py.events import RATE_HZ
from firmware_py.replay import compare, form
from firmware_py.replay.form import Conversation, Event, Sound, Turn
from firmware_py.replay.world import NotedWorld, RepeatedClock, RepeatedWorld
from firmware_py.respond.board import Disk
from firmware_py.respond.world import Volume

SENTENCES = ("What time is it?", "Roll a dice.", "Say that again.", "Set the volume to forty percent.",
             "Set a timer for ten minutes.", "How much time is left on the timer?")  # fmt: skip
INTENTS = ["time", "dice", "repeat", "volume_set", "timer_start", "timer_left"]
NOON = datetime(2026, 3, 1, 12, 0, 59, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def kept(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation of four sentences, kept by the command line."""
    folder = tmp_path_factory.mktemp("kept")
    silence = np.zeros(VOICE_HZ * 3 // 2, np.int16)
    chunks = [silence[: VOICE_HZ // 4]]
    for sentence in SENTENCES:
        chunks += [take(sentence), silence]
    write_wav(folder / "spoken.wav", VOICE_HZ, chunks)
    assert main(["record", "--from", str(folder / "spoken.wav"), "--out", str(folder / "out")]) == 0
    (found,) = (folder / "out").glob("*.json")
    return found


def copy(kept: Path, folder: Path, change: Callable[[dict[str, Any]], None] = lambda told: None) -> Path:
    told = json.loads(kept.read_text())
    change(told)
    (folder / kept.name).write_text(json.dumps(told))
    (folder / kept.with_suffix(".wav").name).write_bytes(kept.with_suffix(".wav").read_bytes())
    return folder / kept.name


def test_a_kept_conversation_goes_the_same_way_again(
    kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(kept.read_text())
    assert [turn["intent"] for turn in told["turns"]] == INTENTS
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept.parent.iterdir()} == {0o600}
    assert told["turns"][0]["readings"]["now"] and told["config"]["stt"]["model"] == "tiny.en"
    capsys.readouterr()
    assert main(["replay", str(kept.parent), "--json", "--out", str(tmp_path / "answers")]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["same"] is True and again["differences"] == [] and again["events"] == len(told["events"])
    assert [turn["reply"] for turn in again["turns"]] == [turn["reply"] for turn in told["turns"]]
    assert len(list((tmp_path / "answers").glob("*.wav"))) == len(SENTENCES)


def test_what_differs_is_said(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The clock of the recording, another endpoint, another reply."""

    def change(told: dict[str, Any]) -> None:
        told["turns"][0]["readings"]["now"] = "2001-02-03T16:05:59+00:00"
        told["turns"][3]["intent"] = "volume_up"
        told["events"][1]["at"] += 160
        told["rtva"] = "0.0.9"

    assert main(["replay", str(copy(kept, tmp_path, change)), "--json"]) == 76
    again = json.loads(capsys.readouterr().out)
    by_what = {difference["what"]: difference for difference in again["differences"]}
    assert set(by_what) == {"reply", "intent", "turn event 2"}
    assert by_what["reply"]["now"] == "It's 4:05 PM.", "a skill reads the recorded clock"
    assert (by_what["intent"]["recorded"], by_what["intent"]["now"]) == ("volume_up", "volume_set")
    assert any("0.0.9" in note for note in again["notes"])


def test_another_configuration_is_tried_on_it(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("vad: {pause_ms: 150}")
    assert main(["replay", str(kept), "--config", str(config)]) == 76
    assert "DIFFERS" in capsys.readouterr().out


def test_what_is_no_conversation_is_refused(kept: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = copy(kept, tmp_path)
    sound = load(kept.with_suffix(".wav"))
    sound[1000] += 1
    write_wav(other.with_suffix(".wav"), RATE_HZ, [sound])
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.json").write_text('{"format": "rtva-conversation", "version": 2}')
    (tmp_path / "no.wav").touch()
    (tmp_path / "x.mp3").touch()
    wrong = {
        other: (65, "not the sound that was recorded"),
        tmp_path / "no.json": (65, "version 2"),
        tmp_path / "missing.json": (66, "no such file"),
        tmp_path / "missing": (66, "no such file"),
        tmp_path / "missing.wav": (66, "no such file"),
        tmp_path / "empty": (66, "no kept conversation"),
        tmp_path / "x.mp3": (65, "NAME.json with NAME.wav"),
    }
    for path, (code, words) in wrong.items():
        assert main(["replay", str(path)]) == code
        error = capsys.readouterr().err
        assert words in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["on", "--microphone"],
        ["--from", "x.wav"],
        ["on", "--out", "x"],
        ["on", "--minutes", "31"],
        ["off", "--minutes", "3"],
        ["--microphone", "--out", "x", "--minutes", "0"],
    ],
)
def test_wrong_use_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["record", *arguments]) == 64
    assert capsys.readouterr().err.count("\n") == 1


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab:/", max_size=3)


@given(st.recursive(LEAVES, lambda c: st.lists(c, max_size=2) | st.dictionaries(st.just("x"), c), max_leaves=4))
def test_whatever_a_file_holds_is_a_conversation_or_bad_input(value: Any) -> None:
    import tempfile

    for told in (value, {"format": form.FORMAT, "version": 1, "sound": value, "events": value}):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.json"
            path.write_text(json.dumps(told))
            with pytest.raises(BadInput):
                form.parse(path)


class Inner:
    """A world whose readings never come twice."""

    def __init__(self) -> None:
        self.rng, self.asked = random.SystemRandom(), 0
        self.board = types.SimpleNamespace(
            temperature_c=lambda: self.next() / 7, uptime_s=lambda: None, addresses=lambda: [str(self.next())],
            disk=lambda: Disk(self.next(), 1), other=lambda: "other",
        )  # fmt: skip

    def next(self) -> int:
        self.asked += 1
        return self.asked

    def now(self) -> datetime:
        return NOON.replace(microsecond=self.next())

    def volume(self) -> Volume:
        return Volume(self.next(), True)


def read_all(world: Any) -> list[Any]:
    board = world.board
    dice = [world.rng.randrange(6) for _ in range(8)]
    return [world.now(), world.volume(), board.temperature_c(), board.uptime_s(), board.addresses(), board.disk(), dice]


def test_what_skills_read_is_repeated_through_json() -> None:
    noted = NotedWorld(Inner(), "seed")
    then, readings = {}, {}
    for speech_end in (100, 200):
        noted.begin(speech_end)
        then[speech_end] = read_all(noted)
        readings[speech_end] = json.loads(json.dumps(noted.readings))
    assert then[100] != then[200] and noted.board.other() == "other"
    world = RepeatedWorld(Inner(), "seed", NOON, readings)
    for speech_end in (200, 100):
        world.begin(speech_end)
        assert read_all(world) == then[speech_end]
    world.begin(32_000)
    assert world.now() == NOON.replace(minute=1, second=1), "the clock of the recording where nothing was read then"
    assert RepeatedClock(world).zone() is NOON.tzinfo


def test_the_clock_of_timers_is_the_one_of_then() -> None:
    noted = NotedWorld(Inner(), "seed")
    noted.begin(100, is_end=False)
    noted.begin(100, is_end=True)
    readings = {100: json.loads(json.dumps(noted.readings))}
    clock = RepeatedClock(world := RepeatedWorld(Inner(), "seed", NOON, readings))
    world.begin(100, is_end=False)
    drafted = clock.wall_s(), clock.boot_s()
    assert list(drafted) == noted.readings["clock"]
    world.begin(100, is_end=True)
    assert [clock.wall_s(), clock.boot_s()] == noted.readings["clock_end"]
    world.begin(32_000)
    assert clock.now() == NOON.replace(minute=1, second=1) and clock.boot_s() == 2.0


def test_a_draft_of_the_same_utterance_throws_the_same_dice_and_keeps_its_readings() -> None:
    noted = NotedWorld(Inner(), "seed")
    noted.begin(100)
    first = [noted.rng.random(), noted.now()]
    noted.begin(100)
    assert noted.rng.random() == first[0] and noted.readings["now"] == first[1].isoformat()
    noted.begin(101)
    assert "now" not in noted.readings
    noted.release()
    noted.begin(100)
    assert noted.rng is noted.inner.rng


def conversation(turns: list[Turn], events: list[Event]) -> Conversation:
    return Conversation(sound=Sound(samples=160_000, sha256="0" * 64), turns=turns, events=events)


def test_only_what_the_recording_holds_is_compared() -> None:
    events = [Event(kind=kind, at=at, start=0, speech_start=10, speech_end=90) for kind, at in
              (("speech", 100), ("endpoint", 16_000))]  # fmt: skip
    kept = conversation([], events)
    behind = events[1].model_copy(update={"at": 160_160})
    assert compare.differences(kept, [*events, behind], [Turn(at=16_000, speech_end=90)]) == []
    assert "got no turn then" in compare.notes(kept, {}, "")[0]
    [missing] = compare.differences(kept, events[:1], [])
    assert missing.now is None and "endpoint at sample 16000" in str(missing)
    kept = conversation([Turn(at=16_000, speech_end=90, transcript="hello", error="died")], events)
    found = compare.differences(kept, events, [Turn(at=16_000, speech_end=90, transcript="hello")])
    assert [(d.what, d.recorded, d.now) for d in found] == [("error", "died", None)]
