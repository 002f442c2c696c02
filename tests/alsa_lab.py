"""Runs a scenario of a test module in a process of its own, on real alsa-lib with a sound card made of files.

The card is alsa-lib's ``file`` plugin (``tests/alsa/file.conf``); its clock, limits and faults come from
``tests/faults/inj.c``, preloaded. Both must be there before alsa-lib starts, hence the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

TESTS = Path(__file__).resolve().parent


@cache
def injector() -> Path:
    """The preloaded library, built once a session."""
    library = Path(tempfile.mkdtemp(prefix="rtva-inj-")) / "inj.so"
    source = TESTS / "faults" / "inj.c"
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-O1", "-shared", "-fPIC", "-o", library, source, "-lasound"]
    built = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    if built.returncode:
        pytest.fail(f"cannot build {source}: {built.stderr}")
    return library


class Card:
    """A sound card of files in ``folder``: ``captured`` is what its microphone hears, ``played`` what was played."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard, self.said = folder / "in.raw", folder / "out.raw"
        self.heard.touch()
        self.conf = folder / "asound.conf"
        template = (TESTS / "alsa" / "file.conf").read_text()
        self.conf.write_text(template.replace("@IN@", str(self.heard)).replace("@OUT@", str(self.said)))

    def hears(self, samples: NDArray[Any]) -> None:
        self.heard.write_bytes(samples.tobytes())

    def played(self, dtype: str = "<i2", channels: int = 1) -> NDArray[Any]:
        """Shape ``(frames, channels)``."""
        return np.frombuffer(self.said.read_bytes(), dtype).reshape(-1, channels)

    def run(self, scenario: Callable[..., Any], *args: Any, hw: str = "", faults: str = "", control: str = "") -> Any:
        """What ``scenario(*args)`` returned, as JSON carries it; stderr must stay empty."""
        code = (
            f"import sys, json; sys.path[:0] = [{str(TESTS)!r}, {str(TESTS.parent)!r}];"
            f"import {scenario.__module__} as m;"
            f"print(json.dumps(m.{scenario.__name__}(*json.loads(sys.argv[1]))))"
        )
        environment = {
            **os.environ,
            "ALSA_CONFIG_PATH": str(self.conf),
            "RTVA_HW": hw,
            "RTVA_FAULTS": faults,
            "LD_PRELOAD": str(injector()),
            **({"RTVA_CONTROL": control} if control else {}),
        }
        command = [sys.executable, "-c", code, json.dumps(args)]
        out = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert out.returncode == 0, out.stderr
        assert out.stderr == ""
        return json.loads(out.stdout)
