"""Engines for tests of the workers: quick ones, and ones that fail in every way a native engine can.

A worker imports them by the entry that the test registers in ``backends``; the contract test in
``test_workers_contract.py`` runs on the echo engines and on the real ones alike.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py.errors import BadInput, Cancelled
from firmware_py.events import Pcm16, ToolCall, Transcript

Check = Callable[[], bool]


class EchoStt:
    """Says how many samples it got and what they sum to; ``fault`` chooses what goes wrong in a call.

    ``once``: a file that is made when the fault strikes; while it exists, nothing goes wrong any more.
    ``load_while``: only while that file exists does ``load_fault`` strike.
    """

    def __init__(
        self,
        *,
        fault: str = "",
        once: Path | None = None,
        load_fault: str = "",
        load_while: Path | None = None,
        load_s: float = 0.0,
        note: str = "",
    ) -> None:
        self.calls = 0
        self._fault, self._once = fault, once
        time.sleep(load_s)
        if load_fault and (load_while is None or load_while.exists()):
            misbehave(load_fault)

    def warm(self) -> None:
        self.calls += 1

    def transcribe(self, audio: Any, *, is_cancelled: Check | None = None) -> Transcript:
        if self._fault and not (self._once and self._once.exists()):
            if self._once:
                self._once.touch()
            misbehave(self._fault, is_cancelled)
        return Transcript(
            f"{audio.dtype} {audio.size} {float(audio.astype(np.float64).sum()):.3f}", 0.5, guards=("a", "b")
        )

    def how_warm(self) -> int:
        return self.calls

    def pid(self) -> int:
        return os.getpid()

    def manners(self) -> dict[str, Any]:
        """What the worker's process did to itself."""
        return {
            "nice": os.nice(0),
            "policy": os.sched_getscheduler(0),
            "oom": int(Path("/proc/self/oom_score_adj").read_text()),
            "fds": sorted(str(p.readlink()) for p in Path("/proc/self/fd").iterdir() if p.is_symlink()),
            "ignored": [signal.getsignal(s) is signal.SIG_IGN for s in (signal.SIGINT, signal.SIGTERM)],
            "name": Path("/proc/self/comm").read_text().strip(),
        }

    def give_back(self, value: Any) -> Any:
        return value

    def chatter(self, lines: int) -> None:
        for n in range(lines):
            os.write(1, b"line %d on stdout\n" % n)
            try:
                os.write(2, b"line %d on stderr\n" % n)
            except BlockingIOError:
                pass

    def close(self) -> None:
        pass


class CountTts:
    """Yields ``chunks`` chunks of consecutive numbers, ``samples`` each; ``fault`` strikes before chunk ``at``."""

    rate_hz = 22_050

    def __init__(
        self, *, chunks: int = 5, samples: int = 1000, fault: str = "", at: int = 2, once: Path | None = None
    ) -> None:
        self._chunks, self._samples = chunks, samples
        self._fault, self._at, self._once = fault, at, once
        self.made = 0

    def synthesize(self, text: str) -> Iterator[Pcm16]:
        self.made = 0
        for n in range(self._chunks if text else 0):
            if self._fault and n == self._at and not (self._once and self._once.exists()):
                if self._once:
                    self._once.touch()
                misbehave(self._fault)
            self.made += 1
            yield (np.arange(n * self._samples, (n + 1) * self._samples) % 30_000).astype(np.int16)

    def how_many(self) -> int:
        return self.made

    def close(self) -> None:
        pass


class WrittenText:
    """Writes ``said`` word by word; ``fault`` strikes before word ``at``, ``once`` as in :class:`EchoStt`. The name of
    each tool that it is offered comes back as a call of it."""

    def __init__(
        self, *, said: str = "Yes.", fault: str = "", at: int = 0, once: Path | None = None, load_fault: str = ""
    ) -> None:
        self._said, self._fault, self._at, self._once = said, fault, at, once
        if load_fault:
            misbehave(load_fault)

    def pieces(self, messages: Any, tools: Any = (), *, is_cancelled: Check | None = None) -> Iterator[str | ToolCall]:
        for n, word in enumerate(self._said.format(question=messages[-1]["content"]).split(" ")):
            if self._fault and n == self._at and not (self._once and self._once.exists()):
                if self._once:
                    self._once.touch()
                misbehave(self._fault, is_cancelled)
            yield word if not n else f" {word}"
        for tool in tools:
            yield ToolCall(tool["function"]["name"])

    def manners(self) -> dict[str, Any]:
        return {"nice": os.nice(0), "oom": int(Path("/proc/self/oom_score_adj").read_text()), "pid": os.getpid()}

    def close(self) -> None:
        pass


def misbehave(fault: str, is_cancelled: Check | None = None) -> None:
    """One way to go wrong."""
    FAULTS[fault](is_cancelled)


def _bad_input(check: Check | None) -> None:
    raise BadInput("these samples are no good")


def _value_error(check: Check | None) -> None:
    raise ValueError("a plain mistake")


def _foreign_error(check: Check | None) -> None:
    raise type("NativeTrouble", (Exception,), {})("error 7")


def _out_of_memory(check: Check | None) -> None:
    raise MemoryError("cannot allocate 3 GB")


def _last_words(check: Check | None) -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def _slow_but_polite(check: Check | None) -> None:
    for _ in range(1000):
        if check is not None and check():
            raise Cancelled("as asked")
        time.sleep(0.005)


FAULTS: dict[str, Callable[[Check | None], Any]] = {
    "sigkill": lambda check: os.kill(os.getpid(), signal.SIGKILL),
    "sigstop": lambda check: os.kill(os.getpid(), signal.SIGSTOP),
    "segfault": lambda check: ctypes.string_at(0),
    "exit": lambda check: os._exit(3),
    "abort": _last_words,
    "hang": lambda check: time.sleep(3600),
    "hang_with_gil": lambda check: ctypes.PyDLL(None).sleep(3600),
    "out_of_memory": _out_of_memory,
    "bad_input": _bad_input,
    "value_error": _value_error,
    "foreign_error": _foreign_error,
    "slow": _slow_but_polite,
}
