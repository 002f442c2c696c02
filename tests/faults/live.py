"""The real service on a sound card without hardware: real alsa-lib, a clock, and faults on command (``inj.c``)."""

from __future__ import annotations

import json
import mmap
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from alsa_lab import injector
from status_lab import dies_with_us

from faults.lab import seconds_until
from firmware_py import models

ROOT = Path(__file__).resolve().parent.parent.parent
NUMBERS = (
    *("ONCE", "GONE", "STALLED", "BUSY", "OPEN_BLOCKS", "READ_BLOCKS", "RATE", "SOUND"),
    *("PLAY_ONCE", "PLAY_GONE", "OPENS", "WALL_S", "LOUD_MS"),
)
ASOUND = """\
pcm.mic {{ type file slave.pcm {{ type null }} file /dev/null infile /dev/zero format raw }}
pcm.speaker {{ type file slave.pcm {{ type null }} file {0}/speaker.raw format raw }}
pcm.null {{ type null }}
"""
CONFIG = """\
audio: {{input: {{device: mic}}, output: {{device: speaker}}}}
status: {{socket: {0}/control.sock, serial: {{device: {0}/tty, heartbeat_s: 0}}}}
metrics: {{socket: {0}/metrics.sock}}
workers: {{deadline_scale: 10}}
tts: {{cache: {{warm: false}}}}
governor: {{enabled: false}}
"""


WELL = ("idle", "degraded")


def _is(found: object, wanted: object) -> bool:
    return found in wanted if isinstance(wanted, tuple) else found == wanted


class Live:
    """A running service. ``set`` commands a fault by its name in ``NUMBERS``, ``happened`` is what the service told."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rtva-faults-"))
        home = self.folder / "home"
        home.mkdir()
        (home / "models").symlink_to(models.home() / "models")
        (self.folder / "asound.conf").write_text(ASOUND.format(self.folder))
        (self.folder / "config.yaml").write_text(CONFIG.format(self.folder))
        (self.folder / "control").write_bytes(bytes(64))
        descriptor = os.open(self.folder / "control", os.O_RDWR)
        self._page = mmap.mmap(descriptor, 64)
        os.close(descriptor)
        self.plug_serial()
        self.start()

    def start(self) -> None:
        """Returns once it is ready."""
        (self.folder / "restarts").unlink(missing_ok=True)  # it would wait after each early death, on purpose
        notify = self.folder / "notify"
        notify.unlink(missing_ok=True)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(str(notify))
        self.happened: list[tuple[float, dict[str, Any]]] = []
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(notify),
            "WATCHDOG_USEC": "10000000",
            "RUNTIME_DIRECTORY": str(self.folder),
            "RTVA_HOME": str(self.folder / "home"),
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
            "LD_PRELOAD": str(injector()),
            "RTVA_HW": "paced",
            "RTVA_CONTROL": str(self.folder / "control"),
        }
        command = [sys.executable, "-m", "firmware_py", "run", "--wait", "--config", str(self.folder / "config.yaml")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log, cwd=ROOT, preexec_fn=dies_with_us)
        if seconds_until(self._is_ready, 300) is None:
            raise RuntimeError(f"not ready: {(self.folder / 'log').read_text()[-300:]}")
        threading.Thread(target=self._listen, daemon=True).start()
        self.ask("mute")
        self.ask("unmute")
        seconds_until(lambda: self.happened and self.ask("status")["microphone"] == "open", 10)

    def _is_ready(self) -> bool:
        try:
            return b"READY=1" in self.notify.recv(4096)
        except BlockingIOError:
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended: {(self.folder / 'log').read_text()[-300:]}") from None
            return False

    def _listen(self) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.folder / "control.sock"))
            connection.sendall(b'{"command": "events"}\n')
            for line in connection.makefile():
                self.happened.append((time.monotonic(), json.loads(line)))

    def set(self, name: str, value: int) -> float:
        """Returns the time at which it was set."""
        at = 4 * NUMBERS.index(name)
        self._page[at : at + 4] = value.to_bytes(4, "little", signed=True)
        return time.monotonic()

    def get(self, name: str) -> int:
        at = 4 * NUMBERS.index(name)
        return int.from_bytes(self._page[at : at + 4], "little", signed=True)

    def ask(self, command: str, argument: str = "") -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(self.folder / "control.sock"))
            connection.sendall(json.dumps({"command": command, "argument": argument}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
            return answer

    def until(self, since: float, within_s: float = 15.0, **wanted: Any) -> float | None:
        """Seconds from ``since`` to the first thing that happened with these fields (one of a tuple), else None."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for at, told in list(self.happened):
                if at >= since and all(_is(told.get(name), value) for name, value in wanted.items()):
                    return at - since
            time.sleep(0.002)
        return None

    def well(self) -> bool:
        """Whether it waits for somebody to speak, with alerts or without."""
        return self.ask("status")["state"] in WELL

    def made(self) -> tuple[float, float]:
        """Samples that came or were lost, and the time: the best of a few looks, since a block can only be late."""
        looks = []
        for _ in range(8):
            asked = time.monotonic()
            counts = self.ask("status")["counts"]
            came = counts["frames_in"] - counts["surplus_samples"]
            looks.append((came + counts["lost_samples"] + counts["absent_samples"], asked))
            time.sleep(0.013)
        return max(looks, key=lambda look: look[0] - look[1] * 16_000)

    def plug_serial(self) -> None:
        self.serial, slave = pty.openpty()
        os.set_blocking(self.serial, False)
        link = self.folder / "tty"
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def cpu_s(self) -> float:
        """What its threads have run, by the scheduler's own account (the clock of another process, CPUCLOCK_SCHED of
        Linux): ticks of a hundredth of a second are as much as 0.2 % of six."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.notify.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.notify.close()
        os.close(self.serial)
        self._page.close()
        shutil.rmtree(self.folder, ignore_errors=True)
