"""The control socket and the commands that speak through it."""

from __future__ import annotations

import json
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from status_lab import NotedControls, eventually

from firmware_py.__main__ import main
from firmware_py.cli.control import Refused, ask
from firmware_py.errors import BadInput, Unavailable
from firmware_py.status.commands import SAY_MOST, perform
from firmware_py.status.hub import Hub
from firmware_py.status.socket import LINE_BYTES, MOST_CLIENTS, ControlSocket, parse


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def controls() -> NotedControls:
    return NotedControls()


@pytest.fixture
def served(tmp_path: Path, controls: NotedControls, hub: Hub) -> Iterator[ControlSocket]:
    server = ControlSocket(tmp_path / "run" / "control.sock", controls, hub)
    yield server
    server.close()
    server.close()
    assert not server.path.exists()


class Client:
    def __init__(self, path: Path) -> None:
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(10)
        self.connection.connect(str(path))
        self.lines = self.connection.makefile("rb")

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def receive(self) -> Any:
        line = self.lines.readline()
        return json.loads(line) if line else None

    def ask(self, command: str, argument: str = "") -> Any:
        self.send(json.dumps({"command": command, "argument": argument}).encode() + b"\n")
        return self.receive()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.lines.close()
        self.connection.close()


def test_many_commands_on_one_connection(served: ControlSocket, controls: NotedControls) -> None:
    with Client(served.path) as client:
        assert client.ask("volume", "40") == {"ok": True, "percent": 40}
        assert client.ask("volume", "-5") == {"ok": True, "percent": 35}
        assert client.ask("say", "hello") == {"ok": True}
        assert client.ask("status")["state"] == "idle"
        assert client.ask("fly")["exit_code"] == 65
        assert client.ask("reload") == {"ok": False, "error": "still starting", "exit_code": 69}
    assert controls.calls == [("say", "hello")]
    assert stat.S_IMODE(served.path.stat().st_mode) == 0o660


def test_a_change_that_the_disk_does_not_have_is_said(
    served: ControlSocket, controls: NotedControls, capsys: pytest.CaptureFixture[str]
) -> None:
    from firmware_py.__main__ import main

    for why, said in (("", ""), ("full", "rtva: done, but the disk does not have it")):
        controls.why_unkept = why
        with Client(served.path) as client:
            assert client.ask("mute") == {"ok": True, **({"kept": False} if why else {})}
        assert main(["volume", "40", "--socket", str(served.path)]) == 0
        out, err = capsys.readouterr()
        assert out == "percent: 40\n" and err.startswith(said) and err.count("\n") == bool(why)


def test_the_clock_is_asked_and_set_by_a_time_with_and_without_a_date(
    served: ControlSocket, controls: NotedControls, capsys: pytest.CaptureFixture[str]
) -> None:
    for argument in ([], ["7:30"], ["2027-05-02T07:30"]):
        assert main(["clock", *argument, "--socket", str(served.path)]) == 0
        assert "2027-05-02T07:30:00+02:00" in capsys.readouterr().out
    assert controls.calls == [("clock", None), ("clock", 450), ("clock", datetime(2027, 5, 2, 7, 30))]
    assert main(["clock", "7:60", "--socket", str(served.path)]) == 65


def test_events_are_a_stream(served: ControlSocket, hub: Hub) -> None:
    with Client(served.path) as client:
        assert client.ask("events") == {"ok": True}
        hub.publish("state", state="listening", previous="idle")
        hub.publish("volume", percent=3)
        first, second = client.receive(), client.receive()
        assert (first["topic"], first["state"]) == ("state", "listening") and first["at_ns"] > 0
        assert second["percent"] == 3
    eventually(lambda: not hub.dropped(), "a client that left is forgotten")


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"{}\n", b'{"command": 3}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b"x" * LINE_BYTES + b"\n"],
)
def test_nonsense_is_answered_once_and_costs_nothing(served: ControlSocket, line: bytes) -> None:
    with Client(served.path) as client:
        client.send(line)
        assert client.receive()["exit_code"] == 65
    with Client(served.path) as client:
        assert client.ask("version")["ok"]


def test_too_many_clients_are_turned_away_and_others_served(served: ControlSocket) -> None:
    clients = [Client(served.path) for _ in range(MOST_CLIENTS)]
    assert all(client.ask("version")["ok"] for client in clients)
    with Client(served.path) as one_more:
        told = one_more.receive()
        assert told["ok"] is False and "8 clients" in told["error"] and told["exit_code"] == 69
        assert one_more.receive() is None
    with pytest.raises(Refused, match="8 clients"):  # with a request on its way, as the command line has one
        ask("status", "", served.path)
    assert served.refused == 2
    for client in clients:
        client.__exit__()
    eventually(lambda: _is_served(served.path))


def test_where_no_thread_can_be_started_a_client_is_told_and_the_next_served(
    served: ControlSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with Client(served.path) as client:
            assert "can't start" in client.receive()["error"]
    eventually(lambda: _is_served(served.path))


def _is_served(path: Path) -> bool:
    with Client(path) as client:
        try:
            return bool(client.ask("version")["ok"])
        except OSError:
            return False


def test_a_dead_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path, controls: NotedControls, hub: Hub) -> None:
    path = tmp_path / "control.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    server = ControlSocket(path, controls, hub)
    with pytest.raises(Unavailable, match="another rtva is running"):
        ControlSocket(path, controls, hub)
    assert _is_served(path)
    server.close()


def test_a_path_that_cannot_be_bound_says_why(tmp_path: Path, controls: NotedControls, hub: Hub) -> None:
    with pytest.raises(Unavailable, match="control socket"):
        ControlSocket(tmp_path / ("x" * 200), controls, hub)


def test_close_does_not_wait_for_a_client_that_sleeps(tmp_path: Path, controls: NotedControls, hub: Hub) -> None:
    server = ControlSocket(tmp_path / "c.sock", controls, hub)
    with Client(server.path) as client:
        client.ask("events")
        server.close()
        assert client.receive() is None
    eventually(lambda: not [t for t in threading.enumerate() if t.name == "control-client"])


@given(st.binary(max_size=200))
def test_any_line_is_a_request_or_bad_input(line: bytes) -> None:
    try:
        name, argument = parse(line + b"\n")
    except BadInput:
        return
    assert isinstance(name, str) and isinstance(argument, str)


@given(st.text(max_size=12))
def test_any_volume_is_0_to_100_or_bad_input(text: str) -> None:
    controls = NotedControls()
    try:
        perform(controls, "volume", text)
    except BadInput:
        assert controls.percent == 50
    else:
        assert -50 <= controls.percent <= 150


@pytest.mark.parametrize(
    ("name", "argument"),
    [("say", ""), ("say", "x" * (SAY_MOST + 1)), ("mute", "now"), ("volume", "²"), ("volume", "101"), ("", "")],
)
def test_malformed_commands(name: str, argument: str) -> None:
    with pytest.raises(BadInput):
        perform(NotedControls(), name, argument)


def test_the_command_line(served: ControlSocket, controls: NotedControls, capsys: pytest.CaptureFixture[str]) -> None:
    def rtva(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--socket", str(served.path)])
        out, err = capsys.readouterr()
        return code, out, err

    assert rtva("volume") == (0, "percent: 50\n", "")
    assert rtva("volume", "-10") == (0, "percent: 40\n", "")
    assert rtva("mute", "--json") == (0, '{"ok": true}\n', "")
    assert rtva("reload") == (69, "", "rtva: still starting\n")
    assert rtva("volume", "loud")[0] == 65
    assert controls.calls == [("mute", "user")]


def test_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--socket", str(tmp_path / "none")]) == 69
    assert "no rtva is running here" in capsys.readouterr().err
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "dead"))
    left.close()
    assert main(["status", "--socket", str(tmp_path / "dead")]) == 69
    assert "does not answer" in capsys.readouterr().err


def test_a_path_that_no_socket_can_have_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], hub: Hub, controls: NotedControls
) -> None:
    long = tmp_path / ("x" * 110)
    assert main(["status", "--socket", str(long)]) == 64
    assert capsys.readouterr().err.count("\n") == 1
    config = tmp_path / "config.yaml"
    config.write_text(f"status: {{socket: {long}}}\n")
    assert main(["config", "check", str(config)]) == 78
    assert "at most 107 bytes" in capsys.readouterr().err
    with pytest.raises(Unavailable):
        ControlSocket(long, controls, hub)


@pytest.mark.parametrize("what", [["status", "--follow"], ["events"]])
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    served: ControlSocket, controls: NotedControls, what: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"version": "1", "state": "idle", "since_s": 1.0, "is_silent": False, "microphone": "open", "volume": 40,
            "level_db": None, "alerts": {}, "counts": {}, "totals": {}, "faces": {}, "workers": [], "latency_ms": {},
            "turns": []}  # fmt: skip
    monkeypatch.setattr(controls, "status", lambda: told)
    command = [sys.executable, "-m", "firmware_py", *what, "--json", "--socket", str(served.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        until, readers = time.monotonic() + 60, process.stdout
        while process.poll() is None and time.monotonic() < until:
            served._hub.publish("state", state="idle", previous="")
            if not readers.closed and select.select([readers], [], [], 0.05)[0]:
                assert readers.readline()
                readers.close()
            time.sleep(0.02)
        assert (process.stderr.read(), process.wait(10)) == (b"", 0)
