"""A measured thing in a process of its own: its memory is its own, and several can be asked in turn.

``Cell(make, *arguments)``: ``make`` is a function of a module; it returns what answers a question. Timings are taken in
the cell's process, so the way there and back is not in them.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

MB = 1024 * 1024


class Answer(NamedTuple):
    """What came back, the time it took, and the processor time of all threads of the process, in milliseconds.

    Other work on the machine stretches the first; the second it leaves nearly alone.
    """

    value: Any
    ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Memory:
    """Resident memory in MB: of the process at all, and what of it came with loading and work."""

    total_mb: float
    own_mb: float


class Cell:
    """Close it, or use it as a context manager. ``load_ms`` is the time of ``make``."""

    def __init__(self, make: Callable[..., Callable[[Any], Any]], *arguments: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        self.load_ms = float(self._receive())

    def ask(self, question: Any) -> Answer:
        self._pipe.send(question)
        return Answer(*self._receive())

    def memory(self) -> Memory:
        self._pipe.send(_MEMORY)
        total, before = self._receive()
        return Memory(total / MB, (total - before) / MB)

    def close(self) -> None:
        self._pipe.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()

    def __enter__(self) -> Cell:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _receive(self) -> Any:
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


_MEMORY = "__memory__"


def _serve(pipe: Connection, make: Callable[..., Callable[[Any], Any]], arguments: tuple[Any, ...]) -> None:
    before, started = resident_bytes(), time.perf_counter()
    try:
        answer = make(*arguments)
    except Exception as error:
        pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
        return
    pipe.send((time.perf_counter() - started) * 1000)
    while True:
        try:
            question = pipe.recv()
        except EOFError:
            return
        if question == _MEMORY:
            pipe.send((resident_bytes(), before))
            continue
        started, busy = time.perf_counter(), time.process_time()
        try:
            value: Any = answer(question)
        except Exception as error:
            pipe.send(RuntimeError(f"{type(error).__name__}: {error}"))
            continue
        pipe.send((value, (time.perf_counter() - started) * 1000, (time.process_time() - busy) * 1000))


def resident_bytes() -> int:
    """Of this process (``/proc/self/statm``, second field, in pages)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
