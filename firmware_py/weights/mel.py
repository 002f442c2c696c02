"""The mel filter bank that Whisper was trained with, computed instead of shipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
N_FFT = 400
N_BINS = N_FFT // 2 + 1

_HZ_PER_MEL = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Slaney's scale: linear below 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _HZ_PER_MEL, above)


def filter_bank(n_mels: int) -> NDArray[np.float32]:
    """Triangular filters of equal area over 0..8 kHz, shape ``(n_mels, 201)``.

    The bank of ``librosa.filters.mel(sr=16000, n_fft=400, n_mels=n_mels)``, which Whisper ships as an asset. The
    order of operations and the types are librosa's, so the 80-band bank is that asset to the last bit.
    """
    top = _BREAK_MEL + np.log(RATE_HZ / 2 / _BREAK_HZ) / _LOG_STEP
    edges = _hz(np.linspace(0.0, top, n_mels + 2))
    bins = np.linspace(0.0, RATE_HZ / 2, N_BINS)
    rising = (bins[None, :] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None, :]) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    area = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(triangles * area[:, None], np.float32)
