"""The capture gain of a sound card: its mixer control, through pyalsaaudio."""

from __future__ import annotations

import re
from typing import Any

from firmware_py.errors import Unavailable


class CaptureGain:
    """The mixer control that a capture device has, in percent. Raises Unavailable where there is none."""

    def __init__(self, device: str, alsa: Any = None) -> None:
        from firmware_py.audio.alsa_device import library

        self._alsa = alsa or library()
        self.card = mixer_of(device)
        self._mixer = self._find()
        self.control = str(self._mixer.mixer())

    @property
    def percent(self) -> int:
        return int(min(self._mixer.getvolume(self._alsa.PCM_CAPTURE)))

    def set(self, percent: int) -> None:
        self._mixer.setvolume(percent, self._alsa.MIXER_CHANNEL_ALL, self._alsa.PCM_CAPTURE)

    def _find(self) -> Any:
        try:
            for control in self._alsa.mixers(device=self.card):
                mixer = self._alsa.Mixer(control, device=self.card)
                if any("Capture" in able for able in mixer.volumecap()):
                    return mixer
        except self._alsa.ALSAAudioError as error:
            raise Unavailable(f"{self.card} has no mixer ({error})") from error
        raise Unavailable(f"{self.card} has no control for the capture gain")


def mixer_of(device: str) -> str:
    """The control device of a PCM: that of its card where the name says which."""
    named = re.search(r"CARD=([^,]+)", device) or re.match(r"(?:plug)?hw:([^,]+)", device)
    return f"hw:{named[1]}" if named else device
