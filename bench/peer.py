"""This side of :mod:`peers`: starts an arm in ``build/bench-venv`` and asks it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from firmware_py import models

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"


def weights() -> dict[str, str]:
    """Where the peers find the same weights as the product."""
    voice = models.resolve_voice("en_US-joe-medium")
    scratch = ROOT / "build" / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    return {
        "ggml_f16": str(models.resolve_stt("tiny.en", "float16").path),
        "onnx": str(voice.onnx),
        "config": str(voice.config),
        "scratch": str(scratch),
    }


class Peer:
    """One arm, loaded. ``versions`` are those of its libraries. A context manager; leaving it ends the process."""

    def __init__(self, arm: str, threads: int) -> None:
        if not PYTHON.exists():
            raise SystemExit("no build/bench-venv: bench/venv.sh makes it")
        command = [str(PYTHON), str(ROOT / "bench" / "peers.py"), arm, "--threads", str(threads)]
        self.arm = arm
        self._process = subprocess.Popen(
            [*command, "--weights", json.dumps(weights())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.versions: dict[str, str] = self._read()["ready"]

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer {self.arm!r} ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
