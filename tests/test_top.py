"""``rtva top``: what a frame says, on a terminal, on a dumb one, and while the service is away."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from status_lab import eventually
from watch_lab import Watched

from firmware_py.__main__ import main
from firmware_py.cli import top
from firmware_py.cli.entry import make_parser
from firmware_py.events import State

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    service = Watched(tmp_path)
    service.board.set_phase(State.IDLE)
    yield service
    service.close()


def test_a_frame_has_what_is_to_be_watched(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    watched.speak(3)
    watched.board.set_alert("cpu", 91.0)
    assert main(["top", "--once", "--socket", str(watched.path)]) == 0
    frame = capsys.readouterr().out
    assert "\x1b" not in frame
    for words in (
        "rtva 1.2.3  degraded for 12 s",
        "alerts cpu 91",
        "cpu 23 %",
        "temperature 52 °C",
        "queue  0 waiting, 1 shed   turns 3 (ever 40), 0 failed",
        "vad            6.5",
        "<5, <10: acceptable",
        "<200, <500: target",
        "stt whisper_cpp: ready, 135 MB, 0 crashed, 1 killed",
        "'what time is it' -> time: \"It's 11:21 PM.\"",
        "silence  |####",
    ):
        assert words in frame, words


def test_before_the_first_turn(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--socket", str(watched.path)]) == 0
    assert "no turn within the last five minutes" in capsys.readouterr().out


class Terminal:
    """``rtva top`` on a pseudo-terminal; ``text`` is what came so far."""

    def __init__(self, watched: Watched, term: str, columns: int = 80, lines: int = 24) -> None:
        self.leader, follower = pty.openpty()
        environment = {**os.environ, "TERM": term, "COLUMNS": str(columns), "LINES": str(lines)}
        command = [sys.executable, "-m", "firmware_py", "top", "--interval", "0.1", "--socket", str(watched.path)]
        self.process = subprocess.Popen(command, stdout=follower, stderr=follower, env=environment, cwd=ROOT)
        os.close(follower)
        os.set_blocking(self.leader, False)
        self.text = ""

    def read(self) -> str:
        try:
            self.text += os.read(self.leader, 1 << 16).decode("utf-8", "replace")
        except (BlockingIOError, OSError):
            pass
        return self.text

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        os.close(self.leader)


def test_a_terminal_is_redrawn_and_a_dumb_one_is_not(watched: Watched) -> None:
    watched.speak(2)
    smart, dumb = Terminal(watched, "xterm-256color"), Terminal(watched, "dumb")
    try:
        eventually(lambda: smart.read().count("\x1b[H") > 2, "frames", 60)
        frame = smart.text.split("\x1b[H")[1]
        assert len(frame.splitlines()) <= 24 and "\x1b[32mtarget" in frame
        eventually(lambda: "last turn" in dumb.read(), "a frame", 60)
        assert "\x1b" not in dumb.text
        watched.close()
        eventually(lambda: "waiting for the service" in smart.read(), "that it is away", 60)
    finally:
        smart.close()
        dumb.close()


def test_a_picture_is_cut_to_the_screen(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.speak(4)
    screen = top.Screen()
    screen.is_smart, screen.has_colour = True, False
    monkeypatch.setenv("COLUMNS", "44")
    monkeypatch.setenv("LINES", "30")
    picture = top.frame(watched.controls.status(), watched.controls.trace(1), screen)
    assert len(picture) <= 29
    assert all(len(line) <= 60 for line in picture if "|" in line)


@pytest.mark.parametrize(
    ("option", "is_smart", "wanted_s"), [([], False, 5.0), ([], True, 1.0), (["--interval", "1"], False, 1.0)]
)
def test_an_interval_that_was_asked_for_is_kept(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, option: list[str], is_smart: bool, wanted_s: float
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr(top, "time", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(top.Screen, "__init__", lambda self: vars(self).update(is_smart=is_smart, has_colour=False))
    args = make_parser().parse_args(["top", *option, "--socket", str(watched.path)])
    with pytest.raises(KeyboardInterrupt):
        args.run(args)
    assert slept == [wanted_s]


def test_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--interval", "0"]) == 64
    assert main(["top", "--once", "--socket", "/nonexistent/x.sock"]) == 69
    assert capsys.readouterr().err.count("\n") == 2
