"""WebRTC's VAD through the module ``webrtcvad`` (package ``webrtcvad-wheels``)."""

from __future__ import annotations

from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, Pcm16


class WebRtcVad:
    """A Gaussian mixture on six sub-bands; a few microseconds a frame.

    ``aggressiveness`` 0 to 3: 3 calls the fewest frames speech. It has a hangover of its own of 60 to 150 ms
    behind speech, which the endpointer corrects with the energy detector.
    """

    def __init__(self, aggressiveness: int = 3) -> None:
        if aggressiveness not in (0, 1, 2, 3):
            raise ValueError(f"aggressiveness {aggressiveness}: 0 to 3 are allowed")
        try:
            import webrtcvad
        except ImportError as error:
            raise Unavailable(f"webrtcvad is not installed ({error}); run 'make setup'") from error
        self._aggressiveness = aggressiveness
        self._make = webrtcvad.Vad
        self._vad = self._make(aggressiveness)

    def push(self, frame: Pcm16) -> int:
        """1 for speech, 0 for none; ``frame`` is 160 samples."""
        return int(self._vad.is_speech(frame.tobytes(), RATE_HZ))

    def reset(self) -> None:
        """Forgets the noise it has learned."""
        self._vad = self._make(self._aggressiveness)
