"""What was answered with ok is on the disk; a disk that refuses or hangs is said, and never waited for for long."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import agenda_lab
import pytest
from status_lab import NotedControls, eventually

from firmware_py.agenda.entries import ALARM, Appointment
from firmware_py.controls import NoLoudspeaker, SpeakerControls
from firmware_py.service import memory
from firmware_py.service.controls import Reports, ServiceControls
from firmware_py.service.gate import MicrophoneGate
from firmware_py.service.memory import HUNG, Memory, Remembered, note, recall
from firmware_py.state.database import Database
from firmware_py.status.board import Board
from firmware_py.status.commands import perform
from firmware_py.status.hub import Hub


class Disk(Database):
    """The real file; a change waits while it is slow."""

    def __init__(self, path: Path) -> None:
        self.may_write = threading.Event()
        self.may_write.set()
        self.slow_s = 0.0
        super().__init__(path)

    def change(self, *wanted: Any, **named: Any) -> bool:
        time.sleep(self.slow_s)
        self.may_write.wait(30)
        return super().change(*wanted, **named)


class Lab:
    def __init__(self, path: Path) -> None:
        self.path, self.hub, self.disk = path, Hub(), Disk(path)
        self.memory = Memory(self.disk, self.hub)

    def set_volume(self, percent: int) -> None:
        self.hub.publish("volume", percent=percent, is_silent=False)

    def on_disk(self) -> int | None:
        """As a reader of the file sees it who knows nothing of this process."""
        with closing(sqlite3.connect(self.path)) as db:
            found = db.execute("SELECT value FROM settings WHERE name = 'volume'").fetchone()
        return int(found[0]) if found else None


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "state.db")
    yield made
    made.disk.may_write.set()
    made.memory.close()


def test_once_it_says_so_the_disk_has_it(lab: Lab) -> None:
    lab.disk.slow_s = 0.05
    for percent in range(10):
        lab.set_volume(percent)
        assert lab.memory.unkept() == "" and lab.on_disk() == percent


def test_many_callers_at_once_each_find_their_own_change_written(lab: Lab) -> None:
    lab.disk.slow_s = 0.01
    wrong: list[str] = []

    def caller(name: str) -> None:
        for number in range(20):
            lab.hub.publish("clock", boot=name, offset_s=number)
            lab.hub.publish("muted", is_muted=True)
            if lab.memory.unkept(30.0) or not lab.disk.get("muted"):
                wrong.append(name)

    threads = [threading.Thread(target=caller, args=(f"{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and lab.disk.get("clock_set")["offset_s"] == 19


def test_a_disk_that_hangs_is_waited_for_once_and_gets_it_later(lab: Lab) -> None:
    lab.disk.may_write.clear()
    lab.set_volume(40)
    assert lab.memory.unkept(0.05) == HUNG
    lab.set_volume(50)
    assert lab.memory.unkept(3600.0) == HUNG, "at once: it hangs still"
    lab.disk.may_write.set()
    eventually(lambda: lab.memory.unkept(30.0) == "")
    assert lab.on_disk() == 50


def test_a_full_disk_is_said_and_has_it_once_there_is_room(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RETRY_S", 0.05)
    lab.set_volume(10)
    assert lab.memory.unkept() == ""
    lab.disk._db.execute("PRAGMA max_page_count = 4")
    assert not lab.disk.change({"text": "x" * 100_000})
    lab.set_volume(20)
    assert "full" in lab.memory.unkept() and lab.on_disk() == 10
    lab.disk._db.execute("PRAGMA max_page_count = 1000")
    eventually(lambda: lab.memory.unkept() == "")
    assert lab.on_disk() == 20


def test_what_comes_at_the_very_end_is_written(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "state.db")
    lab.set_volume(70)
    lab.memory.close()
    again = Database(lab.path)
    assert recall(again).percent == 70
    again.close()


@pytest.mark.parametrize(
    ("name", "argument"),
    [("volume", "40"), ("volume", "+10"), ("mute", ""), ("unmute", ""), ("stop", ""), ("clock", "2027-05-02T07:30")],
)
def test_a_change_is_answered_once_the_disk_has_it_or_says_that_it_has_not(name: str, argument: str) -> None:
    controls = NotedControls()
    assert "kept" not in perform(controls, name, argument) and controls.waited == 1
    controls.why_unkept = HUNG
    assert perform(controls, name, argument)["kept"] is False


@pytest.mark.parametrize("name", ["volume", "clock", "status", "version", "talk", "trace"])
def test_a_question_waits_for_no_disk(name: str) -> None:
    controls = NotedControls()
    controls.why_unkept = HUNG
    assert "kept" not in perform(controls, name) and controls.waited == 0


def test_a_time_without_a_date_set_through_a_face_is_the_first_that_can_be(tmp_path: Path) -> None:
    board = agenda_lab.Board(tmp_path, datetime(2026, 11, 27, 22, 0, tzinfo=agenda_lab.BERLIN))
    board.has_no_rtc()
    board.has_network_time()
    board.agenda.appoint(ALARM, "", Appointment("2026-11-28", 8 * 60))
    board.power_cut(9 * 3600, keeps_time=False)
    hub, nothing = Hub(), SimpleNamespace()
    settings = hub.subscribe("test", frozenset({"clock"}), size=4)
    gate = MicrophoneGate(lambda: None)  # type: ignore[arg-type,return-value]
    controls = ServiceControls(Board(hub), gate, Reports(), Remembered(), nothing)  # type: ignore[arg-type]
    world = SimpleNamespace(agenda=board.agenda)
    appliance: Any = SimpleNamespace(controls=SpeakerControls(NoLoudspeaker()), pipeline=SimpleNamespace(world=world))
    controls.attach(appliance)
    assert perform(controls, "clock")["is_set"] is False
    told = perform(controls, "clock", "7:00")
    assert told == {"time": "2026-11-28T07:00:00+01:00", "is_set": True}
    board.pass_s(3600)
    assert board.ringing() == ["alarm"]
    notice = settings.take()
    assert notice is not None and board.database is not None
    change: dict[str, Any] = {}
    note(notice, change, {})
    board.database.change(change)
    board.start()
    assert board.clock.now().isoformat() == "2026-11-28T08:00:00+01:00"
    assert perform(controls, "clock", "2026-12-03T22:00")["time"] == "2026-12-03T22:00:00+01:00"
    assert perform(controls, "clock", "7:00")["time"] == "2026-12-03T07:00:00+01:00"
