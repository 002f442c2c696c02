"""Short sounds that say what happened, as the configuration wants them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from firmware_py.audio.tone import earcon
from firmware_py.config import Config
from firmware_py.events import Pcm16


class Earcons:
    """Each method returns at once. ``chime`` takes int16 at ``rate_hz``; a sound is made once, when first wanted."""

    def __init__(self, config: Config, rate_hz: int, chime: Callable[[Pcm16], None]) -> None:
        sounds = config.sounds
        self._is_on = {
            "wake": sounds.wake,
            "done": sounds.done,
            "error": sounds.error,
            "mute": sounds.mute,
            "unmute": sounds.mute,
        }
        self._chime = chime
        self._sound = cache(lambda name: earcon(name, rate_hz, sounds.volume / 100))

    def play(self, name: str) -> None:
        """One of ``audio.tone.EARCON_NAMES``, unless it is switched off."""
        if self._is_on[name]:
            self._chime(self._sound(name))

    def off(self) -> None:
        """None from now on."""
        self._is_on = dict.fromkeys(self._is_on, False)
