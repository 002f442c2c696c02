"""Where speech begins and ends in an utterance, by level alone.

The endpointer already cuts live speech; this trims recordings handed over whole and tells silence from
sound before a model is asked. It errs on keeping: quiet speech near noise stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
FRAME = 160
SILENCE_DBFS = -62.0
"""Below this a microphone delivers its own noise; no utterance of the shared recordings peaks under -40."""
ABOVE_FLOOR_DB = 9.0
MARGIN_MS = 300
"""Kept at both ends: less clips the first consonant, more invites invention (measured on commands)."""


def frame_levels_db(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """RMS level of each whole 10 ms frame in dBFS, shape ``(len(audio) // 160,)``."""
    frames = audio[: audio.size // FRAME * FRAME].reshape(-1, FRAME)
    power = np.mean(np.square(frames, dtype=np.float32), axis=1) - np.square(np.mean(frames, axis=1))
    return np.asarray(10.0 * np.log10(np.maximum(power, 1e-12)), dtype=np.float32)


def speech_bounds(audio: NDArray[np.float32]) -> tuple[int, int] | None:
    """First and one-past-last sample to keep, margins included, or None when all is silence."""
    levels = frame_levels_db(audio)
    if levels.size == 0 or float(levels.max()) < SILENCE_DBFS:
        return None
    smooth = np.convolve(np.pad(levels, 1, mode="edge"), np.ones(3, np.float32) / 3, mode="valid")
    floor = float(np.percentile(levels, 10))
    peak = float(levels.max())
    threshold = max(SILENCE_DBFS, min(floor + ABOVE_FLOOR_DB, peak - 12.0))
    active = np.flatnonzero(smooth > threshold)
    if active.size == 0:
        return 0, audio.size
    margin = MARGIN_MS * RATE_HZ // 1000
    start = max(0, int(active[0]) * FRAME - margin)
    stop = min(audio.size, (int(active[-1]) + 1) * FRAME + margin)
    return start, stop


def windows(audio: NDArray[np.float32], *, longest_s: float = 28.0, shortest_s: float = 18.0) -> list[tuple[int, int]]:
    """Cuts audio into windows of at most ``longest_s``, each cut at the quietest 200 ms past ``shortest_s``."""
    longest, shortest = int(longest_s * RATE_HZ), int(shortest_s * RATE_HZ)
    bounds, start = [], 0
    while audio.size - start > longest:
        levels = frame_levels_db(audio[start + shortest : start + longest])
        quiet = np.convolve(levels, np.ones(20, np.float32), mode="valid")
        cut = start + shortest + (int(np.argmin(quiet)) + 10) * FRAME
        bounds.append((start, cut))
        start = cut
    bounds.append((start, audio.size))
    return bounds
