"""What a worker costs beside the engine in this process: start, take-over, the way there and back, memory.

    .venv/bin/python bench/bench_workers.py [--json FILE] [--rounds 40]

Wall-clock times; medians and the 95th percentile, because other programs share the machine. Overhead of a call is its
time at the proxy less what the engine took by its own process's clock. Memory is PSS (what would be free if the
process were gone, shared pages divided), from ``/proc/PID/smaps_rollup``. Gap: the longest that a thread of the
service, waking every millisecond, had to wait while the worker was started, used and killed, beside the same thread
with nothing going on.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from firmware_py import backends, models  # noqa: E402
from firmware_py.audio.recording import load  # noqa: E402
from firmware_py.events import RATE_HZ  # noqa: E402
from firmware_py.workers import Deadlines, Rules, in_worker  # noqa: E402

TEXT = "It is ten past nine."
RECORDINGS = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech"))
SPEECH = load(RECORDINGS / "jfk.wav") if (RECORDINGS / "jfk.wav").is_file() else np.full(RATE_HZ, 7, np.int16)
backends.BACKENDS["stt"]["echo"] = "fake_engines:EchoStt"


def engines() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Label -> kind, name, arguments."""
    voice = models.resolve_voice("en_US-joe-medium")
    return {
        "no engine": ("stt", "echo", {}),
        "whisper tiny.en": ("stt", "whisper_cpp", {"model": models.resolve_stt("tiny.en", "int8").path}),
        "piper joe": ("tts", "piper", {"onnx": voice.onnx, "config": voice.config}),
    }


def rules(standby: str) -> Rules:
    return Rules(standby=standby, deadlines=Deadlines(scale=10.0), clock=_always_due())  # type: ignore[arg-type]


def _always_due() -> Callable[[], float]:
    """A clock for the back-off by which every start is due at once: here the kills are ours."""
    hours = iter(range(10**9))
    return lambda: next(hours) * 3600.0


def ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begun) / 1e6


def use(engine: Any, seconds: float) -> None:
    if hasattr(engine, "synthesize"):
        for _ in engine.synthesize(TEXT):
            pass
    else:
        engine.transcribe(np.resize(SPEECH, int(seconds * RATE_HZ)))


def wait_for(engine: Any, stage: str) -> None:
    while engine.supervisor.snapshot()["standby"] != stage:
        time.sleep(0.002)


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def longest_gap() -> Iterator[list[float]]:
    """The list holds, at the end, the longest wait in ms of a thread that wants to run every millisecond."""
    gaps, stop = [0.0], threading.Event()

    def tick() -> None:
        last = time.perf_counter_ns()
        while not stop.is_set():
            time.sleep(0.001)
            now = time.perf_counter_ns()
            gaps[0] = max(gaps[0], (now - last) / 1e6)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield gaps
    finally:
        stop.set()
        thread.join()


def start_and_take_over(label: str, standby: str, rounds: int) -> dict[str, Any]:
    kind, name, arguments = engines()[label]
    starts, loads, takes = [], [], []
    for _ in range(3):
        engine: list[Any] = []
        starts.append(ms(lambda into=engine: into.append(in_worker(kind, name, arguments, rules(standby)))))  # type: ignore[misc]
        loads.append(engine[0].supervisor.snapshot()["load_ms"])
        wait_for(engine[0], "ready" if standby == "warm" else "imported")
        for _ in range(rounds):
            usual = ms(lambda: use(engine[0], 1.0))  # noqa: B023
            wait_for(engine[0], "ready" if standby == "warm" else "imported")
            os.kill(engine[0].supervisor.snapshot()["pid"], signal.SIGKILL)
            takes.append(ms(lambda: use(engine[0], 1.0)) - usual)  # noqa: B023
            wait_for(engine[0], "ready" if standby == "warm" else "imported")
        engine[0].close()
    return {"start_ms": starts, "load_ms": loads, "take_over_ms": takes}


def overhead(label: str, rounds: int) -> dict[str, list[float]]:
    kind, name, arguments = engines()[label]
    found: dict[str, list[float]] = {}
    with in_worker(kind, name, arguments, rules("cold")) as engine:
        wait_for(engine, "imported")
        for seconds in (1.0, 3.0, 15.0) if kind == "stt" and name == "echo" else (3.0,):
            use(engine, seconds)
            times = [ms(lambda s=seconds: use(engine, s)) - engine.supervisor.engine_ms for _ in range(rounds)]  # type: ignore[misc]
            found[f"{seconds:g} s"] = times
    return found


def memory(standby: str) -> dict[str, float]:
    before = pss_mb(os.getpid())
    heard, said = (in_worker(*engines()[label], rules(standby)) for label in ("whisper tiny.en", "piper joe"))
    found = {"service before": before}
    for engine in (heard, said):
        wait_for(engine, "ready" if standby == "warm" else "imported")
        use(engine, 3.0)
    for label, engine in (("stt", heard), ("tts", said)):
        snapshot = engine.supervisor.snapshot()
        found[label], found[f"{label} stand-by"] = pss_mb(snapshot["pid"]), pss_mb(snapshot["standby_pid"])
    found["service"] = pss_mb(os.getpid())
    heard.close()
    said.close()
    return found


def gaps() -> dict[str, float]:
    with longest_gap() as idle:
        time.sleep(3.0)
    with longest_gap() as working, in_worker(*engines()["no engine"], rules("warm")) as engine:
        for _ in range(8):
            wait_for(engine, "ready")
            for _ in range(50):
                use(engine, 15.0)
            os.kill(engine.supervisor.snapshot()["pid"], signal.SIGKILL)
            use(engine, 15.0)
    return {"nothing going on": idle[0], "start, use, kill": working[0]}


def spread(values: list[float]) -> str:
    return f"{np.median(values):.2f} ({np.percentile(values, 95):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "workers.json")
    options = parser.parse_args()
    result: dict[str, Any] = {"load_average": os.getloadavg(), "gap_ms": gaps(), "start": {}, "overhead_ms": {}}
    print("longest gap of another thread, ms:", {k: round(v, 1) for k, v in result["gap_ms"].items()}, flush=True)
    for label in engines():
        result["overhead_ms"][label] = overhead(label, options.rounds if label != "no engine" else 500)
        for size, times in result["overhead_ms"][label].items():
            print(f"{label}, {size}: overhead of a call {spread(times)} ms", flush=True)
        for standby in ("cold", "warm"):
            found = start_and_take_over(label, standby, 5)
            result["start"][f"{label}, {standby}"] = found
            print(
                f"{label}, {standby} stand-by: " + ", ".join(f"{k} {spread(v)}" for k, v in found.items()), flush=True
            )
    for standby in ("cold", "warm"):
        result[f"pss_mb {standby}"] = memory(standby)
        print(f"PSS in MB, {standby}:", {k: round(v, 1) for k, v in result[f"pss_mb {standby}"].items()}, flush=True)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
