"""Single-bit flips in the real weights are refused before anything is loaded; ``make bitflips`` does a thousand."""

from __future__ import annotations

import random
from pathlib import Path

import bitflips
import pytest

from firmware_py import models
from firmware_py.errors import RtvaError


@pytest.fixture
def files(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    try:
        models.resolve_vad("silero")
    except RtvaError as error:
        pytest.skip(f"{error}; 'rtva models fetch' brings it")
    monkeypatch.setenv("RTVA_HOME", str(models.home()))
    return bitflips.copies(tmp_path)


def test_every_flip_is_refused(files: dict[str, Path]) -> None:
    kinds = ["vad"] * 150 + ["stt", "tts"] * 12
    outcome = bitflips.strike(files, kinds, random.Random(8))
    assert (outcome.flips, outcome.refused, outcome.loaded) == (174, 174, [])


@pytest.mark.parametrize("kind", ["stt", "tts", "vad"])
@pytest.mark.parametrize("where", ["first", "last"])
def test_no_engine_is_made_of_them(kind: str, where: str, files: dict[str, Path]) -> None:
    file = files[kind]
    bitflips.flip(file, 0 if where == "first" else file.stat().st_size * 8 - 1)
    assert bitflips.engines_made(kind) == []


def test_the_lab_sees_what_gets_through(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bitflips.ASKS, "vad", lambda: files["vad"])
    outcome = bitflips.strike(files, ["vad"] * 3, random.Random(8))
    assert outcome.refused == 0 and len(outcome.loaded) == 3
