"""Guided recognition on the real engine and weights; on people's recordings where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from firmware_py import _whisper, models
from firmware_py.audio.recording import load
from firmware_py.errors import Cancelled
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.stt import guards
from firmware_py.stt.guided import Guide
from firmware_py.stt.native import Native
from firmware_py.stt.pywhisper import PyWhisper
from firmware_py.stt.whisper_cpp import WhisperCpp, as_float32

CONTEXT, CAP = guards.CONTEXT_FLOOR, 40


@pytest.fixture(scope="module")
def native(weights: Path) -> Native:
    return Native(models.resolve_stt("tiny.en", "int8").path, threads=2, language="en")


@pytest.fixture(scope="module")
def question(recordings: Path) -> np.ndarray:
    return as_float32(load(recordings / "commands" / "what_time_is_it.wav"))


@pytest.fixture(scope="module")
def cafe(recordings: Path) -> HassilUnderstanding:
    return HassilUnderstanding([recordings / "coffee" / "intents.yaml"], builtin=False)


@pytest.fixture(scope="module")
def guided(weights: Path, cafe: HassilUnderstanding) -> Iterator[WhisperCpp]:
    guidance = {"grammar": compile_understanding(cafe).data()}
    engine = WhisperCpp(models.resolve_stt("tiny.en", "int8").path, threads=2, guidance=guidance)
    assert engine.is_guided and engine.note is None
    yield engine
    engine.close()


def test_the_library_is_known_and_its_layout_is_ours() -> None:
    import _pywhispercpp  # noqa: F401

    assert _whisper.open_library().startswith("1.")


def test_it_hears_what_pywhispercpp_hears(native: Native, question: np.ndarray, weights: Path) -> None:
    other = PyWhisper(models.resolve_stt("tiny.en", "int8").path, threads=2, language="en")
    native.listen(question, CONTEXT)
    other.listen(question, CONTEXT)
    ours, theirs = native.open(CAP), other.open(CAP)
    assert ours.tokens == theirs.tokens
    for our, their in zip(ours.logps, theirs.logps, strict=True):  # theirs leave suppressed tokens out of the sum
        assert their - 0.2 < our < their + 0.01


def test_forced_tokens_score_what_decoding_said(native: Native, question: np.ndarray) -> None:
    native.listen(question, CONTEXT)
    decoded = native.open(CAP)
    forced = native.state.score(native.prompt, decoded.tokens)
    assert forced.tolist() == pytest.approx(decoded.logps, abs=1e-3)
    logits = native.state.logits([*native.prompt, *decoded.tokens[:2]])
    exact = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
    assert exact[decoded.tokens[2]] == pytest.approx(decoded.logps[2], abs=1e-3)


def test_a_cached_prefix_changes_nothing(native: Native, question: np.ndarray) -> None:
    native.listen(question, CONTEXT)
    path = [*native.prompt, *native.open(CAP).tokens]
    kept = native.state.logits(path)
    native.state.logits(native.prompt)
    again = native.state.logits(path)
    assert np.abs(kept - again).max() < 0.05


def test_two_states_share_one_model(native: Native, question: np.ndarray) -> None:
    other = _whisper.State(native.model, 1)
    native.listen(question, CONTEXT)
    other.listen(question[::-1].copy(), CONTEXT)
    assert native.open(CAP).text.lower().startswith("what time is it")


def test_it_stops_after_any_token(native: Native, question: np.ndarray) -> None:
    native.listen(question, CONTEXT)
    asked = 0

    def is_cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    native.listen(question, CONTEXT)
    native.state.poll(is_cancelled)
    with pytest.raises(Cancelled):
        native.open(CAP)
    assert asked == 4
    native.listen(question, CONTEXT)
    assert native.open(CAP).text


def test_the_search_is_exact_on_a_grammar_small_enough_to_score(
    native: Native, question: np.ndarray, tmp_path: Path
) -> None:
    """Without a bonus the first sentence is the one whose tokens, forced, score best."""
    sentences = ["what time is it", "what is the time", "what day is it", "who is it", "time"]
    path = tmp_path / "t.yaml"
    listed = "".join(f"          - {s}\n" for s in sentences)
    path.write_text(f"language: en\nintents:\n  a:\n    data:\n      - sentences:\n{listed}")
    guide = Guide(native, compile_understanding(HassilUnderstanding([path], builtin=False)).data())
    native.listen(question, CONTEXT)
    found = guide.search(CAP)
    assert found.sentences[0].text == "what time is it"
    scores = {}
    for text in sentences:
        tokens = [*native.model.tokenize(f" {text.capitalize()}?"), native.model.eot]
        scores[text] = float(native.state.score(native.prompt, tokens).sum())
    assert sum(found.sentences[0].logps) >= max(scores.values()) - 0.05


def test_orders_are_heard_whole(guided: WhisperCpp, cafe: HassilUnderstanding, recordings: Path) -> None:
    labels = json.loads((recordings / "coffee" / "labels.json").read_text())
    names = sorted(labels)[::12]
    right = 0
    for name in names:
        heard = guided.transcribe(load(recordings / "coffee" / name))
        understood = cafe.understand(heard.text)
        right += heard.is_guided and dict(understood.slots) == labels[name]["slots"]
    assert right >= len(names) - 1


@pytest.mark.parametrize("name", ["what_time_is_it", "turn_on_living_room_lamp", "hey_mycroft"])
def test_the_door_is_open(guided: WhisperCpp, recordings: Path, name: str) -> None:
    heard = guided.transcribe(load(recordings / "commands" / f"{name}.wav"))
    assert not heard.is_guided and heard.score < 0.5
    assert heard.text.lower().startswith(name.split("_")[0]) or name == "hey_mycroft"


def test_silence_is_nothing(guided: WhisperCpp) -> None:
    heard = guided.transcribe(np.zeros(32_000, np.int16))
    assert heard.text == "" and not heard.is_guided


def test_a_cancelled_draft_is_abandoned(guided: WhisperCpp, recordings: Path) -> None:
    first = sorted((recordings / "coffee").glob("*.flac"))[0]
    with pytest.raises(Cancelled):
        guided.transcribe(load(first), is_cancelled=lambda: True)
    assert guided.transcribe(load(first)).is_guided
