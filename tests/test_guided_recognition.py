"""Guided recognition on the real engine and weights; on people's recordings where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from takes import take_16k

from firmware_py import _whisper, models
from firmware_py.audio.recording import load
from firmware_py.errors import Cancelled
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.stt import guards, guided_door
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


def test_decoding_stops_at_the_first_repeat(native: Native, question: np.ndarray) -> None:
    native.listen(np.tile(question, 4)[: 12 * 16_000], guards.FULL_CONTEXT)
    patient, hasty = native.open(100, patience=9), native.open(100)
    assert not patient.is_loop and hasty.is_loop
    assert len(hasty.tokens) < len(patient.tokens) and hasty.tokens == patient.tokens[: len(hasty.tokens)]
    once, looped = guards.cut_loop(hasty.text)
    assert looped and once.lower().startswith("what time is it")


def test_a_search_on_the_way_of_the_open_text_is_nearly_free(
    native: Native, question: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "t.yaml"
    path.write_text("language: en\nintents:\n  a:\n    data:\n      - sentences: [what time is it]\n")
    guide = Guide(native, compile_understanding(HassilUnderstanding([path], builtin=False)).data())
    native.listen(question, CONTEXT)
    heard = native.open(CAP)
    before = native.state.decodes
    found = guide.search(CAP, heard)
    assert found.sentences[0].text == "what time is it" and found.evals >= 5
    assert native.state.decodes - before <= 2


def test_other_speech_costs_few_decodes(native: Native, cafe: HassilUnderstanding, recordings: Path) -> None:
    guide = Guide(native, compile_understanding(cafe).data())
    for name in ("what_time_is_it", "turn_on_living_room_lamp", "hey_mycroft"):
        native.listen(as_float32(load(recordings / "commands" / f"{name}.wav")), CONTEXT)
        heard = native.open(CAP)
        assert not guide.search(CAP, heard).sentences
        assert native.state.decodes - len(heard.tokens) <= 40


def test_a_forced_prefix_is_gone_on_from(native: Native, question: np.ndarray) -> None:
    native.listen(question, CONTEXT)
    free = native.open(CAP)
    start = native.model.tokenize(" What day")
    tokens, logps, *_ = native.state.decode(native.tables, [*native.prompt, *start], CAP)
    forced = native.text([*start, *tokens])
    assert forced.startswith("What day") and forced != free.text
    given = [*start, *tokens]
    scored = native.state.score(native.prompt, given)
    assert scored[len(start) :].tolist() == pytest.approx(logps.tolist(), abs=1e-2)
    assert scored.sum() < sum(free.logps)  # what was not said fits worse


def test_a_version_that_is_not_known_is_refused_in_one_line_and_open_recognition_goes_on(
    weights: Path, question: np.ndarray, cafe: HassilUnderstanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise _whisper.Unsupported("libwhisper 9.9.9 is not known (1.8.2 to 1.9.3 are)")

    monkeypatch.setattr(_whisper, "Model", refuse)
    guidance = {"grammar": compile_understanding(cafe).data()}
    engine = WhisperCpp(models.resolve_stt("tiny.en", "int8").path, threads=2, guidance=guidance)
    assert not engine.is_guided
    assert engine.note == "open recognition only: libwhisper 9.9.9 is not known (1.8.2 to 1.9.3 are)"
    assert engine.transcribe(question).text.lower().startswith("what time is it")
    engine.close()


def test_a_wildcard_takes_what_was_said_and_the_grammar_goes_on(
    native: Native, recordings: Path, tmp_path: Path
) -> None:
    path = tmp_path / "t.yaml"
    sentences = "sentences: ['turn on [the] {thing} lamp', 'turn off [the] {thing}']"
    lists = "lists:\n  thing: {wildcard: true}\n"
    path.write_text(f"language: en\nintents:\n  a:\n    data:\n      - {sentences}\n{lists}")
    understanding = HassilUnderstanding([path], builtin=False)
    guide = Guide(native, compile_understanding(understanding).data())
    native.listen(as_float32(load(recordings / "commands" / "turn_on_living_room_lamp.wav")), CONTEXT)
    found = guide.search(CAP, native.open(CAP))
    slots = dict(understanding.understand(found.sentences[0].text).slots)
    assert {name: str(value).lower() for name, value in slots.items()} == {"thing": "living room"}


def test_a_search_stops_after_any_token(native: Native, cafe: HassilUnderstanding, recordings: Path) -> None:
    guide = Guide(native, compile_understanding(cafe).data())
    audio = as_float32(load(sorted((recordings / "coffee").glob("*.flac"))[0]))
    native.listen(audio, 512)
    whole = guide.search(CAP, native.open(CAP))
    for last in (1, 3, whole.evals - 1):
        native.listen(audio, 512)
        heard = native.open(CAP)
        asked = 0

        def is_cancelled(last: int = last) -> bool:
            nonlocal asked
            asked += 1
            return asked >= last

        native.state.poll(is_cancelled)
        with pytest.raises(Cancelled):
            guide.search(CAP, heard)
        assert asked == last
    native.listen(audio, 512)
    assert guide.search(CAP, native.open(CAP)).sentences[0].text == whole.sentences[0].text


@pytest.mark.parametrize(("score", "text_is_kept"), [(0.9, True), (0.001, False)])
def test_what_the_door_believes_is_never_taken_for_nobody(
    guided: WhisperCpp, recordings: Path, monkeypatch: pytest.MonkeyPatch, score: float, text_is_kept: bool
) -> None:
    monkeypatch.setattr(guided_door, "judge", lambda found, heard: guided_door.Verdict(score, 5.0, 0.1))
    monkeypatch.setattr(WhisperCpp, "_is_nobody", staticmethod(lambda heard, confidence: True))
    heard = guided.transcribe(load(sorted((recordings / "coffee").glob("*.flac"))[0]))
    assert bool(heard.text) == heard.is_guided == text_is_kept


@pytest.mark.parametrize(
    "sentence",
    ["Set the volume to forty percent.", "Set a timer for ten minutes.", "What is twelve times seven?"],
)
def test_open_text_beside_a_sentence_does_not_draw_the_search_away(
    native: Native, weights: Path, sentence: str
) -> None:
    """The built-in templates have open text in "set the {name} timer" and the like."""
    sound = take_16k(sentence)
    guide = Guide(native, compile_understanding(HassilUnderstanding()).data())
    native.listen(as_float32(sound), CONTEXT)
    heard = native.open(CAP)
    found = guide.search(CAP, heard)
    plain = HassilUnderstanding().understand(sentence)
    best = HassilUnderstanding().understand(found.sentences[0].text)
    assert (best.intent, best.slots) == (plain.intent, plain.slots)
    assert found.evals < 30


def test_a_loop_in_the_open_text_costs_a_believed_sentence_nothing(recordings: Path, weights: Path) -> None:
    guidance = {"grammar": compile_understanding(HassilUnderstanding()).data()}
    engine = WhisperCpp(models.resolve_stt("tiny.en", "int8").path, threads=2, guidance=guidance)
    heard = engine.transcribe(load(recordings / "commands" / "what_time_is_it.wav"))
    assert (heard.text, heard.is_guided, heard.guards) == ("what time is it", True, ())
    engine.close()
