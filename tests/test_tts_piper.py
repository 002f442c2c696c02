"""The real voice: what it says, when it stops, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from firmware_py import models
from firmware_py.errors import BadInput, Unavailable
from firmware_py.ports import TextToSpeech
from firmware_py.tts.phonemes import Phonemes, for_espeak
from firmware_py.tts.piper import Piper, to_pcm
from firmware_py.tts.sentences import Limits
from firmware_py.tts.voice import read_voice

MINIMAL = {
    "audio": {"sample_rate": 22050},
    "espeak": {"voice": "en-us"},
    "phoneme_type": "espeak",
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], " ": [3]},
}


@pytest.fixture(scope="module")
def voice(weights: Path) -> models.VoiceWeights:
    return models.resolve_voice("en_US-joe-medium")


@pytest.fixture(scope="module", params=[True, False], ids=["streaming", "whole"])
def piper(request: pytest.FixtureRequest, voice: models.VoiceWeights) -> Piper:
    return Piper(voice.onnx, voice.config, num_threads=1, streaming=request.param)


def said(piper: Piper, text: str, **options: Limits) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int16), *piper.synthesize(text, **options)])


def loudness_ms(piper: Piper, sound: np.ndarray) -> np.ndarray:
    """Root mean square of each 10 ms."""
    size = piper.rate_hz // 100
    frames = sound[: sound.size // size * size].reshape(-1, size).astype(np.float64)
    return np.sqrt((frames**2).mean(axis=1))


def test_it_fills_the_role(piper: Piper) -> None:
    assert isinstance(piper, TextToSpeech)
    assert piper.rate_hz == 22050


def test_a_sentence_is_heard(piper: Piper) -> None:
    chunks = list(piper.synthesize("The living room lamp is on."))
    assert all(chunk.dtype == np.int16 and chunk.ndim == 1 and chunk.size for chunk in chunks)
    sound = np.concatenate(chunks)
    assert 1.0 < sound.size / piper.rate_hz < 3.0
    assert np.abs(sound.astype(int)).max() > 3000


def test_both_ends_are_silent_so_that_nothing_clicks(piper: Piper) -> None:
    sound = said(piper, "Okay.").astype(int)
    assert sound[0] == sound[-1] == 0
    assert np.abs(sound[:20]).max() < 200
    assert np.abs(sound[-20:]).max() < 200


def test_silence_lies_between_two_sentences(piper: Piper) -> None:
    loud = loudness_ms(piper, said(piper, "Yes. No."))
    voiced = np.flatnonzero(loud > 300)
    assert np.diff(voiced).max() >= 15  # 150 ms at least


@pytest.mark.parametrize("text", ["", "   ", "...", "\n", "😀", "!?"])
def test_nothing_is_said_where_there_is_nothing_to_say(piper: Piper, text: str) -> None:
    assert list(piper.synthesize(text)) == []


@pytest.mark.parametrize("text", ["日本語", "\0a\0", "\ud800 one", "é" * 50, "a" * 500, "नमस्ते", "1" * 40])
def test_odd_texts_do_no_harm(piper: Piper, text: str) -> None:
    assert said(piper, text).size >= 0


def test_an_answer_is_bounded_in_time_and_text(piper: Piper) -> None:
    text = "This goes on and on and on. " * 20_000
    assert said(piper, text, limits=Limits(max_audio_s=1.5)).size == int(1.5 * piper.rate_hz)
    assert said(piper, text, limits=Limits(max_chars=27)).size < 4 * piper.rate_hz


def test_a_closed_answer_stops_and_the_next_is_whole(piper: Piper) -> None:
    answer = piper.synthesize("One two three four five six seven eight nine ten. " * 50)
    assert next(answer).size
    answer.close()
    assert said(piper, "Yes.").size > 0.2 * piper.rate_hz


def test_the_first_chunk_of_a_stream_is_a_small_part(voice: models.VoiceWeights) -> None:
    piper = Piper(voice.onnx, voice.config, num_threads=1)
    sizes = [chunk.size for chunk in piper.synthesize("The living room lamp is on, and the kitchen lamp is off.")]
    assert len(sizes) > 3
    assert sizes[0] < sum(sizes) / 3


def test_without_splitting_two_sentences_are_one(voice: models.VoiceWeights) -> None:
    together = Piper(voice.onnx, voice.config, num_threads=1, streaming=False, sentence_splitting=False)
    apart = Piper(voice.onnx, voice.config, num_threads=1, streaming=False)
    assert len(list(together.synthesize("Yes. No."))) == 2  # the sound and its last milliseconds
    assert len(list(apart.synthesize("Yes. No."))) == 4


def test_close_may_be_called_twice(voice: models.VoiceWeights) -> None:
    piper = Piper(voice.onnx, voice.config, num_threads=1, streaming=False)
    piper.close()
    piper.close()


# What is not a voice


def config(folder: Path, text: str) -> Path:
    path = folder / "voice.onnx.json"
    path.write_text(text)
    return path


def changed(**values: object) -> str:
    return json.dumps({**MINIMAL, **values})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        changed(audio={}),
        changed(audio={"sample_rate": "fast"}),
        changed(audio={"sample_rate": 1}),
        changed(phoneme_id_map={}),
        changed(phoneme_id_map={"_": ["x"]}),
        changed(phoneme_id_map=[1]),
        changed(espeak={}),
        changed(inference={"noise_scale": "loud"}),
        changed(inference={"length_scale": float("nan")}),
        changed(inference=[1]),
        changed(num_speakers="many"),
    ],
)
def test_a_configuration_of_another_kind_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = config(tmp_path, text)
    with pytest.raises(BadInput, match=r"voice\.onnx\.json"):
        read_voice(path)


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "voice.onnx.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"voice\.onnx\.json"):
        read_voice(path)


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nowhere\.json"):
        read_voice(tmp_path / "nowhere.json")


def test_a_voice_for_another_phonemiser_is_not_available(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="pinyin"):
        read_voice(config(tmp_path, changed(phoneme_type="pinyin")))


def test_the_defaults_of_a_short_configuration_are_those_of_vits(tmp_path: Path) -> None:
    assert read_voice(config(tmp_path, json.dumps(MINIMAL))).scales == (0.667, 1.0, 0.8)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("content", [None, b"", b"not a model", b"\x08\x08"])
def test_a_graph_that_cannot_be_loaded_is_named(tmp_path: Path, content: bytes | None, streaming: bool) -> None:
    path = config(tmp_path, changed(phoneme_id_map={c: [i] for i, c in enumerate("_^$ abcdefghijklmnopqrstuvwxyz")}))
    onnx = tmp_path / "voice.onnx"
    if content is not None:
        onnx.write_bytes(content)
    with pytest.raises((BadInput, Unavailable), match=r"voice\.onnx") as caught:
        Piper(onnx, path, streaming=streaming)
    assert isinstance(caught.value, Unavailable) == (content is None)
    assert sorted(p.name for p in tmp_path.iterdir() if p != onnx) == ["voice.onnx.json"]


def test_another_kind_of_graph_is_not_taken_for_a_voice(weights: Path, tmp_path: Path) -> None:
    onnx = tmp_path / "voice.onnx"
    shutil.copy(models.resolve_vad("silero"), onnx)
    found = models.resolve_voice("en_US-joe-medium")
    with pytest.raises(BadInput, match="not a Piper voice"):
        Piper(onnx, found.config)


# Phonemes and samples


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("ten A M now", "ten A.M now"),
        ("the C P U's load", "the C.P.U's load"),
        ("U S B and R A M", "U.S.B and R.A.M"),
        ("Plan B is A good one", "Plan B is A good one"),
        ("I am", "I am"),
    ],
)
def test_spelled_letters_are_joined_for_espeak(text: str, joined: str) -> None:
    assert for_espeak(text) == joined


def test_a_spelled_a_is_not_the_article(weights: Path) -> None:
    voice = read_voice(models.resolve_voice("en_US-joe-medium").config)
    names = {ids[0]: symbol for symbol, ids in voice.phoneme_ids.items()}
    ids = Phonemes(voice).ids("ten A M")
    assert "eɪ" in "".join(names[i] for i in ids if names[i] not in "_^$")


def test_phonemes_are_kept_and_bounded(weights: Path) -> None:
    phonemes = Phonemes(read_voice(models.resolve_voice("en_US-joe-medium").config), cache_size=2)
    first = phonemes.ids("one")
    assert phonemes.ids("one") is first
    phonemes.ids("two")
    phonemes.ids("three")
    assert phonemes.ids("one") is not first
    assert phonemes.ids("one") == first


FLOATS = arrays(np.float32, st.integers(0, 400), elements=st.floats(width=32, allow_nan=True, allow_infinity=True))


@given(st.lists(FLOATS, max_size=6))
def test_any_floats_become_samples_and_none_is_lost(chunks: list[np.ndarray]) -> None:
    with np.errstate(all="ignore"):
        out = list(to_pcm((c.copy() for c in chunks), 22050))
    assert sum(c.size for c in out) == sum(c.size for c in chunks)
    assert all(c.dtype == np.int16 and c.size for c in out)


@given(st.integers(1, 2000), st.integers(1, 300))
def test_where_the_chunks_are_cut_does_not_matter(total: int, size: int) -> None:
    sound = np.sin(np.arange(total, dtype=np.float32) / 7).astype(np.float32)
    whole = np.concatenate(list(to_pcm([sound.copy()], 22050)))
    cut = np.concatenate(list(to_pcm([sound[i : i + size].copy() for i in range(0, total, size)], 22050)))
    assert np.array_equal(whole, cut)
