"""Echo cancellation by WebRTC's AEC3, through ``pywebrtc-audio``."""

from __future__ import annotations

from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, Pcm16


class WebRtcEcho:
    """Finds the delay between the two streams itself, from 0 to about 400 ms, and follows it.

    It filters the microphone's sound (high pass) and gives it back 4 ms late. Raises Unavailable without the package.
    """

    def __init__(self) -> None:
        try:
            from pywebrtc_audio import EchoCanceller as Aec3
        except ImportError as error:
            raise Unavailable(f"pywebrtc-audio is not installed ({error}); pip install pywebrtc-audio") from error
        self._aec3 = Aec3(RATE_HZ)

    def cancel(self, near: Pcm16, far: Pcm16) -> Pcm16:
        """The frame of 160 samples without the echo of ``far`` in it; the GIL is released meanwhile."""
        clean: Pcm16 = self._aec3.process(near, far)
        return clean

    def close(self) -> None:
        """There is nothing to end."""
