"""A detector that hears the microphone behind WebRTC's noise suppression and gain control, through ``pywebrtc-audio``.

Only it does: recognition and the wake word get the sound as it came.
"""

from __future__ import annotations

from typing import Protocol

from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, Pcm16

MONO, MODERATE = 1, 1


class Detector(Protocol):
    """The Vad port."""

    def push(self, frame: Pcm16) -> int: ...
    def reset(self) -> None: ...


class ProcessedVad:
    """A :class:`~firmware_py.ports.Vad` in front of which the sound is processed.

    The processing is of the room, not of a stream: it goes on over a reset. Raises Unavailable without the package.
    """

    def __init__(self, vad: Detector, *, noise_suppression: bool = False, gain_control: bool = False) -> None:
        try:
            import pywebrtc_audio as webrtc
        except ImportError as error:
            raise Unavailable(f"pywebrtc-audio is not installed ({error}); pip install pywebrtc-audio") from error
        self._vad = vad
        self._suppressor = webrtc.NoiseSuppressor(RATE_HZ, MONO, MODERATE) if noise_suppression else None
        self._gain = webrtc.GainController(RATE_HZ) if gain_control else None

    def push(self, frame: Pcm16) -> int:
        """1 for speech, 0 for none, -1 for not known yet; ``frame`` is 160 samples."""
        if self._suppressor is not None:
            frame = self._suppressor.process(frame)
        if self._gain is not None:
            frame = self._gain.process(frame)
        return self._vad.push(frame)

    def reset(self) -> None:
        """The detector forgets the stream."""
        self._vad.reset()
