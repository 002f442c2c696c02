"""Lets what is due be heard: a tone and a sentence between two turns, again and again until it is stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from firmware_py.agenda.entries import RINGING, Entry
from firmware_py.app import Appliance
from firmware_py.audio.tone import ring
from firmware_py.events import Pcm16
from firmware_py.respond import announce


class Ringer:
    """Called by the scheduler; returns at once. One sound waits at a time, and people who speak go first."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._agenda = appliance.pipeline.world.agenda
        self._is_waiting = False
        unsure = self._agenda.unsure()
        if unsure:
            appliance.say(announce.unsure(unsure))

    def __call__(self, entries: Sequence[Entry]) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._appliance.between_turns(self._sound)

    def _sound(self) -> None:
        """In the turn thread; what was stopped meanwhile is not heard."""
        self._is_waiting = False
        entries = self._agenda.entries(phase=RINGING)
        if entries:
            self._appliance.taker.sound(self._chunks(announce.due(entries, self._agenda.clock)))

    def _chunks(self, text: str) -> Iterator[Pcm16]:
        """The voice begins only once the tone is under way."""
        tts = self._appliance.taker.stations.tts
        yield from ring(tts.rate_hz)
        yield from tts.synthesize(text)
