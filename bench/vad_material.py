"""What the detectors are compared on: recordings with reference marks, and noise that holds no speech.

The reference is made from energy alone, on recordings so clean (38 to 100 dB between the noise and the voice, 63 in
the middle) that it hardly depends on its threshold: at 35, 40 and 45 dB below the voice the marks move by less than
30 ms. ``plot_vad.py --reference`` draws it for the eye.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from firmware_py import models
from firmware_py.audio.recording import load
from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16

Float = NDArray[np.float64]
RANGE_DB = 40.0
VOICED_DB = 25.0
GAP_FRAMES = 20
LEAST_FRAMES = 8
SEED = 20261122
SHORT_WORDS = ("No.", "Stop.", "Yes.", "Two.", "Off.", "Go.", "Help.", "Ten.")


@dataclass(frozen=True)
class Spoken:
    """One recording. ``segments`` are spoken stretches in frames, gaps under 200 ms closed; ``voiced`` marks the
    frames within 25 dB of the voice's level, ``quiet`` those at least 300 ms away from any segment."""

    name: str
    sound: Pcm16
    segments: tuple[tuple[int, int], ...]
    voiced: NDArray[np.bool_]
    quiet: NDArray[np.bool_]
    level_db: float


def energy_db(sound: Pcm16) -> Float:
    """Of each 10 ms frame, its mean removed, in dB of full scale."""
    frames = sound[: sound.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES) / 32768.0
    frames = frames - frames.mean(axis=1, keepdims=True)
    result: Float = 10.0 * np.log10((frames**2).mean(axis=1) + 1e-12)
    return result


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each stretch of True."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def spoken(name: str, sound: Pcm16, range_db: float = RANGE_DB) -> Spoken:
    """The reference marks of a clean recording."""
    energy = energy_db(sound)
    voice, noise = np.percentile(energy, 95), np.percentile(energy, 10)
    loud = energy > max(noise + 12.0, voice - range_db)
    for start, end in runs(~loud):
        if start > 0 and end < loud.size and end - start <= GAP_FRAMES:
            loud[start:end] = True
    segments = [(a, b) for a, b in runs(loud) if b - a >= LEAST_FRAMES and energy[a:b].max() > voice - VOICED_DB]
    near = np.zeros(energy.size, bool)
    for start, end in segments:
        near[max(0, start - 30) : end + 30] = True
    return Spoken(name, sound, tuple(segments), energy > voice - VOICED_DB, ~near, float(voice))


def recordings(folder: Path, every: int = 1) -> list[Spoken]:
    """The orders in ``coffee/`` (every n-th) and the commands, those with at least 45 dB of contrast."""
    files = [*sorted((folder / "coffee").glob("*.flac"))[::every], *sorted((folder / "commands").glob("*.wav"))]
    found = []
    for file in files:
        sound = load(file)
        energy = energy_db(sound)
        if np.percentile(energy, 95) - np.percentile(energy, 10) >= 45.0:
            found.append(spoken(file.stem, sound))
    return found


def mixed(recording: Spoken, noise: Pcm16, snr_db: float) -> Pcm16:
    """The recording with noise so that the voice stands ``snr_db`` above it. Where the noise begins is drawn."""
    chance = np.random.default_rng([SEED, *recording.name.encode()])
    start = int(chance.integers(0, max(1, noise.size - recording.sound.size)))
    part = np.resize(noise[start:], recording.sound.size).astype(np.float64)
    noise_db = 10.0 * np.log10(np.mean((part / 32768.0) ** 2) + 1e-12)
    gain = 10.0 ** ((recording.level_db - snr_db - noise_db) / 20.0)
    return to_int16(recording.sound + gain * part)


def to_int16(sound: NDArray[np.floating]) -> Pcm16:
    clipped: Pcm16 = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return clipped


def words(every: int = 1) -> list[Spoken]:
    """Short words in the default voice, said three times each: what a minimum of speech must not swallow."""
    from firmware_py.tts.piper import Piper

    voice = models.resolve_voice("en_US-joe-medium")
    piper, found, rest = Piper(voice.onnx, voice.config), [], np.zeros(RATE_HZ, np.int16)
    for word in SHORT_WORDS:
        for number in range(3):
            said = np.concatenate(list(piper.synthesize(word))).astype(np.float32)
            sound = soxr.resample(said, piper.rate_hz, RATE_HZ)
            floor = np.random.default_rng([SEED, number]).normal(size=sound.size + 2 * RATE_HZ)
            found.append(spoken(f"{word} {number}", to_int16(np.concatenate([rest, sound, rest]) / 3.0 + floor)))
    return found[::every]


def noises(folder: Path, seconds: float = 60.0) -> dict[str, Pcm16]:
    """Sound without speech, a minute each: the kitchen at three gains, and seven that are made."""
    kitchen = load(folder / "noise" / "kitchen-first-minute.flac").astype(np.float64)
    found = {f"kitchen {gain:+d} dB": to_int16(kitchen * 10.0 ** (gain / 20.0)) for gain in (-12, 0, 12)}
    count = int(seconds * RATE_HZ)
    for name, (make, level_db) in MADE.items():
        sound = make(np.random.default_rng([SEED, *name.encode()]), count)
        found[name] = to_int16(sound / np.sqrt(np.mean(sound**2)) * 32768.0 * 10.0 ** (level_db / 20.0))
    return found


def _white(chance: np.random.Generator, count: int) -> Float:
    return chance.normal(size=count)


def _pink(chance: np.random.Generator, count: int) -> Float:
    spectrum = np.fft.rfft(chance.normal(size=count))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0.0
    return np.fft.irfft(spectrum, count)


def _fan(chance: np.random.Generator, count: int) -> Float:
    """Brown noise with the blades' tones at 118 Hz, a little unsteady."""
    spectrum = np.fft.rfft(chance.normal(size=count))
    spectrum[1:] /= np.arange(1, spectrum.size) ** 0.9
    spectrum[0] = 0.0
    rumble = np.fft.irfft(spectrum, count)
    phase = 2 * np.pi * np.cumsum(118.0 + 2.0 * np.sin(np.arange(count) / RATE_HZ)) / RATE_HZ
    return rumble / rumble.std() + sum(0.5 / k * np.sin(k * phase) for k in range(1, 6))


def _hum(chance: np.random.Generator, count: int) -> Float:
    t = np.arange(count) / RATE_HZ
    return sum(np.sin(2 * np.pi * 50 * k * t) / k for k in (1, 2, 3, 5, 7)) + 0.01 * chance.normal(size=count)


def _clicks(chance: np.random.Generator, count: int) -> Float:
    """Typing: five keys a second, each a burst of 3 to 12 ms."""
    sound = 0.001 * chance.normal(size=count)
    for at in chance.integers(0, count - 800, size=5 * count // RATE_HZ):
        n = int(chance.integers(48, 200))
        sound[at : at + n] += chance.normal(size=n) * np.exp(-np.arange(n) / (n / 4)) * chance.uniform(0.3, 1.0)
    return sound


def _knocks(chance: np.random.Generator, count: int) -> Float:
    """A pan put down, a door: a decaying resonance between 90 and 900 Hz, one a second."""
    sound = 0.001 * chance.normal(size=count)
    for at in chance.integers(0, count - RATE_HZ, size=count // RATE_HZ):
        n = RATE_HZ // 2
        t, f = np.arange(n) / RATE_HZ, chance.uniform(90, 900)
        ring = np.sin(2 * np.pi * f * t) + 0.5 * np.sin(2 * np.pi * 2.76 * f * t)
        sound[at : at + n] += ring * np.exp(-t / chance.uniform(0.02, 0.12)) * chance.uniform(0.3, 1.0)
    return sound


def _music(chance: np.random.Generator, count: int) -> Float:
    """Plucked chords of three notes with eight harmonics, two a second: the hardest without a voice."""
    sound = 0.0005 * chance.normal(size=count)
    for start in range(0, count - RATE_HZ, RATE_HZ // 2):
        t = np.arange(RATE_HZ) / RATE_HZ
        for note in chance.choice([0, 2, 4, 5, 7, 9, 11, 12], size=3, replace=False):
            f = 196.0 * 2 ** (note / 12)
            tone = sum(np.sin(2 * np.pi * k * f * t) / k for k in range(1, 9))
            sound[start : start + t.size] += tone * np.exp(-t / 0.35) * np.minimum(1.0, t / 0.005)
    return sound


MADE: dict[str, tuple[Callable[[np.random.Generator, int], Float], float]] = {
    "white -50 dB": (_white, -50.0),
    "white -30 dB": (_white, -30.0),
    "pink -35 dB": (_pink, -35.0),
    "fan -30 dB": (_fan, -30.0),
    "hum -30 dB": (_hum, -30.0),
    "typing -40 dB": (_clicks, -40.0),
    "knocks -30 dB": (_knocks, -30.0),
    "music -25 dB": (_music, -25.0),
}
