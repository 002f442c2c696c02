"""The recogniser on real weights; on people's recordings where they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from firmware_py import models
from firmware_py.audio.recording import load
from firmware_py.errors import Cancelled, Unavailable
from firmware_py.ports import SpeechToText
from firmware_py.stt.guards import words
from firmware_py.stt.native import Decoded
from firmware_py.stt.whisper_cpp import WhisperCpp, as_float32

RATE = 16_000
JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


@pytest.fixture(scope="module")
def whisper(weights: Path) -> Iterator[WhisperCpp]:
    engine = WhisperCpp(models.resolve_stt("tiny.en", "int8").path)
    yield engine
    engine.close()


def test_it_fills_its_port(whisper: WhisperCpp) -> None:
    assert isinstance(whisper, SpeechToText)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("commands/turn_on_living_room_lamp.wav", "turn on the living room lamp"),
        ("commands/what_time_is_it.wav", "what time is it"),
        ("jfk.wav", JFK),
    ],
)
def test_people_are_understood_word_for_word(whisper: WhisperCpp, recordings: Path, name: str, text: str) -> None:
    transcript = whisper.transcribe(load(recordings / name))
    assert " ".join(words(transcript.text)) == text
    assert transcript.confidence > 0.5


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3, 1e-2, 0.1, 0.5])
def test_noise_and_silence_are_no_sentence(whisper: WhisperCpp, level: float) -> None:
    noise = np.random.default_rng(7).standard_normal(3 * RATE) * level
    assert whisper.transcribe(noise.astype(np.float32)).text == ""


@pytest.mark.parametrize("gain", [0.3, 1.0, 3.0])
def test_a_kitchen_is_no_sentence(whisper: WhisperCpp, recordings: Path, gain: float) -> None:
    noise = load(recordings / "noise" / "kitchen-first-minute.flac").astype(np.float32) / 32768 * gain
    said = [whisper.transcribe(noise[s * RATE : (s + 4) * RATE]).text for s in range(0, 60, 6)]
    assert not any(said)


@pytest.mark.parametrize("samples", [0, 1, 160, 1599, 8000])
def test_any_length_is_taken(whisper: WhisperCpp, samples: int) -> None:
    assert whisper.transcribe(np.zeros(samples, np.int16)).text == ""


def test_a_long_recording_is_windowed(whisper: WhisperCpp, recordings: Path) -> None:
    once = load(recordings / "jfk.wav")
    transcript = whisper.transcribe(np.tile(once, 4))
    assert words(transcript.text).count("country") == 8


def test_samples_of_any_range_are_clipped() -> None:
    out = as_float32(np.array([-5.0, np.nan, 0.25, 7.0], np.float32))
    assert out.tolist() == [-1.0, 0.0, 0.25, 1.0]
    assert as_float32(np.array([-32768, 16384], np.int16)).tolist() == [-1.0, 0.5]


def test_float_and_int_give_the_same_text(whisper: WhisperCpp, recordings: Path) -> None:
    pcm = load(recordings / "commands" / "turn_on_living_room_lamp.wav")
    assert whisper.transcribe(pcm).text == whisper.transcribe(pcm.astype(np.float32) / 32768).text


def test_a_cancelled_draft_is_abandoned(whisper: WhisperCpp, recordings: Path) -> None:
    with pytest.raises(Cancelled):
        whisper.transcribe(load(recordings / "jfk.wav"), is_cancelled=lambda: True)
    assert whisper.transcribe(load(recordings / "commands" / "what_time_is_it.wav")).text


def test_the_orders_do_not_loop(whisper: WhisperCpp, recordings: Path) -> None:
    from firmware_py.stt.guards import first_repeat

    some = sorted((recordings / "coffee").glob("*.flac"))[::12]
    texts = [whisper.transcribe(load(file)).text for file in some]
    assert not [t for t in texts if first_repeat(words(t)) is not None]


@pytest.mark.parametrize(
    ("seconds", "logp", "kept"),
    [
        (2.6, -0.2, "Turn the lights on again, please."),
        (9.0, -0.2, None),  # there was time to say it twice
        (2.6, -0.9, None),  # nobody would bet on it
    ],
)
def test_the_first_copy_of_a_loop_is_kept_when_it_is_sound(seconds: float, logp: float, kept: str | None) -> None:
    text = "Turn the lights on again, please. Turn the lights on again, please."
    decoded = Decoded(text, tuple(range(16)), (logp,) * 8 + (-0.01,) * 8, -1.0, 0.0, is_loop=True)
    assert WhisperCpp._sound_copy(decoded, seconds) == kept


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nothing\.bin"):
        WhisperCpp(tmp_path / "nothing.bin")


def test_closing_twice_is_fine(weights: Path) -> None:
    engine = WhisperCpp(models.resolve_stt("tiny.en", "int8").path)
    engine.close()
    engine.close()
    with pytest.raises(Unavailable):
        engine.transcribe(np.full(RATE, 9000, np.int16) * np.tile([1, -1], RATE // 2).astype(np.int16))
