"""The service while nobody speaks: processor time and memory, of it and its workers.

    .venv/bin/python bench/bench_service.py [--quick] [--json FILE]

``rtva run`` with its default configuration but for the devices: alsa-lib's ``file`` plugin, whose microphone is a
FIFO that ``deploy/system-test/feed.py`` fills with silence at the pace of time. Once what a start brings is over it
is watched for 60 s (15 s with ``--quick``). Processor time is user and system of all its processes, from
``/proc/PID/stat``; memory is PSS (shared pages divided among those that share them) from ``/proc/PID/smaps_rollup``,
stand-bys left out and told beside it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arguments import part_parser, run_part
from measure import ROOT, Part, Row

FEED = ROOT / "deploy" / "system-test" / "feed.py"
ASOUND = """\
pcm.mic {{ type file slave.pcm {{ type null }} file /dev/null infile {0}/mic.fifo format raw }}
pcm.speaker {{ type file slave.pcm {{ type null }} file /dev/null format raw }}
pcm.null {{ type null }}
"""
CONFIG = """\
audio: {{input: {{device: mic}}, output: {{device: speaker}}}}
status: {{socket: {0}/control.sock}}
vad: {{engine: {1}}}
"""
TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def service(folder: Path, vad: str) -> Iterator[int]:
    """The running service's process id, once it has told that it is ready."""
    os.mkfifo(folder / "mic.fifo")
    (folder / "asound.conf").write_text(ASOUND.format(folder))
    (folder / "config.yaml").write_text(CONFIG.format(folder, vad))
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(folder / "notify"))
    notify.settimeout(180)
    environment = {
        **os.environ,
        "NOTIFY_SOCKET": str(folder / "notify"),
        "RUNTIME_DIRECTORY": str(folder),
        "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
    }
    feed = subprocess.Popen([sys.executable, str(FEED), str(folder / "mic.fifo"), str(folder / "orders")])
    command = [sys.executable, "-m", "firmware_py", "run", "--config", str(folder / "config.yaml")]
    run = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        while b"READY=1" not in notify.recv(4096):
            pass
        yield run.pid
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(60)
        feed.kill()
        feed.wait()
        notify.close()


def standbys(folder: Path) -> set[int]:
    """The process ids of the workers that only stand by, as the service's own status tells them."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "control.sock"))
        connection.sendall(b'{"command": "status", "argument": ""}\n')
        status = json.loads(connection.makefile().readline())
    return {int(worker["standby_pid"]) for worker in status["workers"] if worker.get("standby_pid")}


def settle(pid: int, seconds: float = 120.0) -> None:
    """Waits until what a start brings (stand-bys, phrases rendered ahead) is done: 5 s below 6 % of a core."""
    until, last = time.monotonic() + seconds, sum(map(cpu_s, family(pid)))
    while time.monotonic() < until:
        time.sleep(5.0)
        now = sum(map(cpu_s, family(pid)))
        if 0 <= now - last < 0.3:
            return
        last = now


def watch(vad: str, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, service(Path(name), vad) as pid:
        settle(pid)
        before = {one: cpu_s(one) for one in family(pid)}
        began = time.monotonic()
        time.sleep(seconds)
        passed = time.monotonic() - began
        spent = {one: cpu_s(one) - before[one] for one in family(pid) if one in before}
        waiting = standbys(Path(name))
        memory = {one: pss_mb(one) for one in family(pid)}
    return {
        "cpu": sum(spent.values()) / passed,
        "cpu_service": spent[pid] / passed,
        "pss_mb": sum(mb for one, mb in memory.items() if one not in waiting),
        "pss_standby_mb": sum(mb for one, mb in memory.items() if one in waiting),
        "processes": len(memory),
        "standbys": len(waiting),
    }


def measure(quick: bool, threads: int, scratch: Path) -> Part:
    part = Part("service", "rtva run on silence at the pace of time, default configuration, tiny.en int8 and Piper")
    for vad in ("silero",) if quick else ("silero", "webrtc"):
        found = watch(vad, 15.0 if quick else 60.0)
        part.data[vad] = found
        guard = f"{found['processes']} processes, {found['standbys']} of them stand by"
        figure = f"{found['cpu']:.1%} of a core (the service alone {found['cpu_service']:.1%})"
        part.rows.append(
            Row(f"listening, nobody speaking ({vad})", "<= 3 % of a core", figure, found["cpu"] <= 0.03, guard)
        )
        memory = f"{found['pss_mb']:.0f} MB; stand-bys {found['pss_standby_mb']:.0f} MB more"
        title = f"PSS of the service and its workers ({vad})"
        part.rows.append(Row(title, "< 450 MB without stand-bys", memory, found["pss_mb"] < 450, guard))
    return part


if __name__ == "__main__":
    run_part(part_parser(__doc__).parse_args(), measure)
