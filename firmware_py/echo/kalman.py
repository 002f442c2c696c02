"""A linear echo canceller: a partitioned-block frequency-domain Kalman filter.

Its state is the room's response, one frequency and partition at a time, with a variance of its own; the step follows
from that and from the power of what is not explained, so that speech over the loudspeaker slows it down instead of
leading it astray (Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control", Signal
Processing 86, 2006; Kuech, Mabande and Enzner, "State-space architecture of the partitioned-block-based acoustic echo
controller", ICASSP 2014). Being linear it takes nothing away from a voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from firmware_py.events import FRAME_SAMPLES, Pcm16

PARTITIONS = 40
"""Of 10 ms each: what is heard later than this stays."""
BLOCK = 2 * FRAME_SAMPLES
FORGET = 0.997
"""How much of the response is taken to be the same a frame later: a clock that drifts changes it."""
SMOOTH = 0.85
FIRST_VARIANCE = 0.3
CONSTRAINED = 8
"""Partitions a frame that are brought back to a block of zeros behind their response, in turns."""


class KalmanEcho:
    """Fills the EchoCanceller port; delays from 0 to 400 ms, the room's response within."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        bins = BLOCK // 2 + 1
        self._far = np.zeros((partitions, bins), np.complex64)
        self._response = np.zeros((partitions, bins), np.complex64)
        self._variance = np.full((partitions, bins), FIRST_VARIANCE, np.float32)
        self._unexplained: NDArray[np.float32] = np.full(bins, 1e-4, np.float32)
        self._last: NDArray[np.float32] = np.zeros(FRAME_SAMPLES, np.float32)
        self._turn = 0

    def cancel(self, near: Pcm16, far: Pcm16) -> Pcm16:
        """The frame of 160 samples without the echo of ``far`` in it."""
        sound: NDArray[np.float32] = far.astype(np.float32) / np.float32(32768)
        self._far[1:] = self._far[:-1]
        self._far[0] = np.fft.rfft(np.concatenate([self._last, sound]))
        self._last = sound
        wanted = near.astype(np.float32) / 32768
        echo = np.fft.irfft((self._far * self._response).sum(0), BLOCK)[FRAME_SAMPLES:]
        error = (wanted - echo).astype(np.float32)
        self._adapt(error)
        out: Pcm16 = np.clip(np.rint(error * 32768), -32768, 32767).astype(np.int16)
        return out

    def close(self) -> None:
        """There is nothing to end."""

    def _adapt(self, error: NDArray[np.float32]) -> None:
        spectrum = np.fft.rfft(np.concatenate([np.zeros(FRAME_SAMPLES, np.float32), error])).astype(np.complex64)
        power = spectrum.real**2 + spectrum.imag**2
        self._unexplained *= SMOOTH
        self._unexplained += np.float32(1 - SMOOTH) * power
        far_power = self._far.real**2 + self._far.imag**2
        expected = (far_power * self._variance).sum(0) + 2 * self._unexplained + 1e-9
        gain = self._variance / expected
        self._response += gain * np.conj(self._far) * spectrum
        self._variance *= FORGET**2 * (1 - 0.5 * gain * far_power)
        self._variance += (1 - FORGET**2) * (self._response.real**2 + self._response.imag**2)
        self._constrain()

    def _constrain(self) -> None:
        chosen = (np.arange(CONSTRAINED) + self._turn) % len(self._response)
        self._turn = (self._turn + CONSTRAINED) % len(self._response)
        taps = np.fft.irfft(self._response[chosen], BLOCK)
        taps[:, FRAME_SAMPLES:] = 0
        self._response[chosen] = np.fft.rfft(taps)
