"""Fully offline: no library that we use may call home, and none leaves files in the home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN_A_MODEL = """
import os
import firmware_py
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession({model!r}, providers=["CPUExecutionProvider"])
session.run(None, {{"input": np.zeros((1, 576), np.float32), "state": np.zeros((2, 1, 128), np.float32),
                    "sr": np.array(16000, np.int64)}})
for fd in os.listdir("/proc/self/fd"):
    if os.path.lexists("/proc/self/fd/" + fd):
        print(os.readlink("/proc/self/fd/" + fd))
"""


def test_onnxruntime_reports_nothing_and_keeps_nothing(tmp_path: Path) -> None:
    from firmware_py import models
    from firmware_py.errors import RtvaError

    try:
        model = models.resolve_vad("silero")
    except RtvaError as error:
        pytest.skip(f"{error}; 'make setup' or 'rtva models fetch' brings it")
    # It holds its reports back where these say that it is being tested.
    shy = {"CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY"}
    environment = {k: v for k, v in os.environ.items() if k not in shy and not k.startswith("XDG_")}
    environment["HOME"] = str(tmp_path)
    code = RUN_A_MODEL.format(model=str(model))
    out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "onnxruntime.db" not in out.stdout
    assert list(tmp_path.rglob("*")) == []
