"""What ``bench_endpointer.py`` judges: the shared recordings, and the same with a pause put in.

A pause is put where the voice is weakest inside the sentence: one of the four deepest dips of its energy, drawn by a
seeded generator, at least 250 ms from both ends. Nearly all of them lie between two words; some in the closure of a
"p", "t" or "k". It is 250 to 600 ms long, of the recording's own background, and faded in and out over 5 ms.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_py.audio.recording import load
from firmware_py.events import FRAME_SAMPLES, RATE_HZ

FOLDER = Path(os.environ.get("RTVA_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "speech"))
PAUSES_MS = (250, 600)
EDGE_MS, APART_MS, DIPS, FADE_SAMPLES = 250, 150, 4, 80
BACKGROUND_S = 2.0
"""Of the room, behind every recording, so that every policy comes to an end in it."""

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Sentence:
    """One recording. ``end`` is one past its last voiced sample; ``pause_ms`` what was put in (0: nothing)."""

    name: str
    samples: Samples
    end: int
    pause_ms: int = 0


def span(samples: Samples) -> tuple[int, int, NDArray[np.float64]]:
    """First and one past the last loud sample by energy alone, not causal, and the energy of each frame."""
    frames = samples[: samples.size // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64)
    energy = np.convolve(frames.var(axis=1) + 1e-3, [0.25, 0.5, 0.25], "same")
    loud = energy > max(np.percentile(energy, 98) * 10**-3.5, np.percentile(energy, 10) * 10)
    whole = np.flatnonzero(np.convolve(loud, np.ones(4), "valid") == 4)
    return int(whole[0]) * FRAME_SAMPLES, int(whole[-1] + 4) * FRAME_SAMPLES, energy


def dips(samples: Samples) -> list[int]:
    """The deepest dips of the energy inside the sentence, as samples, deepest first."""
    start, end, energy = span(samples)
    edge = EDGE_MS // 10
    order = np.argsort(energy[start // FRAME_SAMPLES + edge : end // FRAME_SAMPLES - edge])
    found: list[int] = []
    for frame in order + start // FRAME_SAMPLES + edge:
        at = int(frame) * FRAME_SAMPLES + FRAME_SAMPLES // 2
        if all(abs(at - other) >= APART_MS * RATE_HZ // 1000 for other in found):
            found.append(at)
        if len(found) == DIPS:
            break
    return found


def background(samples: Samples, count: int, rng: np.random.Generator) -> Samples:
    """Noise as loud as the quietest tenth of the recording's frames."""
    _, _, energy = span(samples)
    level = float(np.sqrt(np.percentile(energy, 10)))
    return rng.normal(0.0, max(level, 0.5), count).round().astype(np.int16)


def with_background(samples: Samples, rng: np.random.Generator) -> Samples:
    return np.concatenate([samples, background(samples, int(BACKGROUND_S * RATE_HZ), rng)])


def with_pause(name: str, samples: Samples, rng: np.random.Generator) -> Sentence:
    """The recording with one pause in it."""
    at = int(rng.choice(dips(samples)))
    pause_ms = int(rng.integers(PAUSES_MS[0], PAUSES_MS[1] + 1))
    gap = background(samples, pause_ms * RATE_HZ // 1000, rng)
    fade = np.linspace(1.0, 0.0, FADE_SAMPLES)
    before, behind = samples[:at].astype(np.float64), samples[at:].astype(np.float64)
    before[-FADE_SAMPLES:] *= fade
    behind[:FADE_SAMPLES] *= fade[::-1]
    whole = np.concatenate([before.astype(np.int16), gap, behind.astype(np.int16)])
    return Sentence(name, with_background(whole, rng), span(samples)[1] + gap.size, pause_ms)


def sentences(every: int = 1) -> list[Sentence]:
    """Every ``every``-th order and all commands, as they are and with a pause."""
    rng = np.random.default_rng(6)
    files = [*sorted((FOLDER / "coffee").glob("*.flac"))[::every], *sorted((FOLDER / "commands").glob("*.wav"))]
    found: list[Sentence] = []
    for file in files:
        samples = load(file)
        found.append(Sentence(file.name, with_background(samples, rng), span(samples)[1]))
        found.append(with_pause(file.name, samples, rng))
    return found
