"""The languages of the schema are those of the library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_py.__main__ import main
from firmware_py.config import Config, from_text
from firmware_py.pipeline import VoicePipeline
from firmware_py.settings.languages import WHISPER_LANGUAGES


def test_they_are_the_librarys() -> None:
    library = pytest.importorskip("_pywhispercpp", reason="'make setup' installs it")
    there = [library.whisper_lang_str(n) for n in range(library.whisper_lang_max_id() + 1)]
    assert list(WHISPER_LANGUAGES) == there


@pytest.mark.parametrize("written", ["xx", "english", "''", "EN", "3", "[de]", "yes"])
def test_another_is_one_line_with_those_there_are(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"stt: {{language: {written}}}\n")
    code = main(["config", "check", str(file)])
    err = capsys.readouterr().err
    assert code == 78
    assert len(err.splitlines()) == 1
    assert "stt.language" in err
    assert "allowed: auto, af, am," in err


def test_norwegian_needs_no_quotes() -> None:
    for written in ("no", "'no'"):
        assert from_text(f"stt: {{language: {written}}}").stt.language == "no"


def test_an_english_model_says_that_it_hears_english_only(weights: Path) -> None:
    with VoicePipeline(Config.default().with_values({"stt.language": "de"})) as pipeline:
        pipeline.warm_recognition()
        assert pipeline.notes == ["tiny.en hears English only: stt.language de is not used"]
        assert pipeline.stt.transcribe(np.zeros(16000, np.int16)).language == "en"
