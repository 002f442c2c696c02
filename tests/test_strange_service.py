"""What the clients of the control socket do with a service that answers nonsense, or not at all."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from status_lab import eventually

from firmware_py.__main__ import main
from firmware_py.cli import control
from firmware_py.dashboard.feed import Feed

ANSWERS = {
    "garbage": b"\xff\x00garbage",
    "text": b"hello",
    "number": b"5",
    "list": b"[" * 100_000,
    "bare": b'{"ok": true}',
    "fields": b'{"ok": true, "counts": 5, "traces": 5, "caches": 5, "version": 5, "state": 5}',
    "entries": b'{"ok": true, "traces": [5], "caches": {"speech": 5}, "state": "idle", "counts": {}}',
    "refusal": b'{"ok": false, "error": 5, "exit_code": "many"}',
    "neither": b"{}",
}
QUESTIONS = (
    ["top", "--once"],
    ["trace"],
    ["cache", "stats"],
    ["status"],
    ["record", "status"],
    ["dashboard", "--port", "0"],
)


class Strange:
    """Answers each line with ``answer``; ``None`` lets the client wait."""

    def __init__(self, path: Path, answer: bytes | None) -> None:
        self.path, self.answer = path, answer
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            for _ in client.makefile("rb"):
                if self.answer is not None:
                    client.sendall(self.answer + b"\n")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def strange(tmp_path: Path) -> Iterator[Callable[[bytes | None], Path]]:
    started: list[Strange] = []

    def start(answer: bytes | None) -> Path:
        started.append(Strange(tmp_path / f"{len(started)}.sock", answer))
        return started[-1].path

    yield start
    for service in started:
        service.close()


CASES = [
    (command, name)
    for command, name in itertools.product(QUESTIONS, ANSWERS)
    # what these ask for is there, whatever its type
    if (command[0], name) != ("dashboard", "fields")
]


@pytest.mark.parametrize(("command", "name"), CASES)
def test_a_strange_answer_is_one_line(
    strange: Callable[[bytes | None], Path], command: list[str], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--socket", str(strange(ANSWERS[name]))]) == 69
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert "answered in a way this rtva does not know" in captured.err and "same version" in captured.err


def test_a_refusal_keeps_its_own_code(
    strange: Callable[[bytes | None], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = strange(b'{"ok": false, "error": "not now", "exit_code": 65}')
    assert main(["status", "--socket", str(path)]) == 65
    assert capsys.readouterr().err == "rtva: not now\n"


@pytest.mark.parametrize("command", QUESTIONS)
def test_a_hung_service_is_not_waited_for_long(
    strange: Callable[[bytes | None], Path],
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert control.QUESTION_S <= 3
    monkeypatch.setattr(control, "QUESTION_S", 0.2)
    began = time.monotonic()
    assert main([*command, "--socket", str(strange(None))]) == 69
    assert time.monotonic() - began < control.REPLY_S / 2, "the limit of a command was taken"
    assert "does not answer" in capsys.readouterr().err


def test_a_service_that_accepts_nobody_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "full.sock"
    monkeypatch.setattr(control, "QUESTION_S", 1.0)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        assert main(["status", "--socket", str(path)]) == 69
    assert "does not answer" in capsys.readouterr().err


def test_the_page_outlives_a_strange_answer() -> None:
    answers: list[dict[str, Any]] = [{"ok": True}]

    def ask(command: str, argument: str) -> dict[str, Any]:
        return answers[-1] if command == "status" else {"traces": []}

    feed = Feed(ask, lambda: iter(()))
    client = feed.join()
    assert client is not None
    eventually(lambda: any("does not know" in data for _, data in client.take(1)), "its error", 20)
    answers.append({"counts": {"turns": 1}, "since_s": 5})
    eventually(lambda: any("since_s" in json.loads(data) for _, data in client.take(1)), "its status", 20)
    feed.close()
