"""Lets what is due be heard: a tone and a sentence, again and again until it is stopped.

It sounds beside the walk, not in it: who speaks is heard and answered meanwhile, and the ringing steps back so long.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from firmware_py.agenda.entries import RINGING, Entry
from firmware_py.app import Appliance
from firmware_py.audio.tone import ring
from firmware_py.events import Pcm16
from firmware_py.respond import announce

PIECE_MS = 20
"""A ring that was stopped is over within this."""

_log = logging.getLogger("rtva")


class Ringer:
    """Called by the scheduler; returns at once. One sound waits at a time, and people who speak go first."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._agenda = appliance.pipeline.world.agenda
        self._is_waiting = False
        self._said: tuple[str, Pcm16] = ("", np.zeros(0, np.int16))
        unsure = self._agenda.unsure()
        if unsure:
            appliance.say(announce.unsure(unsure))

    def __call__(self, entries: Sequence[Entry]) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._appliance.between_turns(self._sound)

    def _sound(self) -> None:
        """In the turn thread, whose voice makes the sentence; what was stopped meanwhile is not heard."""
        self._is_waiting = False
        entries = self._agenda.entries(phase=RINGING)
        if entries:
            sentence = self._sentence(announce.due(entries, self._agenda.clock))
            rate_hz = self._appliance.taker.stations.tts.rate_hz
            self._appliance.sound_under(self._pieces(np.concatenate([*ring(rate_hz), sentence]), rate_hz))

    def _sentence(self, text: str) -> Pcm16:
        """Made once as long as the same rings; a voice that fails leaves the tone."""
        if self._said[0] != text:
            self._appliance.taker.drop_draft()
            try:
                chunks = self._appliance.taker.stations.tts.synthesize(text)
                self._said = (text, np.concatenate([np.zeros(0, np.int16), *chunks]))
            except Exception as error:  # whatever an engine raises: what is due must be heard
                _log.error("what rings could not be said: %s", error)
                return self._said[1][:0]
        return self._said[1]

    def _pieces(self, sound: Pcm16, rate_hz: int) -> Iterator[Pcm16]:
        """In the play thread, as long as it rings."""
        size = PIECE_MS * rate_hz // 1000
        for start in range(0, sound.size, size):
            if not self._agenda.entries(phase=RINGING):
                return
            yield sound[start : start + size]
