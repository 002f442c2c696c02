"""From exec to READY: processor time and wall clock, of each process of the service.

    .venv/bin/python bench/bench_start.py [--rounds 5] [--against CHECKOUT]

``rtva run`` with its default configuration but for the devices, in a home of its own that holds the weights. The first
start, with nothing kept, is told apart from those behind it. ``--against`` names another checkout with a ``.venv`` of
its own: both are started in turns. Processor time, user and system, is that of ``/proc/PID/stat`` when READY=1 comes:
a busy machine changes it little, and the wall clock a lot.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_service import ASOUND, CONFIG, FEED, cpu_s, family
from measure import ROOT

PROCESSES = {"rtva-stt": "recognition", "rtva-tts": "voice"}


def name_of(pid: int) -> str:
    """The part a process is of, by the name that workers give themselves."""
    told = Path(f"/proc/{pid}/comm").read_text().strip()
    return PROCESSES.get(told, "service")


def start(tree: Path, home: Path) -> dict[str, float]:
    """Seconds by process, and of the wall clock, at READY."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.mkfifo(folder / "mic.fifo")
        (folder / "asound.conf").write_text(ASOUND.format(folder))
        (folder / "config.yaml").write_text(CONFIG.format(folder, "webrtc") + "workers: {mode: process}\n")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(folder / "notify"))
        notify.settimeout(300)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(folder / "notify"),
            "RUNTIME_DIRECTORY": name,
            "RTVA_HOME": str(home),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        feed = subprocess.Popen([sys.executable, str(FEED), str(folder / "mic.fifo"), str(folder / "orders")])
        began = time.monotonic()
        command = [str(tree / ".venv/bin/python"), "-m", "firmware_py", "run", "--config", str(folder / "config.yaml")]
        run = subprocess.Popen(command, env=environment, cwd=tree, stderr=subprocess.DEVNULL)
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
            found = {"wall clock": time.monotonic() - began}
            for pid in family(run.pid):
                found[name_of(pid)] = found.get(name_of(pid), 0.0) + cpu_s(pid)
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(120)
            feed.kill()
            feed.wait()
            notify.close()
    return found


def fresh_home(folder: Path) -> Path:
    """The weights alone, as links."""
    from firmware_py import models

    folder.mkdir()
    (folder / "models").symlink_to(models.home() / "models")
    return folder


def told(name: str, starts: list[dict[str, float]]) -> None:
    parts = ("service", "recognition", "voice", "wall clock")
    row = [statistics.median(each.get(part, 0.0) for each in starts) for part in parts]
    print(f"| {name} | {len(starts)} | " + " | ".join(f"{seconds:.2f}" for seconds in row) + " |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="another checkout, started in turns with this one")
    args = parser.parse_args()
    trees = {"this": ROOT} | ({"the other": args.against.resolve()} if args.against else {})
    with tempfile.TemporaryDirectory() as name:
        homes = {tree: fresh_home(Path(name) / tree.replace(" ", "-")) for tree in trees}
        starts: dict[str, list[dict[str, float]]] = {tree: [] for tree in trees}
        for _ in range(args.rounds + 1):
            for tree, path in trees.items():
                starts[tree].append(start(path, homes[tree]))
    print("| checkout | starts | service s | recognition s | voice s | wall clock s |\n|---|---|---|---|---|---|")
    for tree, found in starts.items():
        told(f"{tree}, first", found[:1])
        told(f"{tree}, later", found[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main())
