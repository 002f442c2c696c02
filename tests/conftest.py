"""Fixtures every test may use. A skip says why, and what would run the test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("rtva", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("rtva")


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recordings of people; they are not part of the project."""
    folder = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech"))
    if not (folder / "commands").is_dir():
        pytest.skip(f"no recordings in {folder}; set RTVA_RECORDINGS to a folder with commands/, coffee/ and noise/")
    return folder


@pytest.fixture(scope="session")
def weights() -> Path:
    """The home with the default weights in it, each verified; other tests do without."""
    from firmware_py import models
    from firmware_py.errors import RtvaError

    try:
        models.resolve_stt("tiny.en", "int8")
        models.resolve_voice("en_US-joe-medium")
    except RtvaError as error:
        pytest.skip(f"{error}; 'make setup' or 'rtva models fetch' brings them")
    return models.home()


@pytest.fixture(scope="session")
def rtva() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in a process of its own: ``rtva("config", "show", cwd=...)``."""

    def call(*args: object, timeout: float = 120, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "firmware_py", *map(str, args)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)  # type: ignore[call-overload,no-any-return]

    return call
