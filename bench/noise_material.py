"""Sounds in which nobody speaks to anybody: noise at three levels, and a television.

``pieces()`` gives them, the same ones every time, each at most a minute long. Levels are the RMS in dB of full scale.
The kitchen is the recorded minute as it is, backwards, slower, faster, and two stretches of it over each other: five
minutes. The television is people's orders, commands and a speech one behind the other, two at a time now and then, 3 to
5 m away in a room that rings for 0.4 to 0.7 s (``bench_recognition_rooms.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from bench_recognition_rooms import convolve, response
from numpy.typing import NDArray

from firmware_py.audio.recording import load
from firmware_py.events import RATE_HZ, Pcm16

Float = NDArray[np.float64]
MINUTE = 60 * RATE_HZ
SEED = 32
NOISE_DB = (-50.0, -35.0, -20.0)
TELEVISION_DB = (-55.0, -45.0, -35.0)


@dataclass(frozen=True)
class Piece:
    """``kind`` is what it is, ``level_db`` how loud, None for silence."""

    kind: str
    level_db: float | None
    sound: Pcm16


def pieces(folder: Path, minutes: int = 5, seconds: float = 60.0) -> Iterator[Piece]:
    """``minutes`` (5 at most) of kitchen and of television a level, one of all else; ``seconds`` cuts each."""
    size = int(seconds * RATE_HZ)
    for number in range(minutes):
        minute = kitchen(folder, number)
        for level_db in NOISE_DB:
            yield Piece("kitchen", level_db, at_level(minute[:size], level_db))
    for kind, made in MADE.items():
        sound = made(np.random.default_rng([SEED, *kind.encode()]))
        for level_db in NOISE_DB:
            yield Piece(kind, level_db, at_level(sound[:size], level_db))
    yield Piece("digital silence", None, np.zeros(size, np.int16))
    for number in range(minutes):
        rng = np.random.default_rng([SEED, number])
        sound = television(folder, rng)
        for level_db in TELEVISION_DB:
            yield Piece("television", level_db, at_level(sound[:size], level_db))


def at_level(sound: Float, level_db: float) -> Pcm16:
    """``sound`` at this RMS, over a quiet room's noise."""
    scaled = sound * (32768 * 10 ** (level_db / 20) / max(1e-9, float(np.sqrt(np.mean(sound**2)))))
    room = np.random.default_rng(SEED).normal(0, 4, sound.size)
    out: Pcm16 = np.clip(np.rint(scaled + room), -32768, 32767).astype(np.int16)
    return out


def kitchen(folder: Path, number: int) -> Float:
    """One of the five minutes."""
    whole = load(folder / "noise" / "kitchen-first-minute.flac").astype(np.float64)
    half = whole.size // 2
    made = (
        lambda: whole,
        lambda: whole[::-1],
        lambda: np.asarray(soxr.resample(whole, RATE_HZ, RATE_HZ * 1.2)),
        lambda: np.asarray(soxr.resample(whole, RATE_HZ, RATE_HZ * 0.85)),
        lambda: whole + np.roll(whole, half),
    )[number]()
    return np.resize(made, MINUTE)


def television(folder: Path, rng: np.random.Generator) -> Float:
    """A minute of talk from across the room."""
    files = [
        *sorted((folder / "coffee").glob("*.flac")),
        *sorted((folder / "commands").glob("*.wav")),
        folder / "jfk.wav",
    ]
    dry, at = np.zeros(MINUTE + 20 * RATE_HZ), 0
    while at < MINUTE:
        said = load(files[int(rng.integers(len(files)))]).astype(np.float64)
        said /= max(1.0, np.abs(said).max())
        said = said[: dry.size - at]
        dry[at : at + said.size] += said
        at += int(said.size * rng.uniform(0.6, 1.0)) + int(rng.uniform(0, 0.5) * RATE_HZ)
    heard: Float = convolve(dry[:MINUTE], response(rng.uniform(3, 5), rng.uniform(0.4, 0.7), rng))
    return heard


def pink(rng: np.random.Generator) -> Float:
    """1/f in power."""
    spectrum = np.fft.rfft(rng.normal(size=MINUTE))
    spectrum[1:] /= np.sqrt(np.arange(1, spectrum.size))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, MINUTE)


def breathing(rng: np.random.Generator) -> Float:
    """Breaths of a sleeper near the microphone: noise from 300 to 2500 Hz, 14 a minute, in and out, uneven."""
    spectrum = np.fft.rfft(rng.normal(size=MINUTE))
    hz = np.fft.rfftfreq(MINUTE, 1 / RATE_HZ)
    spectrum *= (hz > 300) * np.exp(-hz / 900)
    noise, loud, at = np.fft.irfft(spectrum, MINUTE), np.zeros(MINUTE), 0
    while at < MINUTE:
        for part_s, level in ((rng.uniform(1.0, 1.6), 0.7), (rng.uniform(1.4, 2.2), 1.0)):
            rise = np.sin(np.linspace(0, np.pi, int(part_s * RATE_HZ))) ** 2 * level * rng.uniform(0.6, 1.0)
            rise = rise[: max(0, MINUTE - at)]
            loud[at : at + rise.size] = rise
            at += rise.size + int(rng.uniform(0.1, 0.4) * RATE_HZ)
    out: Float = noise * loud
    return out


def music(rng: np.random.Generator) -> Float:
    """Plucked strings (Karplus and Strong) in chords, and a melody with vibrato over them."""
    scale = 220.0 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    sound = np.zeros(MINUTE + 4 * RATE_HZ)
    for beat in range(0, MINUTE, RATE_HZ // 2):
        for _ in range(3):
            note = pluck(float(rng.choice(scale)) / 2, 1.5, rng)
            sound[beat : beat + note.size] += note
        if rng.random() < 0.7:
            note = sung(float(rng.choice(scale)) * 2, rng.uniform(0.3, 0.9), rng)
            sound[beat : beat + note.size] += 0.6 * note
    return sound[:MINUTE]


def pluck(note_hz: float, seconds: float, rng: np.random.Generator) -> Float:
    """One string: a burst of noise in a delay line that averages two neighbours, a period at a time."""
    period = int(RATE_HZ / note_hz)
    line = rng.uniform(-1, 1, period)
    parts = []
    for _ in range(int(seconds * note_hz)):
        parts.append(line)
        line = 0.498 * (line + np.roll(line, 1))
    return np.concatenate(parts)


def sung(note_hz: float, seconds: float, rng: np.random.Generator) -> Float:
    """A tone with ten harmonics, vibrato, a soft begin and end, as of a violin or a flute."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(note_hz * (1 + 0.01 * np.sin(2 * np.pi * rng.uniform(5, 6.5) * at))) / RATE_HZ
    wave = sum(np.sin(k * phase) / k**1.5 for k in range(1, 11))
    out: Float = wave * np.minimum(1, np.minimum(at / 0.05, (seconds - at) / 0.08))
    return out


MADE = {
    "white": lambda rng: rng.normal(size=MINUTE),
    "pink": pink,
    "breathing": breathing,
    "music": music,
}
