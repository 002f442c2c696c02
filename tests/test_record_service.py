"""Keeping a conversation of the running service: what was live goes the same way when it is replayed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from status_lab import NotedControls, dies_with_us, eventually
from test_service_run import ROOT, Running, folder, question

from firmware_py.__main__ import main
from firmware_py._ring import Ring
from firmware_py.addressed import Addressed
from firmware_py.errors import BadInput, Unavailable
from firmware_py.events import Kind, TurnEvent, TurnTrace
from firmware_py.replay.form import Conversation, parse
from firmware_py.respond.world import DryActuator, LocalWorld
from firmware_py.service.private_folder import PrivateFolder
from firmware_py.service.recorder import Recorder, conversations
from firmware_py.status.board import Board
from firmware_py.status.commands import perform
from firmware_py.status.hub import Hub

__all__ = ["folder"]


def test_a_live_conversation_is_replayed_to_the_sample(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    running = Running(folder)
    running.until_told("READY=1")
    assert running.ask("record", "on 2")["ok"] is True
    eventually(lambda: running.ask("record")["has_begun"], "the recording", 30)
    assert running.ask("record", "on")["exit_code"] == 69, "one at a time"
    question(folder)
    eventually(lambda: running.ask("record")["turns"], "a turn", 60)
    off = running.ask("record", "off")
    assert off["ok"] is True and (off["is_ending"] or not off["is_on"]), "it is over, or says that it is about to be"
    kept = Path(str(eventually(lambda: running.ask("record")["file"], "the file", 60)))
    code, errors = running.end()
    assert code == 0 and "recording is over: asked" in errors
    told = parse(kept)
    assert [turn.intent for turn in told.turns] == ["time"] and told.turns[0].trace["marks_ms"]["heard"]
    assert kept.parent.name == "conversations" and kept.parent.stat().st_mode & 0o777 == 0o700
    assert main(["replay", str(kept), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["same"] is True and again["events"] >= len(told.events)
    assert again["turns"][0]["reply"] == told.turns[0].reply


def is_at_rest(file: Path, seconds: float = 2.0) -> bool:
    """Whether nothing was written for so long."""
    size = file.stat().st_size
    time.sleep(seconds)
    return file.stat().st_size == size


def test_a_microphone_is_recorded_without_the_service(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "firmware_py", "record", "--microphone", "--minutes", "2", "--json"]
    process = subprocess.Popen(
        [*command, "--out", str(folder / "kept"), "--config", str(folder / "config.yaml")],
        env={**os.environ, "ALSA_CONFIG_PATH": str(folder / "asound.conf")},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=dies_with_us,
    )  # fmt: skip
    assert process.stderr is not None
    begun = [process.stderr.readline() for _ in range(2)]
    assert "is stored in" in begun[0] and "speak" in begun[1]
    question(folder)
    spoken = folder / "speaker.raw"
    eventually(lambda: spoken.exists() and spoken.stat().st_size > 20_000, "an answer", 120)
    eventually(lambda: is_at_rest(spoken), "the end of the answer", 120)  # a turn counts once it has been said
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    told = json.loads(out)
    assert told["turns"] == 1 and parse(Path(told["file"])).ended == "asked"
    assert main(["replay", told["file"]]) == 0, capsys.readouterr()


class Walk:
    """As much of an appliance as a recorder sees: a ring, a listener that takes what is in it, jobs done at once."""

    def __init__(self) -> None:
        self.ring = Ring(1 << 16)
        self.queue = type("Queue", (), {"shed": 0, "__len__": lambda self: 0})()
        self.listener: Any = types.SimpleNamespace(in_speech=False, forget=self.forget, heard=self.ring.copy)
        self.controls = types.SimpleNamespace(percent=40)
        self.pipeline: Any = types.SimpleNamespace(world=LocalWorld(), stations="stations", actuator=DryActuator())
        self.pipeline.config = _config()
        self.pipeline.new_conversation = lambda: self.conversations.append(self.pipeline.world)
        self.pipeline.make_addressed = Addressed
        self.conversations: list[Any] = []
        self.taker = types.SimpleNamespace(stations=None, addressed=None)
        self.is_muted = False

    def between_turns(self, job: Any) -> None:
        threading.Thread(target=job).start()

    def forget(self, told: Any) -> None:
        if told is not None and not self.is_muted:
            told(self.ring.consumed)

    def hear(self, samples: int, taken: bool = True) -> None:
        self.ring.write(np.arange(samples, dtype=np.int16))
        if taken:
            self.ring.read_into(np.zeros(samples, np.int16))


def _config() -> Any:
    from firmware_py.config import Config

    return Config.default()


class Lab:
    def __init__(self, path: Path) -> None:
        self.now = 0.0
        self.walk = Walk()
        self.board = Board(Hub())
        self.recorder = Recorder(conversations(path), self.board, clock=lambda: self.now)
        self.recorder.appliance = self.walk  # type: ignore[assignment]

    def is_over(self) -> bool:
        return not self.recorder.is_on()

    def has_begun(self) -> bool:
        return bool(self.recorder.status()["has_begun"])

    def kept(self) -> Conversation:
        eventually(self.is_over)
        assert self.recorder.status()["file"], self.recorder.status()
        return parse(Path(self.recorder.status()["file"]))


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    lab = Lab(tmp_path / "kept")
    lab.walk.hear(3200)
    yield lab
    lab.recorder.close()


def event(at: int, kind: Kind = Kind.ENDPOINT) -> TurnEvent:
    return TurnEvent(kind, at, at - 1600, at - 1500, at - 500, 0)


def test_it_begins_and_ends_by_itself_and_what_came_before_is_not_in_it(lab: Lab) -> None:
    lab.recorder.on(1)
    eventually(lab.has_begun)
    assert lab.board.is_capturing and lab.walk.taker.stations == "stations"
    assert lab.walk.taker.addressed == Addressed(), "who is near is learnt anew, as it will be in the replay"
    lab.walk.hear(8000)
    lab.recorder.on_event(event(3200))
    lab.recorder.on_event(event(3200 + 4800))
    lab.recorder.on_take(event(3200 + 4800))
    lab.walk.pipeline.world.now()
    lab.recorder.on_utterance(event(3200 + 4800), TurnTrace(transcript="hello", slots={"x": Kind.PAUSE}), "")
    lab.now = 61.0
    kept = lab.kept()
    assert (kept.ended, kept.sound.samples, kept.volume) == ("its time was over", 8000, 40)
    assert [e.at for e in kept.events] == [4800] and kept.turns[0].slots == {"x": "Kind.PAUSE"}
    assert lab.recorder.status()["turns"] == 1
    assert list(kept.turns[0].readings) == ["clock_end", "now"]
    assert not lab.board.is_capturing and isinstance(lab.walk.pipeline.world, LocalWorld)
    assert isinstance(lab.walk.pipeline.actuator, DryActuator)
    assert lab.recorder.purge() == 0


def test_an_utterance_that_is_open_at_the_end_is_waited_for(lab: Lab) -> None:
    lab.recorder.on(1)
    eventually(lab.has_begun)
    lab.walk.listener.in_speech = True
    lab.recorder.on_event(event(3200 + 1600, Kind.SPEECH))
    lab.recorder.off("asked")
    time.sleep(0.6)
    assert lab.recorder.is_on()
    lab.walk.hear(8000)
    lab.recorder.on_event(event(3200 + 8000))
    lab.walk.listener.in_speech = False
    time.sleep(0.6)
    assert lab.recorder.is_on(), "its answer is not there yet"
    lab.recorder.on_utterance(event(3200 + 8000), None, "the recogniser hangs")
    kept = lab.kept()
    assert kept.turns[0].error == "the recogniser hangs" and kept.sound.samples == 8000


def test_off_says_that_it_is_over(lab: Lab) -> None:
    lab.recorder.on(1)
    eventually(lab.has_begun)
    lab.walk.hear(8000)
    lab.recorder.off("asked")
    status = lab.recorder.status()
    assert (status["is_on"], status["is_ending"]) == (False, False) and status["file"]


def test_lost_samples_end_it(lab: Lab) -> None:
    lab.recorder.on(1)
    eventually(lab.has_begun)
    lab.walk.hear(1600)
    time.sleep(0.6)
    for _ in range(3):
        lab.walk.hear(1 << 15, taken=False)
    lab.walk.ring.read_into(np.zeros(160, np.int16))
    assert lab.walk.ring.overrun
    kept = lab.kept()
    assert kept.ended == "samples were lost" and kept.sound.samples == 1600


def test_a_closed_microphone_and_a_full_disk_are_said(lab: Lab, tmp_path: Path) -> None:
    lab.walk.is_muted = True
    lab.recorder.on(1)
    time.sleep(0.5)
    assert not lab.has_begun() and lab.walk.conversations == []
    lab.recorder.off("asked")
    eventually(lab.is_over)
    assert "microphone was closed" in lab.recorder.status()["why"] and not lab.board.is_capturing
    lab.walk.is_muted = False
    (tmp_path / "file").touch()
    lab.recorder._folder = PrivateFolder(tmp_path / "file", "conversation", lab.recorder._folder._bounds)
    lab.recorder.on(1)
    eventually(lab.is_over)
    assert lab.recorder.status()["why"] and lab.recorder.status()["file"] is None


def test_the_command_is_bounded(tmp_path: Path) -> None:
    controls = NotedControls()
    assert perform(controls, "record", "on 30") == {"is_on": True} and perform(controls, "record") == {"is_on": False}
    assert controls.calls == [("record", "on", 30), ("record", "status", 10)]
    for wrong in ("on 31", "on 0", "off 3", "begin", "on 3 4"):
        with pytest.raises(BadInput):
            perform(controls, "record", wrong)
    with pytest.raises(Unavailable, match="still starting"):
        Recorder(conversations(tmp_path), Board(Hub())).on(1)
