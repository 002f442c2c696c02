"""``rtva run`` as systemd runs it: notifications, faces, a spoken turn, an orderly end; its sound is alsa-lib's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from status_lab import dies_with_us, eventually
from takes import take_16k

ROOT = Path(__file__).resolve().parent.parent
FEED = ROOT / "deploy" / "system-test" / "feed.py"
ASOUND = """\
pcm.mic {{ type file slave.pcm {{ type null }} file /dev/null infile {0}/mic.fifo format raw }}
pcm.speaker {{ type file slave.pcm {{ type null }} file {0}/speaker.raw format raw }}
pcm.null {{ type null }}
"""
CONFIG = """\
audio: {{input: {{device: {1}}}, output: {{device: speaker}}}}
status: {{socket: {0}/control.sock}}
metrics: {{socket: {0}/metrics.sock, textfile: {0}/rtva.prom, textfile_interval_s: 1}}
workers: {{deadline_scale: 30}}
"""


class Running:
    """The service with a systemd of our own listening."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(str(folder / "notify"))
        self.told: list[str] = []
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "WATCHDOG_USEC": "10000000",
            "RUNTIME_DIRECTORY": str(folder),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        environment.pop("WATCHDOG_PID", None)
        command = [sys.executable, "-m", "firmware_py", "run", "--config", str(folder / "config.yaml"), *arguments]
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=dies_with_us
        )

    def has_told(self, line: str) -> bool:
        while True:
            try:
                self.told += self.notify.recv(4096).decode().splitlines()
            except BlockingIOError:
                return line in self.told

    def until_told(self, line: str) -> None:
        eventually(lambda: self.has_told(line) or self._has_died(), f"{line}; told {self.told}", 120)
        assert line in self.told, f"it ended: {self.process.stderr and self.process.stderr.read()}"

    def until_alerted(self, alert: str) -> None:
        """Ready and this alert among those that its status names."""

        def is_named() -> bool:
            self.has_told("")
            heads = [line.partition("with alerts: ") for line in self.told if line.startswith("STATUS=ready")]
            return any(alert in names.split(", ") for _, _, names in heads)

        eventually(lambda: is_named() or self._has_died(), f"the alert {alert}", 120)
        assert is_named(), f"it ended: {self.process.stderr and self.process.stderr.read()}"

    def _has_died(self) -> bool:
        return self.process.poll() is not None

    def ask(self, command: str, argument: str = "") -> dict[str, object]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "control.sock"))
            connection.sendall(json.dumps({"command": command, "argument": argument}).encode() + b"\n")
            answer: dict[str, object] = json.loads(connection.makefile().readline())
            return answer

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


@pytest.fixture
def folder(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Devices without hardware, and a home of its own that shares the weights."""
    own = tmp_path / "home"
    own.mkdir()
    (own / "models").symlink_to(weights / "models")
    os.mkfifo(tmp_path / "mic.fifo")
    (tmp_path / "asound.conf").write_text(ASOUND.format(tmp_path))
    (tmp_path / "config.yaml").write_text(CONFIG.format(tmp_path, "mic"))
    command = [sys.executable, str(FEED), str(tmp_path / "mic.fifo"), str(tmp_path / "orders")]
    feed = subprocess.Popen(command, preexec_fn=dies_with_us)
    monkeypatch.setenv("RTVA_HOME", str(own))
    yield tmp_path
    feed.kill()
    feed.wait()


def question(folder: Path) -> None:
    """Orders the spoken question from the microphone."""
    (folder / "question.raw").write_bytes(take_16k("What time is it?").tobytes())
    with (folder / "orders").open("a") as orders:
        print(folder / "question.raw", file=orders)


def scrape(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return connection.makefile().read()


def test_what_a_killed_test_run_started_ends_with_it() -> None:
    code = (
        "import os, signal, subprocess, sys; sys.path.insert(0, 'tests'); from status_lab import dies_with_us\n"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=dies_with_us)\n"
        "print(child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    told = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT, timeout=60)
    state = Path(f"/proc/{int(told.stdout)}/stat")
    eventually(lambda: not state.exists() or ") Z " in state.read_text(), "its end", 30)


def on_disk(state: Path, name: str) -> object:
    """What the state file holds, as another process reads it."""
    with contextlib.closing(sqlite3.connect(state)) as db:
        found = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return json.loads(found[0]) if found else None


def test_a_run_from_ready_to_stop(folder: Path) -> None:
    running = Running(folder)
    running.until_told("READY=1")
    running.until_told("WATCHDOG=1")
    question(folder)
    answered: Callable[[], bool] = lambda: bool(running.ask("status")["counts"]["turns"])  # type: ignore[index]  # noqa: E731
    eventually(answered, "a turn", 60)
    status = running.ask("status")
    turn = status["turns"][-1]  # type: ignore[index]
    assert turn["intent"] == "time" and turn["answer_ms"] is not None and (folder / "speaker.raw").stat().st_size
    traced = running.ask("trace")["traces"][-1]  # type: ignore[index]
    assert traced["trace"]["intent"] == "time" and traced["trace"]["marks_ms"]["heard"] is not None
    eventually(
        lambda: list((folder / "home" / "cache" / "speech").glob("*.speech")), "a fixed phrase rendered ahead", 60
    )
    assert running.ask("cache")["caches"]["speech"]["memory_entries"]  # type: ignore[index]
    assert "rtva_speech_cache_misses_total" in scrape(folder / "metrics.sock")
    for percent in (*range(31, 41), 30):
        assert running.ask("volume", f"{percent}") == {"ok": True, "percent": percent}
        assert on_disk(folder / "home" / "state.db", "volume") == percent, "it was said to be done"
    assert 'rtva_stage_seconds_count{stage="stt"} 1.0' in scrape(folder / "metrics.sock")
    assert running.ask("mute")["ok"] is True and on_disk(folder / "home" / "state.db", "muted") is True
    running.until_told("STATUS=microphone closed")
    (folder / "config.yaml").write_text("stt: {modle: x}")
    refused = running.ask("reload")
    assert refused["ok"] is False and refused["exit_code"] == 78 and "modle" in str(refused["error"])
    code, errors = running.end()
    assert code == 0, errors
    assert running.has_told("STOPPING=1") and "ready" in errors and "turn transcript=" in errors
    assert not list(folder.glob("*.sock")) and not (folder / "rtva.prom").exists()
    (folder / "config.yaml").write_text(CONFIG.format(folder, "mic"))
    (folder / "notify").unlink()
    again = Running(folder)
    again.until_told("READY=1")
    status = again.ask("status")
    assert (status["volume"], status["state"]) == (30, "muted")
    assert status["totals"] == {"turns": 1, "understood": 1}
    assert again.end()[0] == 0


def test_without_a_microphone_it_says_so_and_ends(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.format(folder, "nothing"))
    running = Running(folder)
    _, errors = running.process.communicate(timeout=120)
    assert running.process.returncode == 69
    assert "rtva: no ALSA capture device 'nothing'" in errors
    assert not running.has_told("READY=1")


def test_with_wait_it_waits_for_one_and_is_not_ready_before(folder: Path) -> None:
    (folder / "config.yaml").write_text(CONFIG.format(folder, "nothing"))
    running = Running(folder, "--wait")
    eventually(lambda: (folder / "control.sock").exists() and running.ask("status")["state"] == "no_microphone", "", 60)
    time.sleep(0.3)
    assert not running.has_told("READY=1") and any(t.startswith("EXTEND_TIMEOUT_USEC") for t in running.told)
    assert running.end()[0] == 0


def test_who_does_not_read_what_it_logs_holds_up_nothing(folder: Path) -> None:
    running = Running(folder)
    running.until_told("READY=1")
    assert running.process.stderr is not None
    pipe = os.open(f"/proc/self/fd/{running.process.stderr.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 512)
    os.close(pipe)
    for _ in range(10):  # each is a line in the log
        for command, microphone in (("mute", "closed"), ("unmute", "open")):
            running.ask(command)
            eventually(lambda m=microphone: running.ask("status")["microphone"] == m, command, 30)  # type: ignore[misc]
    question(folder)
    eventually(lambda: 'stage="stt"} 1.0' in scrape(folder / "metrics.sock"), "the turn in the statistics", 60)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert "microphone closed" not in running.process.stderr.read()[-2000:]
