"""The debug capture: what it stores, when it ends, what it deletes, and that the walk never waits for it."""

from __future__ import annotations

import json
import os
import resource
import stat
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from status_lab import NotedControls, eventually

from firmware_py.__main__ import main
from firmware_py.app import Appliance, Observers
from firmware_py.errors import BadInput, Unavailable
from firmware_py.events import Kind, TurnEvent, TurnTrace
from firmware_py.failed_turns import FailedTurns
from firmware_py.service.debug_capture import PURGE_EVERY_S, QUEUE_TURNS, DebugCapture
from firmware_py.service.debug_folder import KEEP_S, Bounds, DebugFolder
from firmware_py.service.watch import _because
from firmware_py.status import serial_text
from firmware_py.status.board import Board
from firmware_py.status.commands import perform
from firmware_py.status.hub import Hub
from firmware_py.status.socket import ControlSocket

WALL = float(int(time.time()))


class Lab:
    """A capture on a clock that is moved by hand; its thread runs only where a test starts it."""

    def __init__(self, path: Path, bounds: Bounds | None = None) -> None:
        self.path, self.now, self.wall = path, 0.0, WALL
        self.board = Board(Hub())
        self.notices = self.board.hub.subscribe("test", frozenset({"capture"}))
        self.folder = DebugFolder(path, bounds, wall=lambda: self.wall)
        self.capture = DebugCapture(self.folder, self.board, clock=lambda: self.now)

    def names(self, pattern: str = "*") -> list[str]:
        return sorted(file.name for file in self.path.glob(pattern))

    def told(self) -> list[str]:
        lines: list[str] = []
        while (notice := self.notices.take()) is not None:
            lines += serial_text.lines_for(notice)
        return lines


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path / "home" / "debug")
    yield lab
    lab.capture.close()
    lab.notices.close()


def utterance(samples: int = 1600, kind: Kind = Kind.ENDPOINT) -> TurnEvent:
    audio = np.arange(samples, dtype=np.int16)
    return TurnEvent(kind, 5000 + samples, 5000, 5100, 5900, 123, audio)


def turn(text: str = "what time is it") -> TurnTrace:
    slots = types.MappingProxyType({"when": object()})
    return TurnTrace(transcript=text, intent="GetTime", slots=slots, marks={"endpoint": 7_000_000})


def test_a_turn_is_two_files_that_only_the_service_may_read(lab: Lab) -> None:
    mask = os.umask(0)
    try:
        lab.capture.on(10)
        lab.capture.add(utterance(), turn())
        lab.capture.add(utterance(kind=Kind.TOO_LONG), None, "the recogniser hangs")
        lab.capture.look()
    finally:
        os.umask(mask)
    assert stat.S_IMODE(lab.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in lab.path.iterdir()} == {0o600}
    assert len(lab.names()) == 4 and lab.capture.status()["written"] == 2
    wav, json_file = lab.path / lab.names("*.wav")[0], lab.path / lab.names("*.json")[0]
    samples, rate_hz = soundfile.read(wav, dtype="int16")
    assert rate_hz == 16_000 and np.array_equal(samples, utterance().audio)
    told = json.loads(json_file.read_text())
    assert (told["kind"], told["start"], told["at"], told["error"]) == ("endpoint", 5000, 6600, None)
    assert told["trace"]["transcript"] == "what time is it" and told["trace"]["marks_ms"]["endpoint"] == 7.0
    failed = json.loads((lab.path / lab.names("*.json")[1]).read_text())
    assert (failed["kind"], failed["trace"], failed["error"]) == ("too_long", None, "the recogniser hangs")


def test_it_is_off_until_it_is_switched_on_and_ends_by_itself(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "rtva.capture")
    lab.capture.add(utterance(), turn())
    lab.capture.look()
    assert not lab.path.exists() and lab.told() == [] and lab.capture.status()["left_s"] is None
    lab.capture.on(2)
    assert lab.board.is_capturing and "stores what is said" in _because(lab.board, [])
    lab.now = 119.9
    assert lab.capture.is_on()
    lab.now = 120.0
    lab.capture.add(utterance(), turn())
    assert not lab.capture.is_on(), "before the thread has looked"
    lab.capture.look()
    assert not lab.path.exists() and not lab.board.is_capturing and _because(lab.board, []) == ""
    assert lab.told() == ["capture on=yes minutes=2", "capture on=no minutes=0"]
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "debug capture is on for 2 min",
        "debug capture is off",
    ]


def test_on_again_begins_the_time_anew_and_off_stores_what_was_said_before(lab: Lab) -> None:
    lab.capture.on(1)
    lab.now = 50.0
    assert lab.capture.command("on", 1)["left_s"] == 60.0
    lab.now = 100.0
    lab.capture.look()
    assert lab.capture.is_on()
    lab.capture.add(utterance(), turn())
    assert lab.capture.command("off", 10)["is_on"] is False
    lab.capture.add(utterance(), turn())
    lab.capture.look()
    assert len(lab.names("*.wav")) == 1
    for minutes in (0, 1441, -1):
        with pytest.raises(BadInput):
            lab.capture.on(minutes)
    assert not lab.capture.is_on()


def test_what_the_disk_is_too_slow_for_is_dropped_and_counted(lab: Lab) -> None:
    lab.capture.on(10)
    for _ in range(QUEUE_TURNS + 3):
        lab.capture.add(utterance(), turn())
    assert lab.capture.dropped == 3
    lab.capture.look()
    assert lab.capture.written == QUEUE_TURNS


@pytest.mark.parametrize("bounds", [Bounds(turns=3), Bounds(size_bytes=3 * 5000)])
def test_the_oldest_make_room(tmp_path: Path, bounds: Bounds) -> None:
    lab = Lab(tmp_path / "debug", bounds)
    for n in range(6):
        lab.folder.write(utterance(1600), turn(f"number {n}"))
    kept = [json.loads((lab.path / name).read_text())["trace"]["transcript"] for name in lab.names("*.json")]
    assert kept == [f"number {n}" for n in range(6)][-len(kept) :] and 2 <= len(kept) <= 3
    assert len(lab.names("*.wav")) == len(kept)
    assert sum(file.stat().st_size for file in lab.path.iterdir()) <= bounds.size_bytes


def test_a_day_later_it_is_gone_at_the_start_and_every_hour(lab: Lab) -> None:
    lab.folder.write(utterance(), turn("old"))
    lab.folder.write(utterance(), turn("new"))
    (lab.path / "notes.txt").write_text("mine")
    (lab.path / ".turn-x.wav").write_text("half written")
    old, new = lab.names("turn-*.wav")
    for name, age_s in ((old, KEEP_S), (new, KEEP_S - PURGE_EVERY_S - 1)):
        for file in (lab.path / name, lab.path / name.replace(".wav", ".json")):
            os.utime(file, (WALL - age_s,) * 2)
    os.utime(lab.path / "notes.txt", (0, 0))
    lab.capture.look()
    assert lab.names() == sorted(["notes.txt", new, new.replace(".wav", ".json")])
    lab.now, lab.wall = PURGE_EVERY_S - 1, WALL + PURGE_EVERY_S + 2
    lab.capture.look()
    assert len(lab.names()) == 3
    lab.now = PURGE_EVERY_S
    lab.capture.look()
    assert lab.names() == ["notes.txt"]


def test_a_file_from_a_far_future_goes_too(lab: Lab) -> None:
    lab.folder.write(utterance(), turn())
    for file in lab.path.iterdir():
        os.utime(file, (WALL + KEEP_S,) * 2)
    assert lab.folder.purge() == 2


def test_a_full_disk_costs_turns_and_leaves_no_halves(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    lab.capture.on(10)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        lab.capture.add(utterance(), turn())
        lab.capture.add(utterance(), turn())
        lab.capture.look()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert lab.capture.failed == 2 and lab.names() == []
    assert [r.levelname for r in caplog.records].count("ERROR") == 1
    lab.capture.add(utterance(), turn())
    lab.capture.look()
    assert (lab.capture.written, len(lab.names())) == (1, 2)


def test_a_folder_that_is_somebody_elses_link_is_refused(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "turn-1.wav").write_text("not mine")
    os.utime(tmp_path / "elsewhere" / "turn-1.wav", (0, 0))
    lab.path.parent.mkdir()
    lab.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match="not a folder of this user"):
        lab.folder.write(utterance(), turn())
    lab.capture.look()
    assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["turn-1.wav"]


def test_its_thread_writes_and_close_writes_what_is_left(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "debug")
    lab.capture.start()
    lab.capture.on(10)
    lab.capture.add(utterance(), turn())
    eventually(lambda: lab.capture.written == 1)
    lab.capture.add(utterance(), turn())
    lab.capture.close()
    lab.capture.close()
    assert lab.capture.written == 2 and not lab.capture.is_on()
    assert not [t for t in threading.enumerate() if t.name == "debug-capture"]
    assert not Lab(lab.path).capture.is_on(), "after a restart it is off"


def test_the_serial_line_has_it_in_its_health() -> None:
    status = {"state": "idle", "microphone": "open", "alerts": {}, "capture": {"is_on": True}}
    assert serial_text.health(status).endswith(" capture=yes")
    assert "capture" not in serial_text.ASKS


@pytest.mark.parametrize(
    ("argument", "call"),
    [("on", ("on", 10)), ("on 1440", ("on", 1440)), ("off", ("off", 10)), ("", ("status", 10))],
)
def test_the_command(argument: str, call: tuple[str, int]) -> None:
    controls = NotedControls()
    perform(controls, "capture", argument)
    assert controls.calls == [("capture", *call)]


@pytest.mark.parametrize("argument", ["on 0", "on 1441", "on -1", "on 1 2", "on ²", "off 3", "status 3", "maybe"])
def test_a_malformed_command(argument: str) -> None:
    controls = NotedControls()
    with pytest.raises(BadInput):
        perform(controls, "capture", argument)
    assert controls.calls == []


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    controls = NotedControls()
    server = ControlSocket(tmp_path / "c.sock", controls, Hub())
    try:
        at = ["--socket", str(server.path)]
        assert main(["capture", "on", "--minutes", "5", *at]) == 0
        assert main(["capture", "off", *at]) == 0
        assert capsys.readouterr().out == "is on: True\nis on: False\n"
        assert main(["capture", "on", "--minutes", "0", *at]) == 64
        assert main(["capture", "off", "--minutes", "5", *at]) == 64
    finally:
        server.close()
    assert controls.calls == [("capture", "on", 5), ("capture", "off", 10)]


@pytest.mark.parametrize("is_failing", [False, True])
def test_the_turn_thread_tells_of_finished_utterances_alone(is_failing: bool) -> None:
    told: list[tuple[Any, ...]] = []

    def handle(event: TurnEvent) -> TurnTrace | None:
        if is_failing:
            raise Unavailable("the recogniser hangs")
        return None

    walk: Any = object.__new__(Appliance)
    walk.failed = FailedTurns(lambda text: None)
    walk.taker = types.SimpleNamespace(handle=handle)
    walk.capture = types.SimpleNamespace(time_ns=lambda position: 0)
    walk.observers = Observers(on_utterance=lambda *arguments: told.append(arguments))
    events = [utterance(kind=kind) for kind in Kind]
    for event in events:
        walk._take(event)
    assert [e.kind for e, _, _ in told] == [Kind.ENDPOINT, Kind.TOO_LONG] and told[0][0].audio.size
    assert {error for _, _, error in told} == {"the recogniser hangs" if is_failing else ""}
    assert walk.errors == (len(events) if is_failing else 0)
