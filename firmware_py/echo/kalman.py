"""A linear echo canceller: a partitioned-block frequency-domain Kalman filter.

Its state is the room's response, one frequency and partition at a time, with a variance of its own; the step follows
from that and from the power of what is not explained, so that speech over the loudspeaker slows it down instead of
leading it astray (Enzner and Vary, "Frequency-domain adaptive Kalman filter for acoustic echo control", Signal
Processing 86, 2006; Kuech, Mabande and Enzner, "State-space architecture of the partitioned-block-based acoustic echo
controller", ICASSP 2014). Being linear it takes nothing away from a voice.

A device tells its delay some samples wrongly, another time with each answer. What was learnt of the room is then moved
to where it fits (:class:`Recent`) and not learnt anew, which takes two seconds.
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
RECENT_FRAMES = 20
"""So much is looked at, so often, for another place."""
MOST_MOVED = 48
"""Samples: 3 ms either way."""
ENOUGH = 0.25
"""Share of the power that may be left before another place is looked for: 6 dB are taken out."""
BETTER = 0.5
"""A place must leave less than this share of what is left now. Of a voice over the loudspeaker no place does."""
ADDS = 1.25
"""A filter that adds so much has learnt another room, and begins anew."""
AUDIBLE = 1e-6
"""Power, of full scale: -60 dB."""
MOVED_VARIANCE = 0.02
"""Of the response's own power, once it was moved: the place is known to a sample, not to its fractions."""


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
        self._recent = Recent()
        self.moved = 0

    def cancel(self, near: Pcm16, far: Pcm16) -> Pcm16:
        """The frame of 160 samples without the echo of ``far`` in it."""
        sound: NDArray[np.float32] = far.astype(np.float32) / np.float32(32768)
        self._far[1:] = self._far[:-1]
        self._far[0] = np.fft.rfft(np.concatenate([self._last, sound]))
        self._last = sound
        wanted: NDArray[np.float32] = near.astype(np.float32) / np.float32(32768)
        echo: NDArray[np.float32] = np.fft.irfft((self._far * self._response).sum(0), BLOCK)[FRAME_SAMPLES:].astype(
            np.float32
        )
        error = wanted - echo
        self._adapt(error)
        if self._recent.saw(wanted, echo):
            self._find_place()
        out: Pcm16 = np.clip(np.rint(error * 32768), -32768, 32767).astype(np.int16)
        return out

    def close(self) -> None:
        """There is nothing to end."""

    def _find_place(self) -> None:
        """Moves the response to where it explains more of the last frames; it begins anew where it only adds."""
        lag = self._recent.lag()
        if lag:
            self.moved += 1
            taps = np.fft.irfft(self._response, BLOCK)[:, :FRAME_SAMPLES].ravel()
            moved = np.roll(taps, lag)
            moved[: max(lag, 0)] = moved[moved.size + min(lag, 0) :] = 0
            blocks = np.pad(moved.reshape(-1, FRAME_SAMPLES), ((0, 0), (0, FRAME_SAMPLES)))
            self._response = np.fft.rfft(blocks).astype(np.complex64)
            power = np.mean(self._response.real**2 + self._response.imag**2, axis=1, keepdims=True)
            self._variance = np.maximum(self._variance, MOVED_VARIANCE * power)
        elif self._recent.is_worse:
            self._response[:] = 0
            self._variance[:] = FIRST_VARIANCE

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


class Recent:
    """The last frames of the microphone and of the echo that was expected in them: whether it came at another time."""

    def __init__(self) -> None:
        self._near: NDArray[np.float32] = np.zeros((RECENT_FRAMES, FRAME_SAMPLES), np.float32)
        self._echo: NDArray[np.float32] = np.zeros((RECENT_FRAMES, FRAME_SAMPLES), np.float32)
        self._count = 0

    def saw(self, near: NDArray[np.float32], echo: NDArray[np.float32]) -> bool:
        """Notes a frame; whether it is time to look, and so little is taken out that there may be something to find."""
        at = self._count % RECENT_FRAMES
        self._near[at], self._echo[at] = near, echo
        self._count += 1
        if at < RECENT_FRAMES - 1:
            return False
        self._before, self._left = _power(self._near), _power(self._near - self._echo)
        return self._before > AUDIBLE and self._left > ENOUGH * self._before

    @property
    def is_worse(self) -> bool:
        """Whether what was expected added to what was there."""
        return self._left > ADDS * self._before

    def lag(self) -> int:
        """By how many samples the echo came later than expected; 0 where no other place is clearly better."""
        near, echo = self._near.ravel(), self._echo.ravel()
        size = 1 << (2 * near.size - 1).bit_length()
        match = np.fft.irfft(np.fft.rfft(near, size) * np.conj(np.fft.rfft(echo, size)), size)
        lags = np.arange(-MOST_MOVED, MOST_MOVED + 1)
        best = int(lags[np.argmax(match[lags])])
        gained = 2 * float(match[best] - match[0]) / near.size
        return best if gained > (1 - BETTER) * self._left else 0


def _power(sound: NDArray[np.float32]) -> float:
    return float(np.mean(sound * sound))
