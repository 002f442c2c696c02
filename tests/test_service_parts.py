"""Back-off over restarts, the watchdog's conditions, what a reload may change live."""

from __future__ import annotations

import os
import pty
import resource
import socket
import threading
import time
import tty
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from status_lab import NotedControls, eventually

from firmware_py.cli.control import ask
from firmware_py.config import Config, from_text
from firmware_py.errors import Unavailable
from firmware_py.events import FRAME_SAMPLES, State
from firmware_py.service.faces import Faces
from firmware_py.service.lifecycle import RunOptions, Service
from firmware_py.service.memory import note, recall
from firmware_py.service.reload import LIVE, Reloader, changed, is_live
from firmware_py.service.restarts import Restarts
from firmware_py.service.watch import BUSY_MOST_S, STALE_S, Unheard, Vitals, Watch
from firmware_py.settings.knobs import knobs
from firmware_py.state.database import Database
from firmware_py.status.board import Board, Ear
from firmware_py.status.hub import Hub, Notice
from firmware_py.status.notify import Notifier
from firmware_py.status.patterns import PATTERNS, WAITS, pattern_for
from firmware_py.status.socket import MOST_CLIENTS


def test_each_early_death_waits_longer_and_success_forgets(tmp_path: Path) -> None:
    waits = []
    for _ in range(10):
        restarts = Restarts(tmp_path)
        waits.append(restarts.wait_s())
        restarts.begin()
    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
    Restarts(tmp_path).succeed()
    assert Restarts(tmp_path).wait_s() == 0.0


def test_a_start_that_costs_much_waits_until_that_is_little(tmp_path: Path) -> None:
    for failures, cost_s, wait_s in (
        (3, 50.0, 1.0),
        (9, 0.1, 30.0),
        (9, 0.8, 64.0),
        (12, 0.8, 160.0),
        (14, 500.0, 600.0),
    ):
        (tmp_path / "restarts").write_text(f"{failures} {cost_s}")
        assert Restarts(tmp_path).wait_s() == wait_s


def test_what_a_failed_start_has_cost_is_the_time_of_its_process_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = {resource.RUSAGE_SELF: 1.25, resource.RUSAGE_CHILDREN: 2.5}
    monkeypatch.setattr(resource, "getrusage", lambda who: SimpleNamespace(ru_utime=spent[who], ru_stime=0.5))
    failing = Restarts(tmp_path)
    failing.fail()
    assert Restarts(tmp_path).cost_s == 4.75
    failing.succeed()
    failing.fail()
    assert (Restarts(tmp_path).failures, Restarts(tmp_path).cost_s) == (0, 0.0)


@pytest.mark.parametrize("content", ["", "x", "-3", "1e9", "\0", "3 x", "nan"])
def test_a_count_that_is_no_count_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "restarts").write_text(content)
    assert Restarts(tmp_path).wait_s() == 0.0
    Restarts(None).begin()


def test_samples_that_nobody_looked_at_are_a_fault() -> None:
    overrun, board = [5], Board(Hub())
    look = Unheard(lambda: overrun[0], board.add_fault).each_second
    look()
    assert not board.alerts
    overrun[0] = 1605
    told = board.hub.subscribe("test", frozenset({"fault"}))
    look()
    look()
    assert [dict(n.fields) for n in iter(told.take, None)] == [{"name": "unheard", "count": 1, "lost_samples": 1600}]
    assert board.alerts == {"microphone_unheard": 1.0}


class Walk:
    """The counters of an appliance and its gate, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.board = Board(Hub())
        self.board.set_ear(Ear.OPEN)
        self.gate = SimpleNamespace(ticks=0)
        self.capture = SimpleNamespace(frames_in=0)
        self.waiting = 0
        self.ring = SimpleNamespace(consumed=0, available=lambda: self.waiting)
        self.turn_ticks = 0
        self.busy_since_ns: int | None = None
        part: Any = self
        self.vitals = Vitals(part, part.gate, self.board, clock=lambda: self.now)

    def pass_s(self, seconds: float, *moves: str) -> list[str]:
        """Time goes by a quarter of a second at a time; of ``moves`` capture, listen and turn move."""
        stuck: list[str] = []
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            self.gate.ticks += "gate" in moves or "capture" in moves
            self.capture.frames_in += 4000 * ("capture" in moves)
            self.ring.consumed += 4000 * ("listen" in moves)
            self.turn_ticks += "turn" in moves
            stuck = self.vitals.stuck()
        return stuck


def test_alive_only_while_frames_advance_and_the_turn_loop_ticks() -> None:
    walk = Walk()
    assert walk.pass_s(60, "capture", "listen", "turn") == []
    assert walk.pass_s(STALE_S + 1, "listen", "turn") == ["capture"]
    assert walk.pass_s(1, "capture", "listen", "turn") == []
    assert walk.pass_s(STALE_S + 1, "capture", "listen") == ["turn"]
    assert walk.pass_s(1, "capture", "turn", "listen") == []
    walk.waiting = FRAME_SAMPLES
    assert walk.pass_s(STALE_S + 1, "capture", "turn") == ["listen"]
    walk.waiting = 0
    assert walk.pass_s(1, "capture", "turn") == []


def test_a_gate_that_moves_but_no_frames_are_stuck_unless_it_is_shut() -> None:
    walk = Walk()
    assert walk.pass_s(STALE_S + 1, "gate", "turn") == ["capture"]
    for ear in (Ear.CLOSED, Ear.LOST):
        walk.board.set_ear(ear)
        assert walk.pass_s(60, "gate", "turn") == [], "no frames are due"
        assert walk.pass_s(STALE_S + 1, "turn") == ["capture"], "but the thread must live"
        walk.pass_s(1, "gate", "turn")


def test_a_long_answer_is_no_hang_and_an_endless_one_is() -> None:
    walk = Walk()
    walk.busy_since_ns = 1
    assert walk.pass_s(BUSY_MOST_S - 5, "capture", "listen") == []
    assert walk.pass_s(10, "capture", "listen") == ["turn"]


def test_the_watchdog_is_fed_only_while_nothing_is_stuck() -> None:
    walk = Walk()
    watch = Watch(walk.vitals, walk.board, Notifier("", 0))
    flows = walk.board.hub.subscribe("test", frozenset({"flow", "stuck"}))
    for moves in (("capture", "listen", "turn"),) * 8 + (("listen", "turn"),) * 40:
        walk.pass_s(0.25, *moves)
        watch.look()
    assert 8 <= watch.beats < 30
    told = [(n.topic, *n.fields.values()) for n in iter(flows.take, None)]
    assert told == [("flow", True), ("flow", False), ("stuck", ["capture"])]


def test_what_a_reload_applies_and_what_it_names() -> None:
    old = Config.default()
    new = from_text("vad: {hangover_ms: 600}\nalerts: {latency_ms: 900}\naudio: {output: {volume: 30}}")
    assert changed(old, new) == ["audio.output.volume", "vad.hangover_ms", "alerts.latency_ms"]
    assert [key for key in changed(old, new) if is_live(key)] == ["audio.output.volume", "alerts.latency_ms"]
    assert changed(old, old) == []
    assert all(any(key == name or key.startswith(name) for key in knobs()) for name in LIVE)
    assert not is_live("audio.output.volume_x") and not is_live("nlpx.y")


def test_what_is_remembered(tmp_path: Path) -> None:
    settings: dict[str, Any] = {}
    add: dict[str, int] = {}
    turn = {"transcript": "hello", "intent": None}
    for notice in (
        Notice("volume", {"percent": 40, "is_silent": True}),
        Notice("muted", {"is_muted": True}),
        Notice("turn", turn),
        Notice("turn", {**turn, "intent": "time"}),
        Notice("turn", {**turn, "transcript": ""}),
        Notice("failure", {"error": "x"}),
    ):
        note(notice, settings, add)
    assert (settings, add) == (
        {"volume": 40, "silent": True, "muted": True},
        {"turns": 2, "understood": 1, "errors": 1},
    )
    database = Database(tmp_path / "state.db")
    assert recall(database).percent is None
    database.change(settings)
    assert recall(database).percent == 40 and recall(database).is_muted and recall(database).is_silent
    for nonsense in ("loud", True, 400, -1, None, [1]):
        database.change({"volume": nonsense})
        assert recall(database).percent is None
    database.close()


def test_every_state_has_words_or_its_name() -> None:
    from firmware_py.service.watch import STATUS_WORDS

    assert set(STATUS_WORDS) <= set(State)


def test_a_stop_while_it_waits_ends_at_once_and_forgets_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "restarts").write_text("12 4.0")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    service = Service(RunOptions(Config.default))
    service.stop()
    service.run()
    assert Restarts(tmp_path).failures == 0


def test_while_it_waits_behind_failed_starts_the_faces_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "restarts").write_text("9 4.0")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    service = Service(RunOptions(Config.default))
    thread = threading.Thread(target=service.run)
    thread.start()
    try:
        eventually(lambda: (tmp_path / "control.sock").exists(), "the control socket", 30)
        eventually(
            lambda: ask("status", "", tmp_path / "control.sock")["alerts"] == {"failed_starts": 9.0}, "the alert"
        )
        status = ask("status", "", tmp_path / "control.sock")
        assert status["state"] == "starting"
        assert pattern_for(State.STARTING, status["alerts"]) not in (PATTERNS[State.STARTING], WAITS["weights"])
    finally:
        service.stop()
        thread.join(30)
    assert Restarts(tmp_path).failures == 0 and not service.board.alerts


def test_a_face_that_cannot_come_up_waits_too_and_a_stop_forgets_the_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    (tmp_path / "restarts").write_text("2 0.1")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "control.sock"))
        other.listen()
        began = time.monotonic()
        with pytest.raises(Unavailable, match="another rtva"):
            Service(RunOptions(Config.default)).run()
        assert time.monotonic() - began >= 0.5 and Restarts(tmp_path).failures == 3
        told_to_stop = Service(RunOptions(Config.default))
        told_to_stop.stop()
        with pytest.raises(Unavailable):
            told_to_stop.run()
    assert Restarts(tmp_path).failures == 0


def test_the_status_says_of_each_face_why_it_is_away_and_what_it_lost(tmp_path: Path) -> None:
    config = from_text(f"status: {{socket: {tmp_path}/c.sock, serial: {{device: {tmp_path}/tty, heartbeat_s: 0}}}}")
    hub, controls = Hub(), NotedControls()
    controls.levels = lambda: (-60.0, -70.0)  # type: ignore[attr-defined]
    faces = Faces(config, controls, hub)  # type: ignore[arg-type]
    try:
        eventually(lambda: "No such file" in faces.report()["state"]["serial"], "why the line is not open")
        assert faces.report()["state"]["socket"] == "on"
        clients = [socket.socket(socket.AF_UNIX) for _ in range(MOST_CLIENTS + 1)]
        for client in clients:
            client.connect(f"{tmp_path}/c.sock")
        eventually(lambda: faces.report()["refused"] == 1, "a client turned away")
        for client in clients:
            client.close()
        near, far = pty.openpty()
        tty.setraw(far)
        (tmp_path / "tty").symlink_to(os.ttyname(far))
        eventually(lambda: faces.report()["state"]["serial"] == "on", "the line")
        eventually(
            lambda: [hub.publish("failure", error="x" * 200), faces.report()["dropped"].get("serial")][1], "", 60
        )
        for number in (near, far):
            os.close(number)
    finally:
        faces.close()


def test_a_look_that_fails_keeps_neither_the_others_nor_the_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("firmware_py.service.watch.TICK_S", 0.001)
    walk, looks = Walk(), []

    def fail() -> None:
        raise RuntimeError("can't start new thread")

    watch = Watch(walk.vitals, walk.board, Notifier("", 0), [fail, lambda: looks.append(watch.beats)])
    watch.start()
    eventually(lambda: len(looks) > 3 and watch.beats > 16, "looks behind the one that failed")
    watch.stop()
    assert caplog.text.count("a look that is taken each second failed") == 1


def test_of_two_reloads_at_a_time_the_later_one_is_in_force() -> None:
    """The first is held up between its reading and its applying; the second must not overtake it."""
    read = [from_text("alerts: {latency_ms: 1}"), from_text("alerts: {latency_ms: 2}")]
    applied: list[Any] = []
    is_read = threading.Event()

    def apply(config: Config) -> None:
        if config.alerts.latency_ms == 1:
            is_read.set()
            time.sleep(0.3)
        applied.append(config.alerts.latency_ms)

    nobody: Any = None
    reloader = Reloader(Config.default(), lambda: read.pop(0), nobody, apply, nobody)
    first = threading.Thread(target=reloader.reload)
    first.start()
    assert is_read.wait(10)
    assert reloader.reload()["applied"] == ["alerts.latency_ms"]
    first.join()
    assert applied == [1, 2] and reloader.config.alerts.latency_ms == 2
