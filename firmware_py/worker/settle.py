"""How a worker behaves towards the rest of the machine. Nothing here may fail: what is refused is left out."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

NICE = 5
OOM_SCORE = 500
DISPENSABLE = {"rtva-llama": (10, 800)}
"""Processes without which every command still works: later than the others, and the first to die of them."""
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""A terminal's Ctrl-C and systemd's stop reach the whole group; the service decides when its workers end."""


def settle(name: str, parent: int) -> None:
    """Ties this process to ``parent``, puts it behind capture, and makes it the first to go when memory runs out.

    ``name`` is what ``ps`` and ``top`` show, 15 letters at most.
    """
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    # PR_SET_PDEATHSIG fires when the *thread* that started us ends, so a thread that lives as long as the
    # supervisor must do that. It also ends a worker that is stopped or holds the interpreter.
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    _prctl(PR_SET_NAME, ctypes.create_string_buffer(name[:15].encode()))
    nice, oom_score = DISPENSABLE.get(name, (NICE, OOM_SCORE))
    for measure in (lambda: _die_first(oom_score), lambda: _yield_to_capture(nice), _leave_no_core):
        _attempt(measure)


def _attempt(measure: Callable[[], object]) -> None:
    with contextlib.suppress(OSError, ValueError):
        measure()


def _die_first(score: int) -> None:
    own = Path("/proc/self/oom_score_adj")
    own.write_text(str(max(score, int(own.read_text()))))


def _yield_to_capture(nice: int) -> None:
    os.nice(nice)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # never preempts a thread that wakes up


def _leave_no_core() -> None:
    """A core file would hold what was said in the room, and its writing would delay the take-over."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _prctl(option: int, argument: object) -> None:
    ctypes.CDLL(None).prctl(option, argument, 0, 0, 0)
