"""What the tests of the workers share: fake engines in a worker, and a watch that nothing is left behind."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from firmware_py import backends
from firmware_py.worker.deadlines import Deadlines
from firmware_py.workers import Rules, SupervisedStt, SupervisedTts, in_worker

ENGINES = {
    "stt": "fake_engines:EchoStt",
    "tts": "fake_engines:CountTts",
    "other": "fake_engines:EchoStt",
    "llama": "fake_engines:WrittenText",
}
QUICK = Rules(deadlines=Deadlines(load_s=20.0, begin_s=0.5, work_s=0.5))
PATIENT = Rules(deadlines=Deadlines(load_s=20.0, begin_s=60.0, work_s=60.0))
"""For what must end by itself: a deadline that strikes would hide that it does not."""


@contextmanager
def fake(kind: str, rules: Rules = PATIENT, **arguments: Any) -> Iterator[Any]:
    """A fake engine of ``kind`` in a worker; at the end no process, descriptor or thread of it may be left."""
    known = backends.BACKENDS.setdefault(kind, {})
    known["fake"] = ENGINES[kind]
    try:
        with no_leaks():
            engine = in_worker(kind, "fake", arguments, rules)
            eventually(
                lambda: kind == "llama" or engine.supervisor.snapshot()["standby"] is not None
            )  # so that another watch may begin
            try:
                yield engine
            finally:
                engine.close()
    finally:
        del known["fake"]
        if not known:
            del backends.BACKENDS[kind]


def stt(rules: Rules = PATIENT, **arguments: Any) -> Any:
    """A context that gives a :class:`SupervisedStt` on the fake engine."""
    assert SupervisedStt.transcribe
    return fake("stt", rules, **arguments)


def text(rules: Rules = PATIENT, **arguments: Any) -> Any:
    """A context that gives a :class:`SupervisedText` on the fake engine."""
    return fake("llama", rules, **arguments)


def tts(rules: Rules = PATIENT, **arguments: Any) -> Any:
    """A context that gives a :class:`SupervisedTts` on the fake engine."""
    assert SupervisedTts.synthesize
    return fake("tts", rules, **arguments)


@contextmanager
def no_leaks() -> Iterator[None]:
    """Fails when descriptors or child processes, zombies among them, are more at the end than at the beginning."""
    gc.collect()
    files, processes = descriptors(), children()
    yield
    gc.collect()
    eventually(
        lambda: len(descriptors()) <= len(files) and len(children()) <= len(processes),
        f"left: {files} {processes} -> {descriptors()} {children()}",
    )


def descriptors() -> list[str]:
    """What this process has open."""
    found = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder itself
            found.append(str(fd.readlink()))
    return sorted(found)


def children() -> list[int]:
    """Direct children of this process, zombies included."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return sorted(found)


def eventually(fact: Callable[[], bool], what: str = "it never came true", within_s: float = 20.0) -> None:
    """Waits for a fact about another process or thread; the time is a bound for a broken machine, not a claim."""
    until = time.monotonic() + within_s
    while not fact():
        assert time.monotonic() < until, what
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
