"""The whole walk on real engines in workers: a worker that is killed in mid-turn costs that turn a retry."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from workers_lab import PATIENT, no_leaks

from firmware_py.app import replay
from firmware_py.pipeline import VoicePipeline
from firmware_py.worker.supervisor import Supervisor
from firmware_py.workers import WorkerPool


def strike(supervisor: Supervisor, number: signal.Signals, is_over: threading.Event) -> None:
    """Sends a signal to the worker as soon as it is at work."""
    while not is_over.wait(0.001):
        snapshot = supervisor.snapshot()
        if snapshot["state"] == "busy" and snapshot["pid"]:
            os.kill(snapshot["pid"], number)
            return


@pytest.mark.parametrize("kind", ["stt", "tts"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=lambda s: s.name)
def test_a_turn_survives_its_worker(kind: str, number: signal.Signals, weights: Path, recordings: Path) -> None:
    with no_leaks(), WorkerPool(PATIENT) as pool, VoicePipeline(make_engine=pool.make) as pipeline:
        engines = {"stt": pipeline.stt, "tts": pipeline.voice}
        supervisor: Supervisor = engines[kind].supervisor  # type: ignore[attr-defined]
        is_over = threading.Event()
        striker = threading.Thread(target=strike, args=(supervisor, number, is_over))
        striker.start()
        (answer,) = replay(pipeline, recordings / "commands" / "what_time_is_it.wav")
        is_over.set()
        striker.join()
        assert supervisor.counts["crashed"] == 1 and supervisor.counts["retries"] in ((1,) if kind == "stt" else (0, 1))
        assert answer.trace.intent == "time" and answer.trace.error is None
        assert sum(chunk.size for chunk in answer.chunks) > answer.rate_hz
