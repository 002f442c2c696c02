"""What the checks inside the container share: commands, waiting, the serial line's other end, the machine."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path("/system-test")
TEST_RUN = Path("/run/rtva-test")
CONFIG = Path("/etc/rtva/config.yaml")
RTVA = "rtva"
"""By the path: /usr/local/bin from the installer, /usr/bin from the package."""
ASOUND = """\
pcm.rtva_mic {{ type file slave.pcm {{ type null }} file /dev/null infile {run}/mic.fifo format raw }}
pcm.rtva_speaker {{ type file slave.pcm {{ type null }} file /run/rtva/speaker.raw format raw }}
"""
TEST_CONFIG = """\
audio: {{input: {{device: rtva_mic}}, output: {{device: rtva_speaker}}}}
workers: {{mode: process, deadline_scale: {scale}}}
status: {{serial: {{device: {run}/serial, heartbeat_s: 2}}}}
metrics: {{textfile: /run/rtva/rtva.prom, textfile_interval_s: 1}}
alerts: {{latency_ms: {latency}}}
"""

SLOWER = 40.0 if sys.argv[-1].endswith("-emulated") else 1.0
"""How much longer everything may take: a processor in software is that much slower, and more."""
PATIENCE = """\
tts: {cache: {warm: false}}
pipeline: {processing: {max_workers: 1}}
governor: {enabled: false}
"""
"""Else the governor makes recognition lighter step by step, each a reload of minutes: the machine is always busy."""
SLOW_UNIT = Path("/etc/systemd/system/rtva.service.d/slow.conf")
SLOW = """\
[Service]
TimeoutStartSec=infinity
WatchdogSec=10min
MemoryMax=infinity
# An emulated systemd cannot set up these namespaces: EIO, EINVAL.
PrivateNetwork=no
PrivateIPC=no
PrivateUsers=no
# onnxruntime looks for the processors of an arm64 in the files of another architecture, and crashes.
InaccessiblePaths=-/sys/devices/system/cpu
"""
ASKED_AGAIN = 3 if SLOWER > 1 else 0
LISTENS_S = 3.0
AT_REST = ("state idle", "state degraded")
"""Degraded: an alert is on, as the one for latency after a worker had to be replaced."""


class Failed(Exception):
    pass


def sh(*command: str, timeout: float = 150, ok: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout * SLOWER)
    if ok and done.returncode:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def must(truth: object, why: str) -> None:
    if not truth:
        raise Failed(why)


def within(seconds: float, what: str, happens: Callable[[], Any]) -> Any:
    """The first true value of ``happens``, asked ten times a second."""
    until = time.monotonic() + seconds * SLOWER
    while time.monotonic() < until:
        value = happens()
        if value:
            return value
        time.sleep(0.1)
    raise Failed(f"not within {seconds:g} s: {what}")


def show(name: str) -> str:
    return sh("systemctl", "show", "rtva", "-P", name).strip()


def main_pid() -> int:
    return int(show("MainPID"))


def status() -> dict[str, Any]:
    return json.loads(sh(RTVA, "status", "--json"))  # type: ignore[no-any-return]


def is_ready() -> bool:
    return show("ActiveState") == "active"


class SerialEnd:
    """The other end of the serial line: a pty behind a name of its own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._rest = b""
        self.plug()

    def plug(self) -> None:
        self.master, slave = pty.openpty()
        tty.setraw(slave)
        name = os.ttyname(slave)
        Path(name).chmod(0o666)
        link = TEST_RUN / "serial"
        link.unlink(missing_ok=True)
        link.symlink_to(name)
        self._slave = slave

    def unplug(self) -> None:
        (TEST_RUN / "serial").unlink()
        os.close(self._slave)
        os.close(self.master)

    def pump(self) -> list[str]:
        while select.select([self.master], [], [], 0)[0]:
            try:
                self._rest += os.read(self.master, 4096)
            except OSError:
                break
        *whole, self._rest = self._rest.split(b"\r\n")
        self.lines += [line.decode() for line in whole]
        return self.lines

    def expect(self, *beginnings: str | tuple[str, ...], seconds: float = 20) -> None:
        """Lines that begin so arrive, in this order; they and what stood before them are forgotten."""
        for beginning in beginnings:
            within(seconds, f"serial line {beginning!r} (got {self.lines})", lambda b=beginning: self._drop_to(b))  # type: ignore[misc]

    def _drop_to(self, beginning: str | tuple[str, ...]) -> bool:
        for index, line in enumerate(self.pump()):
            if line.startswith(beginning):
                del self.lines[: index + 1]
                return True
        return False

    def send(self, text: str) -> None:
        os.write(self.master, text.encode())


class Machine:
    def __init__(self) -> None:
        TEST_RUN.mkdir(mode=0o755)
        os.mkfifo(TEST_RUN / "mic.fifo")
        (TEST_RUN / "mic.fifo").chmod(0o666)
        Path("/etc/asound.conf").write_text(ASOUND.format(run=TEST_RUN))
        self.orders = TEST_RUN / "orders"
        self.feed = subprocess.Popen([sys.executable, str(HERE / "feed.py"), str(TEST_RUN / "mic.fifo"), self.orders])
        self.serial = SerialEnd()

    def configure(self, latency: str = "500", more: str = "") -> None:
        CONFIG.write_text(TEST_CONFIG.format(run=TEST_RUN, latency=latency, scale=2 * SLOWER) + more)

    def speak(self) -> None:
        with self.orders.open("a") as orders:
            print(HERE / "question.raw", file=orders)

    def answered_anew(self) -> None:
        """:meth:`answered`, by a service that was started since the last: it greets a line that is plugged in."""
        self.serial.unplug()
        self.serial.plug()
        self.serial.expect("rtva protocol=1")
        self.answered()

    def answered(self, seconds: float = 40) -> None:
        """A question is asked, and its answer spoken."""
        self.serial.pump()
        self.serial.lines.clear()
        spoken = Path("/run/rtva/speaker.raw").stat().st_size
        self._ask(seconds)
        self.serial.expect("state thinking", "state speaking", AT_REST, seconds=seconds)
        self.serial.expect("heard ", "intent name=time", "said ", seconds=seconds)
        must(Path("/run/rtva/speaker.raw").stat().st_size > spoken, "no sound reached the speaker")

    def _ask(self, seconds: float) -> None:
        """Until it listens: a processor in software that others keep busy loses sound, and a person would ask again."""
        for left in range(ASKED_AGAIN, -1, -1):
            self.speak()
            try:
                self.serial.expect("state listening", seconds=seconds if not left else LISTENS_S)
                return
            except Failed:
                if not left:
                    raise
