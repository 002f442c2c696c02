"""A fixed program with arguments: never a shell, nothing on its stdin, an environment of its own, killed when late."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from typing import Any

from firmware_py.actions.kinds import ActionFailed

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
KEPT_BYTES, PIPE_BYTES = 4096, 65536


def perform(arguments: Mapping[str, Any], timeout_s: float) -> None:
    """An argument that came out empty is left out. Raises ActionFailed."""
    program, *rest = (str(part) for part in arguments["run"])
    command = [program, *(part for part in rest if part)]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ActionFailed(f"program {program}: {error}") from error
    errors = _wait(process, timeout_s)
    if errors is None:
        _end(process)
        raise ActionFailed(f"program {program}: not done within {timeout_s:g} s, killed")
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise ActionFailed(f"program {program}: exit code {process.returncode} {last[0][:200]}".rstrip())


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> bytes | None:
    """The end of what it wrote to stderr, once it is over; None when it takes too long.

    Its own end counts and not that of what it leaves running; however much it writes, :data:`KEPT_BYTES` are kept.
    """
    assert process.stderr is not None
    number, kept = process.stderr.fileno(), b""
    os.set_blocking(number, False)
    until_s = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector, process.stderr:
        ended = os.pidfd_open(process.pid)
        try:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(number, selectors.EVENT_READ)
            while process.poll() is None:
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return None
                ready = {key.fd for key, _ in selector.select(left_s)}
                if number in ready and not (some := _read(number)):
                    selector.unregister(number)
                elif number in ready:
                    kept = (kept + some)[-KEPT_BYTES:]
            return (kept + _read(number))[-KEPT_BYTES:]
        finally:
            os.close(ended)


def _read(number: int) -> bytes:
    """What is there, b"" for nothing."""
    try:
        return os.read(number, PIPE_BYTES)
    except BlockingIOError:
        return b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
