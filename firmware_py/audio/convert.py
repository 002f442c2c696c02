"""Sample formats and rates at the edge of the walk: float32 in -1..1 inside, int16 at 16 kHz out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.events import Pcm16

Float32 = NDArray[np.float32]


def to_int16(samples: Float32) -> Pcm16:
    """float32 in -1..1 to int16: rounded to the nearest, clipped. int16 / 32768 comes back bit by bit."""
    scaled = np.rint(samples * np.float32(32768.0))
    out: Pcm16 = np.clip(scaled, -32768, 32767, out=scaled).astype(np.int16)
    return out


def to_float32(samples: Pcm16) -> Float32:
    """int16 to float32 in -1..1, shape kept."""
    out: Float32 = samples.astype(np.float32) / np.float32(32768.0)
    return out


class Resampler:
    """A stream of mono float32 from one rate to another (soxr, HQ: -100 dB stop band, flat to 0.91 of the band).

    ``quality`` LQ holds back 22 ms of speech at 22.05 kHz where HQ holds back 40 (measured).

    All blocks and ``finish`` together give ``round(n * to_hz / from_hz)`` samples for n that went in; equal rates
    pass through untouched.
    """

    def __init__(self, from_hz: int, to_hz: int, quality: str = "HQ") -> None:
        self.from_hz, self.to_hz = from_hz, to_hz
        self._stream: Any = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=quality)

    def push(self, samples: Float32) -> Float32:
        """The next block, shape ``(n,)``; may give fewer samples than expected, or none, until later."""
        if self._stream is None:
            return samples
        out: Float32 = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return out

    def finish(self) -> Float32:
        """What is still inside; the next ``push`` begins a new stream."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        tail: Float32 = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream.clear()
        return tail

    def clear(self) -> None:
        """Forgets what is inside."""
        if self._stream is not None:
            self._stream.clear()

    def delay_s(self) -> float:
        """The sound that is inside, in seconds."""
        return 0.0 if self._stream is None else float(self._stream.delay()) / self.to_hz
