"""What a service that cannot start costs: the unit's command again and again, as ``Restart=always`` does it.

``python bench/restart_storm.py weights|socket|speaker [--minutes 4] [--failures 9]``: its weights are missing, its
control socket belongs to another rtva, or it has no loudspeaker and does not wait for one. ``--failures`` is how many
starts failed before, 9: the back-off is at its end, as it is after two minutes.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from firmware_py import models

ROOT = Path(__file__).resolve().parent.parent
RESTART_S = 0.25
"""RestartSec of the unit."""
CASES = ("weights", "socket", "speaker")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--failures", type=int, default=9)
    parser.add_argument("--cost-s", type=float, default=0.0, help="what the last of those cost")
    options = parser.parse_args()
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        command = _prepare(options.case, folder, parts)
        (folder / "restarts").write_text(f"{options.failures} {options.cost_s}")
        starts, started = 0, time.monotonic()
        until = started + 60 * options.minutes
        while (left_s := until - time.monotonic()) > 0:
            starts += 1
            _run(command, folder, left_s)
            time.sleep(RESTART_S)
        passed_s = time.monotonic() - started
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = spent.ru_utime + spent.ru_stime
    print(f"{options.case}: {starts} starts in {passed_s:.0f} s took {cpu_s:.2f} s of a core: {cpu_s / passed_s:.2%}")


def _prepare(case: str, folder: Path, parts: ExitStack) -> list[str]:
    """The command that fails so."""
    (folder / "home").mkdir()
    if case != "weights":
        (folder / "home" / "models").symlink_to(models.home() / "models")
    if case == "socket":
        other = parts.enter_context(socket.socket(socket.AF_UNIX))
        other.bind(str(folder / "control.sock"))
        other.listen()
    device = "hw:NoSuchCard" if case == "speaker" else "null"
    (folder / "config.yaml").write_text(f"audio: {{input: {{device: 'null'}}, output: {{device: '{device}'}}}}\n")
    waits = [] if case == "speaker" else ["--wait"]
    return [sys.executable, "-m", "firmware_py", "run", *waits, "--config", str(folder / "config.yaml")]


def _run(command: list[str], folder: Path, most_s: float) -> None:
    environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder), "RTVA_HOME": str(folder / "home")}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL) as service:
        try:
            service.wait(most_s)
        except subprocess.TimeoutExpired:
            service.terminate()


if __name__ == "__main__":
    main()
