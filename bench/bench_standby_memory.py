"""What the stand-bys of the default configuration hold, and how long giving them up takes (PSS of all workers).

``python bench/bench_standby_memory.py``: the governor's step "no stand-bys", with the real engines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from firmware_py import app
from firmware_py.config import Config
from firmware_py.pipeline import VoicePipeline
from firmware_py.workers import WorkerPool

WAIT_S = 120.0


def pss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def workers_mib(pool: WorkerPool) -> tuple[float, float]:
    """Of the active workers, of the stand-bys."""
    told = pool.snapshot()
    active = sum(pss_mib(each["pid"]) for each in told if each["pid"])
    return active, sum(pss_mib(each["standby_pid"]) for each in told if each["standby_pid"])


def seconds_until(happens: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not happens():
        if time.monotonic() - started > WAIT_S:
            raise TimeoutError("it did not happen")
        time.sleep(0.01)
    return time.monotonic() - started


def main() -> None:
    config = Config.default()
    pool = app.worker_pool(config)
    assert pool is not None
    with pool, VoicePipeline(config, make_engine=pool.make, leaves_core=True) as pipeline:
        pipeline.initialize_components()
        pool.let_stand_by()
        seconds_until(lambda: all(each["standby"] == "imported" for each in pool.snapshot()))
        time.sleep(1.0)
        before = workers_mib(pool)
        pids = [each["standby_pid"] for each in pool.snapshot()]
        pool.hold_standbys()
        took_s = seconds_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
        after = workers_mib(pool)
        print(f"with stand-bys: {sum(before):.0f} MiB, of which they hold {before[1]:.0f}")
        print(f"without: {sum(after):.0f} MiB, {took_s * 1000:.0f} ms later")


if __name__ == "__main__":
    main()
