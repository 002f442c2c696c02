"""``RTVA_WHISPER_LIBRARY``: a build of whisper.cpp that lies beside the package, as on a Jetson."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("_pywhispercpp", reason="'make setup' installs it")
FIND = (
    "import sys; from firmware_py.stt import library; library.bring();"
    "print(next(line.split()[5] for line in open('/proc/self/maps') if '/libwhisper' in line))"
)
USE = (
    "import json, sys; from firmware_py.stt import device, library; library.bring();"
    "from firmware_py import _whisper;"
    "print(json.dumps([_whisper.open_library(), '_pywhispercpp' in sys.modules, device.cuda_devices(),"
    " bool(library.system_info())]))"
)


def python(code: str, library: str | Path = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RTVA_WHISPER_LIBRARY": str(library)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


def test_the_build_that_is_named_is_loaded_and_no_other() -> None:
    file = python(FIND).stdout.strip()
    done = python(USE, file)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("false, [], true]")
    assert python(FIND, file).stdout.strip() == file


def test_a_build_that_is_not_there_is_one_line_and_nothing_else_is_used(
    rtva: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    sound = tmp_path / "noise.wav"
    soundfile.write(sound, np.random.default_rng(1).normal(0, 0.1, 32_000), 16_000)
    done = rtva("transcribe", sound, env={**os.environ, "RTVA_WHISPER_LIBRARY": str(tmp_path / "libwhisper.so.1")})
    assert done.returncode == 69
    assert "RTVA_WHISPER_LIBRARY" in done.stderr
    assert done.stderr.count("\n") == 1
