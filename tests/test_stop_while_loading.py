"""Told to stop while engines are loaded: the service ends, however long loading would take."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from status_lab import eventually
from test_service_run import Running, folder  # noqa: F401
from workers_lab import ENGINES, no_leaks

from firmware_py import backends
from firmware_py.errors import Unavailable
from firmware_py.service.waits import EXTEND_S, Waits
from firmware_py.status.board import Board
from firmware_py.status.hub import Hub
from firmware_py.status.notify import Notifier
from firmware_py.worker.deadlines import Deadlines
from firmware_py.workers import Rules, WorkerPool


def children(pid: int) -> list[int]:
    return [int(n) for file in Path(f"/proc/{pid}/task").glob("*/children") for n in file.read_text().split()]


def is_worker(pid: int) -> bool:
    """Whether it runs a program of its own: one that is stopped between fork and exec holds its parent."""
    try:
        return b"firmware_py.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_pool_that_is_closed_ends_what_is_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backends.BACKENDS["stt"], "fake", ENGINES["stt"])
    with no_leaks():
        pool, raised = WorkerPool(Rules("none", Deadlines(load_s=600.0))), []

        def make() -> None:
            try:
                pool.make("stt", "fake", {})
            except Unavailable as error:
                raised.append(str(error))

        before = set(children(os.getpid()))
        thread = threading.Thread(target=make)
        thread.start()
        found = eventually(lambda: {pid for pid in set(children(os.getpid())) - before if is_worker(pid)}, "a worker")
        for pid in found:
            os.kill(pid, signal.SIGSTOP)
        pool.close()
        thread.join(30)
        assert raised == ["stt engine fake is closed"] or not thread.is_alive()
        with pytest.raises(Unavailable, match="is closed"):
            pool.make("stt", "fake", {})


def test_systemd_is_asked_for_time_while_it_loads_and_no_longer_than_that_may_take() -> None:
    told: list[float] = []
    notifier = Notifier("", 0)
    notifier.extend = told.append  # type: ignore[method-assign]
    stopping, given_up = threading.Event(), threading.Event()
    waits = Waits(Board(Hub()), notifier, stopping)
    with waits.loading(60.0, given_up.set):
        eventually(lambda: told == [EXTEND_S] * len(told) and len(told) > 1, "time")
    assert not given_up.is_set()
    told.clear()
    with waits.loading(0.0, given_up.set):
        time.sleep(0.3)
        assert told == []
        stopping.set()
        eventually(given_up.is_set, "it is given up")


def test_a_service_that_loads_ends_when_it_is_told_to(folder: Path) -> None:  # noqa: F811
    running = Running(folder)  # its deadline for loading is half an hour
    stopped: list[int] = []

    def stop_workers() -> bool:
        for pid in children(running.process.pid):
            if is_worker(pid) and pid not in stopped:
                os.kill(pid, signal.SIGSTOP)
                stopped.append(pid)
        return len(stopped) >= 2

    eventually(stop_workers, "two workers that are being loaded", 120)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert running.process.stderr is not None and "rtva: " not in running.process.stderr.read().replace(
        "rtva: INFO", ""
    )
    assert (folder / "restarts").read_text().startswith("0"), "an orderly stop is no failed start"
    assert not any(Path(f"/proc/{pid}").exists() for pid in stopped)
