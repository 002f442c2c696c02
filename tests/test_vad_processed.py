"""Noise suppression and gain control in front of the detector, the real ones; recognition keeps what came."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from firmware_py import backends
from firmware_py._ring import Ring
from firmware_py.audio.recording import load
from firmware_py.config import from_text
from firmware_py.errors import Unavailable
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Kind, Pcm16, TurnEvent
from firmware_py.listen import Listener
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import Vad
from firmware_py.vad.processed import ProcessedVad


class Noting:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Pcm16] = []
        self.resets = 0

    def push(self, frame: Pcm16) -> int:
        self.heard.append(frame.copy())
        return 1

    def reset(self) -> None:
        self.resets += 1


def level_db(sound: Pcm16) -> float:
    return float(10 * np.log10(np.mean(sound.astype(np.float64) ** 2) / 32768**2 + 1e-12))


def through(sound: Pcm16, **wanted: bool) -> Pcm16:
    detector = Noting()
    vad = ProcessedVad(detector, **wanted)
    assert isinstance(vad, Vad)
    verdicts = {vad.push(frame) for frame in sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, 160)}
    vad.reset()
    assert verdicts == {1} and detector.resets == 1 and {frame.size for frame in detector.heard} == {FRAME_SAMPLES}
    return np.concatenate(detector.heard)


def test_noise_is_suppressed() -> None:
    noise = np.random.default_rng(1).normal(0, 500, 4 * RATE_HZ).astype(np.int16)
    assert level_db(through(noise, noise_suppression=True)[-RATE_HZ:]) < level_db(noise) - 6
    np.testing.assert_array_equal(through(noise), noise)


def test_a_voice_that_is_too_quiet_is_raised(recordings: Path) -> None:
    voice = (load(recordings / "jfk.wav") / 32).astype(np.int16)
    assert level_db(through(voice, gain_control=True)[-RATE_HZ * 3 :]) > level_db(voice[-RATE_HZ * 3 :]) + 6


def heard(pipeline: VoicePipeline, sound: Pcm16) -> list[TurnEvent]:
    ring = Ring(1 << 20)
    ring.write(np.concatenate([np.zeros(RATE_HZ, np.int16), sound, np.zeros(2 * RATE_HZ, np.int16)]))
    return list(Listener(ring, pipeline.make_vad(), pipeline.listen_settings(), lambda position: position).decide())


def test_what_is_recognised_is_the_microphones_own(weights: Path, recordings: Path) -> None:
    said = load(recordings / "commands" / "what_time_is_it.wav")
    found = {}
    for wanted in ("false", "true"):
        pipeline = VoicePipeline(from_text(f"audio: {{noise_suppression: {wanted}, gain_control: {wanted}}}"))
        assert isinstance(pipeline.make_vad(), ProcessedVad) is (wanted == "true")
        [end] = [event for event in heard(pipeline, said) if event.kind is Kind.ENDPOINT]
        found[wanted] = end
    start = max(end.start for end in found.values())
    stop = min(end.start + end.audio.size for end in found.values())
    plain, processed = (end.audio[start - end.start : stop - end.start] for end in found.values())
    np.testing.assert_array_equal(plain, processed)


def test_without_the_package_it_is_said_and_done_without(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", None)
    with pytest.raises(Unavailable, match="pip install pywebrtc-audio"):
        backends.load("processed_vad", "webrtc")(Noting(), noise_suppression=True)
    pipeline = VoicePipeline(from_text("audio: {noise_suppression: true}"))
    assert not isinstance(pipeline.make_vad(), ProcessedVad)
    assert any(note.startswith("audio.noise_suppression: pywebrtc-audio is not installed") for note in pipeline.notes)
