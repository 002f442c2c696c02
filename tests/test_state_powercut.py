"""The power goes away while the state changes: nothing that had returned is lost, nothing is torn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

POWERCUT = Path(__file__).resolve().parent.parent / "deploy" / "system-test" / "powercut.py"


def test_power_cuts(tmp_path: Path) -> None:
    import os

    if os.geteuid() != 0:
        pytest.skip("mounting an image needs root; 'sudo make system-test' runs it")
    done = subprocess.run([sys.executable, str(POWERCUT), str(tmp_path), "5", "7"], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["cuts"] == 5
