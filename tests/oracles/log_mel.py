"""Whisper's log-mel spectrogram in plain numpy, in double precision (openai/whisper, ``audio.py``)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def log_mel(samples: NDArray[np.float32], bank: NDArray[np.float32], frames: int) -> NDArray[np.float64]:
    """``(bands, frames)``; silence behind the last sample, a mirror image before the first."""
    mirror = np.zeros(200)
    known = samples[1:201].astype(float)
    mirror[200 - known.size :] = known[::-1]
    padded = np.concatenate([mirror, samples.astype(float), np.zeros(400 + 160 * frames)])
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(400) / 400))
    count = max(frames, -(-(samples.size + 200) // 160))
    cut = np.stack([padded[160 * i : 160 * i + 400] for i in range(count) if 160 * i + 400 <= padded.size])
    power = np.abs(np.fft.rfft(cut * window)) ** 2
    logs = np.log10(np.maximum(bank.astype(float) @ power.T, 1e-10))
    logs = np.maximum(logs, logs.max() - 8.0)
    scaled: NDArray[np.float64] = ((logs + 4.0) / 4.0)[:, :frames]
    return scaled
