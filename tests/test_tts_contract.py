"""What every speech engine must do: the same tests on Piper, on espeak-ng and, where it is installed, on Coqui.

`make test-coqui` makes the environment in which the last is not skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coqui_lab import tiny_model

from firmware_py import models
from firmware_py.ports import TextToSpeech
from firmware_py.tts.sentences import Limits
from firmware_py.workers import Deadlines, Rules, in_worker

ENGINES = ["piper", "pyttsx3", "coqui"]
SENTENCE = "The living room lamp is on."
PATIENT = Rules(deadlines=Deadlines(scale=20))
"""Importing torch alone takes 10 s of processor time."""


def arguments_of(engine: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the pipeline would hand to the adapter; skips where the engine's extra or weights are not here."""
    if engine == "piper":
        request.getfixturevalue("weights")
        voice = models.resolve_voice("en_US-joe-medium")
        return {"onnx": voice.onnx, "config": voice.config}
    if engine == "pyttsx3":
        pytest.importorskip("espeakng_loader", reason="the extra pyttsx3 is not installed; 'make setup' brings it")
        return {"voice": "en-us"}
    pytest.importorskip("TTS", reason="coqui-tts is not installed; 'make test-coqui' runs this")
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("coqui")
    files = models.resolve_coqui(f"{tiny_model(folder)}/")
    return {"checkpoint": files.checkpoint, "config": files.config, "vocoder": files.vocoder}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return request.param, arguments_of(request.param, request)


@pytest.fixture(scope="module", params=["here", "in a worker"])
def tts(request: pytest.FixtureRequest, engine: tuple[str, dict[str, Any]]) -> Iterator[Any]:
    name, arguments = engine
    made = make(name, arguments) if request.param == "here" else in_worker("tts", name, arguments, PATIENT)
    yield made
    made.close()
    made.close()


def make(name: str, arguments: dict[str, Any], **options: Any) -> Any:
    from firmware_py import backends

    return backends.load("tts", name)(**arguments, **options)


def said(tts: Any, text: str, **options: Any) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int16), *tts.synthesize(text, **options)])


def test_it_fills_the_role(tts: Any) -> None:
    assert isinstance(tts, TextToSpeech)
    assert 8000 <= tts.rate_hz <= 48000


def test_a_sentence_is_heard_in_chunks_of_samples(tts: Any) -> None:
    chunks = list(tts.synthesize(SENTENCE))
    assert all(chunk.dtype == np.int16 and chunk.ndim == 1 and chunk.size for chunk in chunks)
    sound = np.concatenate(chunks).astype(int)
    assert 0.3 < sound.size / tts.rate_hz < 6.0
    assert np.abs(sound).max() > 100


@pytest.mark.parametrize("text", ["", "   ", "...", "\n", "😀", "!?"])
def test_nothing_is_said_where_there_is_nothing_to_say(tts: Any, text: str) -> None:
    assert list(tts.synthesize(text)) == []


@pytest.mark.parametrize("text", ["日本語", "\0a\0", "\ud800 one", "é" * 50, "a" * 500, "[[x]] <b>yes</b>", "1" * 40])
def test_odd_texts_do_no_harm(tts: Any, text: str) -> None:
    assert said(tts, text).size >= 0
    assert said(tts, "Yes.").size > 0


def test_an_answer_is_bounded_in_time_and_text(tts: Any) -> None:
    text = "This goes on and on and on. " * 2_000
    assert said(tts, text, limits=Limits(max_audio_s=1.5)).size == int(1.5 * tts.rate_hz)
    assert said(tts, text, limits=Limits(max_chars=27)).size < 6 * tts.rate_hz


def test_a_closed_answer_stops_and_the_next_is_whole(tts: Any) -> None:
    whole = said(tts, "Yes.").size
    answer = tts.synthesize("One two three four five six seven eight nine ten. " * 50)
    assert next(answer).size
    answer.close()
    assert said(tts, "Yes.").size > whole / 2


def test_two_sentences_come_one_after_the_other(tts: Any) -> None:
    answer = tts.synthesize(f"{SENTENCE} {SENTENCE} {SENTENCE}")
    first = next(answer)
    assert first.size < sum(chunk.size for chunk in answer)


def test_without_splitting_nothing_of_the_text_is_lost(engine: tuple[str, dict[str, Any]]) -> None:
    name, arguments = engine
    together = make(name, arguments, sentence_splitting=False, streaming=False)
    sound = said(together, f"{SENTENCE} {SENTENCE}")
    assert sound.size > 1.2 * said(together, SENTENCE).size
