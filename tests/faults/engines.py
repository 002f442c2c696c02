"""Rows 7b, 15, 18 to 20, 22: the engines and the threads around them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from alsa_lab import Card
from workers_lab import fake

from faults import lab
from faults.lab import Row, Tally, in_time, row, seconds_until
from firmware_py.events import Kind, TurnEvent
from firmware_py.turn_queue import MOST_WAITING, TurnQueue
from firmware_py.worker.deadlines import Deadlines
from firmware_py.workers import Rules

ROWS: list[Row] = []
WARM = Rules("warm", Deadlines(load_s=20.0, begin_s=0.5, work_s=1.0))
SOUND = np.ones(1600, np.int16)
MEMORY = Path("/sys/fs/cgroup/memory")


def answered_s(engine: Any) -> float | None:
    """How long the next call took; None when it was not answered."""
    started = time.monotonic()
    with contextlib.suppress(Exception):
        if engine.transcribe(SOUND).text:
            return time.monotonic() - started
    return None


def ready(engine: Any) -> None:
    """Waits until a stand-by is loaded behind the active worker."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        snapshot = engine.supervisor.snapshot()
        if snapshot["state"] == "ready" and snapshot["standby"]:
            return
        time.sleep(0.01)


def fresh(count: int) -> Iterator[tuple[int, Any]]:
    """A number and an engine for each injection, another engine for every four: each death makes the wait for the next
    stand-by longer, up to 30 s, and that is not what is judged here."""
    for first in range(0, count, 4):
        with fake("stt", WARM) as engine:
            for number in range(first, min(first + 4, count)):
                yield number, engine


@contextlib.contextmanager
def small_memory(megabytes: int) -> Iterator[Path | None]:
    """A group whose processes may have so much memory; None where the kernel has no such controller (v1)."""
    group = MEMORY / f"rtva-faults-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(megabytes << 20))
    except OSError:
        yield None
        return
    try:
        yield group
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def out_of_memory(tally: Tally, count: int) -> None:
    own = int(Path("/proc/self/oom_score_adj").read_text())
    for _, engine in fresh(count):
        ready(engine)
        pid = engine.supervisor.snapshot()["pid"]
        dies_first = int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= own + 500 or own > 500
        with small_memory(8) as group:
            assert group is not None
            (group / "cgroup.procs").write_text(str(pid))
            supervisor = engine.supervisor
            before = supervisor.counts["crashed"]
            with contextlib.suppress(Exception):
                engine.transcribe(np.ones(4_000_000, np.float32))  # a copy of 32 MB, in the worker
            was_killed = seconds_until(lambda before=before, s=supervisor: s.counts["crashed"] > before, 3)  # type: ignore[misc]
            took = answered_s(engine)
        tally.add(dies_first and was_killed is not None and took is not None, took)


with small_memory(64) as _group:
    if _group is None:
        ROWS.append(Row("15", "out of memory", "the worker dies first", why_not="no memory controller of cgroup v1"))
    else:
        row(ROWS, "15", "out of memory (a group of 8 MiB)", "the worker dies, the call is answered by another")(
            out_of_memory
        )


@row(ROWS, "18", "recognition slower than people speak", "two wait, the oldest is shed with a reason, none in silence")
def slow(tally: Tally, count: int) -> None:
    queue, told = TurnQueue(), []
    queue.on_shed = lambda event, reason: told.append(reason)
    for number in range(count + MOST_WAITING):
        started = time.monotonic()
        queue.put(TurnEvent(Kind.ENDPOINT, number + 1, 0, 0, number + 1, 1, np.ones(16_000, np.int16)))
        if number >= MOST_WAITING:
            is_kept = queue.waiting() == MOST_WAITING and len(told) == queue.shed == number - MOST_WAITING + 1
            tally.add(is_kept and all(told), time.monotonic() - started)


@row(ROWS, "19", "an engine hangs (SIGSTOP)", "killed at its deadline, answered by the stand-by within 1 s of it")
def hang(tally: Tally, count: int) -> None:
    for _, engine in fresh(count):
        ready(engine)
        os.kill(engine.supervisor.snapshot()["pid"], signal.SIGSTOP)
        took = answered_s(engine)
        tally.add(in_time(took, WARM.deadlines.begin() + 1.0), took)


@row(ROWS, "19b", "an engine crashes (SIGKILL, SIGSEGV)", "answered by the stand-by within 1 s")
def crash(tally: Tally, count: int) -> None:
    for number, engine in fresh(count):
        ready(engine)
        pid = engine.supervisor.snapshot()["pid"]
        killer = threading.Timer(0.002 * (number % 3), os.kill, (pid, (signal.SIGKILL, signal.SIGSEGV)[number % 2]))
        killer.start()
        took = answered_s(engine)
        killer.join()
        took_2 = answered_s(engine)
        is_kept = took is not None and took_2 is not None
        tally.add(is_kept and in_time(max(took or 0, took_2 or 0), 1.0), max(took or 0, took_2 or 0))


@row(ROWS, "20", "noise that recognition makes up words for", "no text or a guard tripped, and no answer; never a loop")
def invention(tally: Tally, count: int) -> None:
    import tempfile

    from firmware_py.audio.wav import write_wav
    from firmware_py.config import from_text
    from firmware_py.fast_walk import replay
    from firmware_py.pipeline import VoicePipeline

    rng = np.random.default_rng(20)
    with (
        VoicePipeline(from_text("vad: {engine: webrtc}")) as pipeline,  # which takes noise for speech
        tempfile.TemporaryDirectory() as folder,
    ):
        heard = 0
        for number in range(count):
            noise = rng.standard_normal(16_000 * (2 + number % 4)) * (300, 1000, 3000)[number % 3]
            write_wav(Path(folder) / "noise.wav", 16_000, [noise.astype(np.int16)])
            started = time.monotonic()
            turns = [answer.trace for answer in replay(pipeline, Path(folder) / "noise.wav")]
            heard += len(turns)
            bad = [t for t in turns if (t.transcript and not t.guards) or t.reply]
            tally.add(not bad, time.monotonic() - started, "; ".join(f"heard {t.transcript!r}" for t in bad))
        tally.notes.append(f"{heard} utterances reached recognition")


WORD_SOUNDS = ("zeros", "one value", "a square at full scale", "hum of 50 Hz", "white noise")


@row(ROWS, "7b", "the same, hum and noise before a wake word, 15 minutes each time", "nobody is taken to have called")
def wakes(tally: Tally, count: int) -> None:
    from firmware_py import backends
    from firmware_py.errors import Unavailable

    try:
        engine = backends.load("wake", "micro")(["okay_nabu", "hey_jarvis", "hey_mycroft", "alexa"])
    except Unavailable as missing:
        tally.notes.append(f"not injected: {missing}")
        return
    at, rng = np.arange(16_000), np.random.default_rng(7)
    for number in range(count):
        kind = number % len(WORD_SOUNDS)
        second: Any = (
            np.zeros(16_000),
            np.full(16_000, 8000),
            np.where(at // 40 % 2, 32767, -32768),
            np.rint(6000 * np.sin(2 * np.pi * 50 * at / 16_000)),
            np.zeros(16_000),
        )[kind]
        called = 0
        for _ in range(15 * 60):
            sound = (rng.standard_normal(16_000) * 1500 if kind == 4 else second).astype(np.int16)
            for frame in sound.reshape(-1, 160):
                heard = engine.push(frame)
                called += heard is not None and not heard.is_near
        tally.add(called == 0, note=f"{called} calls in {WORD_SOUNDS[kind]}" * bool(called))
    engine.close()


def frozen(seconds: float, times: int) -> list[list[float]]:
    """In a process of its own: what a paced card lost while the interpreter was held, and what time says."""
    import ctypes

    from firmware_py._ring import Ring
    from firmware_py.audio.alsa import AlsaMicrophone
    from firmware_py.audio.capture import Capture

    capture = Capture(AlsaMicrophone("lab"), Ring(1 << 19))
    capture.start()
    time.sleep(0.5)
    found = []
    for _ in range(times):
        first = capture.frames_in + capture.lost, time.monotonic()
        lost = capture.lost
        ctypes.PyDLL(None).usleep(int(seconds * 1e6))
        time.sleep(0.3)
        missing = (time.monotonic() - first[1]) * 16_000 - (capture.frames_in + capture.lost - first[0])
        found.append([capture.lost - lost, missing])
    capture.stop()
    return found


def _frozen(tally: Tally, count: int, seconds: float, must_lose: bool) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        card = Card(Path(folder))
        card.hears(np.zeros(16_000 * 120, np.int16))
        for lost, missing in card.run(frozen, seconds, count, hw="paced"):
            tally.add(
                (lab.is_slack or (lost > 0) == must_lose) and in_time(abs(missing), 2048),
                note=f"missing {missing}" * (abs(missing) > 2048),
            )


@row(ROWS, "22", "the interpreter is held for 0.4 s", "no sample lost: the card's buffer has 0.5 s")
def held(tally: Tally, count: int) -> None:
    _frozen(tally, count, 0.4, must_lose=False)


@row(ROWS, "22b", "the interpreter is held for 1 s", "what is lost is counted to the sample's time")
def held_long(tally: Tally, count: int) -> None:
    _frozen(tally, count, 1.0, must_lose=True)
