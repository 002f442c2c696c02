"""Silero VAD: the real network on real weights, against a plain reference and on people's voices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import backends, models
from firmware_py.errors import BadInput, RtvaError, Unavailable
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16
from firmware_py.ports import Vad
from firmware_py.vad.silero import THRESHOLDS, SileroVad
from firmware_py.vad.webrtc import WebRtcVad

WARM_UP_FRAMES = 4


@pytest.fixture(scope="module")
def model() -> Path:
    try:
        return models.resolve_vad("silero")
    except RtvaError as error:
        pytest.skip(f"{error}; 'make setup' or 'rtva models fetch' brings it")


def frames_of(sound: Pcm16) -> np.ndarray[Any, Any]:
    return sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)


def probabilities(vad: SileroVad, sound: Pcm16) -> list[float]:
    found = []
    for frame in frames_of(sound):
        vad.push(frame)
        found.append(vad.probability)
    return found


def by_the_book(model: Path, sound: Pcm16, ends: range) -> dict[int, float]:
    """Silero as its authors run it: 512 samples with the 64 before them, one state. End of window -> probability."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    state, found = np.zeros((2, 1, 128), np.float32), {}
    padded = np.concatenate([np.zeros(576, np.float32), sound.astype(np.float32) / 32768.0])
    for end in ends:
        feed = {"input": padded[None, end : end + 576], "state": state, "sr": np.array(RATE_HZ, np.int64)}
        output, state = session.run(None, feed)
        found[end] = float(output[0, 0])
    return found


@pytest.fixture(scope="module")
def voice(recordings: Path) -> Pcm16:
    import soundfile

    sound, _ = soundfile.read(recordings / "jfk.wav", dtype="int16")
    return np.asarray(sound)


def test_both_detectors_fill_the_port_and_are_found_by_name(model: Path) -> None:
    assert isinstance(backends.load("vad", "silero")(model=model, aggressiveness=2), Vad)
    assert isinstance(backends.load("vad", "webrtc")(aggressiveness=2), Vad)


def test_each_chain_is_the_network_by_the_book_every_480_samples(model: Path, voice: Pcm16) -> None:
    got = probabilities(SileroVad(model), voice[: 4 * RATE_HZ])
    for first in (640, 800, 960):
        for end, probability in by_the_book(model, voice, range(first, 4 * RATE_HZ, 480)).items():
            assert got[end // FRAME_SAMPLES - 1] == pytest.approx(probability, abs=1e-5)


def test_verdicts_agree_with_the_book_at_512_samples(model: Path, voice: Pcm16) -> None:
    expected = by_the_book(model, voice, range(512, voice.size, 512))
    got = probabilities(SileroVad(model), voice)
    pairs = [(p >= 0.5, got[min(len(got), round(end / FRAME_SAMPLES)) - 1] >= 0.5) for end, p in expected.items()]
    assert np.mean([a == b for a, b in pairs]) > 0.97


@pytest.mark.parametrize("chains", [1, 3])
def test_it_is_unknown_until_the_first_window_and_again_after_a_reset(model: Path, chains: int) -> None:
    vad = SileroVad(model, chains=chains)
    silence = np.zeros(FRAME_SAMPLES, np.int16)
    for _ in range(2):
        first = [vad.push(silence) for _ in range(10)]
        assert first == [-1] * (WARM_UP_FRAMES - 1) + [0] * (11 - WARM_UP_FRAMES)
        vad.reset()


def test_a_stream_after_a_reset_is_a_stream_anew(model: Path, voice: Pcm16) -> None:
    vad = SileroVad(model)
    first = probabilities(vad, voice[: 2 * RATE_HZ])
    vad.reset()
    assert probabilities(vad, voice[: 2 * RATE_HZ]) == first


def test_two_detectors_do_not_share_anything(model: Path, voice: Pcm16) -> None:
    one, other = SileroVad(model), SileroVad(model)
    alone = probabilities(SileroVad(model), voice[:RATE_HZ])
    noise = (np.random.default_rng(1).normal(size=RATE_HZ) * 3000).astype(np.int16)
    got = []
    for frame, disturbance in zip(frames_of(voice[:RATE_HZ]), frames_of(noise), strict=True):
        one.push(frame)
        other.push(disturbance)
        got.append(one.probability)
    assert got == alone


def test_it_does_not_keep_or_change_the_frame(model: Path) -> None:
    vad, frame = SileroVad(model), np.arange(FRAME_SAMPLES, dtype=np.int16)
    for _ in range(6):
        vad.push(frame)
        assert np.array_equal(frame, np.arange(FRAME_SAMPLES))
    frame.flags.writeable = False
    vad.push(frame)


@pytest.mark.parametrize("level", range(4))
def test_a_voice_is_speech_and_noise_is_not(model: Path, recordings: Path, level: int) -> None:
    from firmware_py.audio.recording import load

    order = load(recordings / "commands" / "turn_on_living_room_lamp.wav")
    kitchen = load(recordings / "noise" / "kitchen-first-minute.flac")[: 10 * RATE_HZ]
    vad = SileroVad(model, level)
    assert np.mean([vad.push(f) == 1 for f in frames_of(order)]) > 0.4
    vad.reset()
    assert np.mean([vad.push(f) == 1 for f in frames_of(kitchen)]) < 0.01


def test_a_higher_level_calls_no_more_frames_speech(model: Path, voice: Pcm16) -> None:
    shares = []
    for level in range(4):
        vad = SileroVad(model, level)
        shares.append(np.mean([vad.push(f) == 1 for f in frames_of(voice)]))
    assert shares == sorted(shares, reverse=True)
    assert all(off < on for on, off in THRESHOLDS) and sorted(THRESHOLDS) == list(THRESHOLDS)


@given(seed=st.integers(0, 2**32 - 1), loud=st.sampled_from([0, 1, 100, 32767]))
@settings(max_examples=25, deadline=None)
def test_any_sound_gives_a_verdict(model: Path, seed: int, loud: int) -> None:
    vad, chance = SileroVad(model), np.random.default_rng(seed)
    sound = chance.integers(-loud - 1, loud + 1, size=(8, FRAME_SAMPLES)).astype(np.int16)
    assert {vad.push(frame) for frame in sound} <= {-1, 0, 1}
    assert 0.0 <= vad.probability <= 1.0


@pytest.mark.parametrize("level", [-1, 4, 100])
@pytest.mark.parametrize("kind", ["webrtc", "silero"])
def test_a_level_that_does_not_exist_is_refused(kind: str, level: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 to 3 are allowed"):
        WebRtcVad(level) if kind == "webrtc" else SileroVad(tmp_path, level)


def test_a_missing_a_broken_and_another_model_are_named(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(Unavailable, match=r"gone\.onnx"):
        SileroVad(tmp_path / "gone.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07no model at all")
    with pytest.raises(BadInput, match=r"broken\.onnx.*\(.*\)$"):
        SileroVad(tmp_path / "broken.onnx")
    voice = models.resolve_voice("en_US-joe-medium").onnx
    with pytest.raises(BadInput, match="not Silero"):
        SileroVad(voice)
