"""A fixed program with arguments: never a shell, nothing on its stdin, an environment of its own, killed when late."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from firmware_py.actions.kinds import ActionFailed

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


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
    try:
        _, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _end(process)
        raise ActionFailed(f"program {program}: not done within {timeout_s:g} s, killed") from None
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or [""]
        raise ActionFailed(f"program {program}: exit code {process.returncode} {last[0][:200]}".rstrip())


def _end(process: subprocess.Popen[bytes]) -> None:
    """The program and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stderr is not None:
        process.stderr.close()
    process.wait()
