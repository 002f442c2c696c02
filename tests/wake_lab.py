"""Somebody says a wake word and something behind it: the default voice's word, a voice's or a person's command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import takes

from firmware_py import backends
from firmware_py.audio.recording import load
from firmware_py.audio.wav import write_wav
from firmware_py.config import from_text
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import WakeWord

TAKES = 12

PHRASES = {"okay_nabu": "Okay Nabu.", "hey_jarvis": "Hey Jarvis.", "hey_mycroft": "Hey Mycroft.", "alexa": "Alexa."}


def voiced(sound: Pcm16, peak: float = 0.5) -> Pcm16:
    """From the first to the last 10 ms within 30 dB of the loudest, at ``peak`` of full scale."""
    frames = sound[: sound.size // 160 * 160].astype(np.float64).reshape(-1, 160)
    energy = np.mean(frames**2, axis=1)
    loud = np.nonzero(energy > energy.max() * 1e-3)[0]
    kept = frames[loud[0] : loud[-1] + 1].ravel()
    scaled: Pcm16 = np.rint(kept / np.abs(kept).max() * peak * 32767).astype(np.int16)
    return scaled


class Speaker:
    """The default voice at 16 kHz, the same take each time."""

    def __init__(self) -> None:
        self.pipeline = VoicePipeline(from_text("tts: {cache: {enabled: false}}"))

    def say(self, text: str, seed: int = takes.SEED) -> Pcm16:
        return voiced(takes.take_16k(text, seed))

    def word(self, name: str, *behind: Pcm16 | float) -> Pcm16:
        """The first take of a wake word that is heard with this behind it: some takes of the voice are missed."""
        engine: WakeWord = backends.load("wake", "micro")([name])
        for seed in range(takes.SEED, takes.SEED + TAKES):
            said = self.say(PHRASES[name], seed)
            if set(hears(engine, in_a_room([1.0, said, *behind, 1.5]))) == {name}:
                return said
        raise AssertionError(f"none of {TAKES} takes of {name} is heard")


def hears(engine: WakeWord, sound: Pcm16) -> list[str]:
    """The words that an engine hears in a sound."""
    engine.reset()
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    heard = [engine.push(frame) for frame in frames]
    return [h.word for h in heard if h is not None and not h.is_near]


def person(file: Path) -> Pcm16:
    """What a person says, without what a hand does to the microphone before and behind it."""
    sound, detector = load(file), VoicePipeline().make_vad()
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    speech = np.nonzero([detector.push(frame) == 1 for frame in frames])[0]
    return voiced(sound[speech[0] * FRAME_SAMPLES - 800 : (speech[-1] + 1) * FRAME_SAMPLES + 800])


def in_a_room(parts: Sequence[Pcm16 | float]) -> Pcm16:
    """Sounds one behind the other, numbers are seconds of rest; over a quiet room's noise."""
    pieces = [np.zeros(int(p * RATE_HZ), np.int16) if isinstance(p, float) else p for p in parts]
    sound = np.concatenate(pieces)
    noise = np.random.default_rng(5).normal(0, 8, sound.size)
    mixed: Pcm16 = np.clip(sound + noise, -32768, 32767).astype(np.int16)
    return mixed


def written(path: Path, *parts: Pcm16 | float) -> Path:
    write_wav(path, RATE_HZ, [in_a_room([1.0, *parts, 1.5])])
    return path
