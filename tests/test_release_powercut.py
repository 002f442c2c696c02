"""The power goes away while a release is updated: what boots is one release or the other, and whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

UPDATECUT = Path(__file__).resolve().parent.parent / "deploy" / "system-test" / "updatecut.py"


def test_power_cuts_in_an_update(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting an image needs root; 'sudo make bundle-test' runs it")
    command = [sys.executable, str(UPDATECUT), str(tmp_path / "cuts"), "3", "7"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["cuts"] == 3
