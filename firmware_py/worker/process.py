"""One worker process as the service sees it: started, spoken to, killed, buried."""

from __future__ import annotations

import contextlib
import enum
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from firmware_py.worker.arena import Arena
from firmware_py.worker.channel import Channel, ChannelBroken, ChannelClosed
from firmware_py.worker.child import BOOT
from firmware_py.worker.job import Job

LAST_WORDS = 300
SEND_S = 1.0
"""A request is smaller than the socket's buffer, so only a worker that reads nothing can make it wait."""

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Stage(enum.Enum):
    """A worker's life. A caller owns it while it is BUSY, the supervisor at all other times."""

    STARTING = "starting"
    IMPORTED = "imported"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    DRAINING = "draining"
    DEAD = "dead"


class WorkerGone(Exception):
    """The worker can serve nobody any more; the message says why. ``is_overdue``: it lives, but takes too long."""

    def __init__(self, why: str, *, is_overdue: bool = False) -> None:
        super().__init__(why)
        self.is_overdue = is_overdue


class Worker:
    """Starting it is cheap for the service: ``vfork``, so nothing of its memory is copied.

    Must be made by a thread that outlives the process (see PR_SET_PDEATHSIG in :mod:`firmware_py.worker.settle`).
    """

    def __init__(self, job: Job) -> None:
        self.stage = Stage.STARTING
        self.since = time.monotonic()
        self.due_at = float("inf")
        self.ready_at: float | None = None
        self.load_ms = 0.0
        self.methods: tuple[str, ...] = ()
        self.attributes: dict[str, Any] = {}
        self.has_hung_up = self.is_dismissed = False
        self.cpu_s = 0.0
        self.epitaph = ""
        self.arena = Arena()
        self._numbers = itertools.count()
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        # Not blocking: what a library prints past the 64 KiB of a pipe is dropped, and never waited for.
        self._stderr, stderr = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._process = self._spawn(job, theirs, stderr)
        except OSError:
            self.close()
            raise
        finally:
            theirs.close()
            os.close(stderr)

    def _spawn(self, job: Job, channel: socket.socket, stderr: int) -> subprocess.Popen[bytes]:
        inherited = channel.fileno(), self.arena.fd
        command = [":".join(map(str, sys.path)), f"rtva-{job.kind}", str(os.getpid()), *map(str, inherited)]
        # close_fds: a native library may hold the sound card in a descriptor that is not close-on-exec.
        return subprocess.Popen(
            [sys.executable, "-c", BOOT, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            pass_fds=inherited,
            close_fds=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def next_number(self) -> int:
        """A number for a request; answers that carry an older one are late and dropped."""
        return next(self._numbers)

    def send(self, message: dict[str, Any]) -> None:
        """Raises WorkerGone."""
        try:
            self.channel.send(message, SEND_S)
        except ChannelClosed as error:
            raise WorkerGone("it died") from error
        except ChannelBroken as error:
            raise WorkerGone(str(error), is_overdue=True) from error

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message or None. Raises WorkerGone."""
        try:
            return self.channel.receive(timeout_s)
        except ChannelClosed as error:
            raise WorkerGone("it died") from error
        except ChannelBroken as error:
            raise WorkerGone(str(error)) from error

    def end(self, why: str) -> None:
        """SIGKILL, which also ends a process that is stopped. Call it once; ``why`` opens the epitaph."""
        fields = _proc(self.pid, "stat").rpartition(")")[2].split()
        self.cpu_s = (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0
        self.epitaph = why
        os.kill(self.pid, signal.SIGKILL)  # nobody has reaped it, so the number is still its own

    def reap(self, timeout_s: float = 0.0) -> bool:
        """True once the kernel has taken the process down; then :attr:`epitaph` says how it ended."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        words = " ".join(self._last_words().split())[-LAST_WORDS:]
        self.epitaph = "; ".join(part for part in (self.epitaph, _manner(code), words) if part)
        return True

    def close(self) -> None:
        """Gives back the memory and the descriptors. Only for who owns it; safe to call twice."""
        self.channel.close()
        self.arena.close()
        if self._stderr >= 0:
            os.close(self._stderr)
            self._stderr = -1

    def rss_bytes(self) -> int:
        """Resident memory, 0 once it is gone."""
        fields = _proc(self.pid, "statm").split()
        return int(fields[1]) * _PAGE if fields else 0

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return os.read(self._stderr, 1 << 16).decode(errors="replace")
        return ""


def _manner(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
