"""Runs a few lines of Python in a process of its own: what native code prints or breaks there stays there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

TIMEOUT_S = 2.0


class ProbeError(Exception):
    """The probe crashed, hung or raised; the message says which, on one line."""


def probe(code: str, *arguments: str) -> Any:
    """What ``code`` prints last on stdout, as JSON; ``arguments`` are its ``sys.argv[1:]``. Raises ProbeError."""
    command = [sys.executable, "-c", code, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"no answer within {TIMEOUT_S:g} s") from error
    except OSError as error:
        raise ProbeError(f"cannot start {sys.executable}: {error.strerror}") from error
    if done.returncode < 0:
        raise ProbeError(f"killed by {_signal_name(-done.returncode)}")
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise ProbeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    try:
        return json.loads(lines[-1])
    except ValueError as error:
        raise ProbeError(f"not JSON: {lines[-1]}") from error


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
