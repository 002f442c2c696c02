"""``rtva serial-sim`` and the serial face at the two ends of one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from status_lab import NotedControls, eventually

from firmware_py.status.hub import Hub
from firmware_py.status.serial_line import SerialLine, SerialSettings

ROOT = Path(__file__).resolve().parent.parent


class Simulator:
    def __init__(self, link: Path) -> None:
        command = [sys.executable, "-m", "firmware_py", "serial-sim", "--link", str(link)]
        self.said = link.with_suffix(".out")
        with self.said.open("w") as out:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
            )
        eventually(link.is_symlink, seconds=60)

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def shows(self, line: str) -> None:
        eventually(lambda: line in self.said.read_text().splitlines(), f"{line!r} in {self.said.read_text()!r}", 30)


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path / "serial")
    yield simulator
    assert simulator.process.stdin is not None
    simulator.process.stdin.close()
    assert simulator.process.wait(30) == 0, "it ends with its input"


def test_talking_unplugging_and_trouble(simulator: Simulator, tmp_path: Path) -> None:
    controls, hub = NotedControls(), Hub()
    face = SerialLine(SerialSettings(tmp_path / "serial", heartbeat_s=0), controls, hub)
    simulator.shows("state idle")
    hub.publish("state", state="listening", previous="idle")
    simulator.shows("state listening")
    simulator.type("mute")
    simulator.shows("ok mute")
    simulator.type("!unplug")
    eventually(lambda: not (tmp_path / "serial").is_symlink())
    simulator.type("!plug")
    eventually(lambda: face.opened == 2, seconds=30)
    simulator.type("!garbage")
    simulator.type("!flood")
    eventually(lambda: face.ignored, seconds=30)
    eventually(lambda: (simulator.type("ping 5"), "pong 5" in simulator.said.read_text())[1], seconds=30)
    face.close()
    assert controls.calls == [("mute", "user")]
