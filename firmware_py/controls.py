"""What a committed reply may do: to the appliance itself (volume, mute, silence), and who does the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from firmware_py.events import Action

_log = logging.getLogger("rtva")


class Loudspeaker(Protocol):
    """What is turned up and down (``audio.play.Player``)."""

    volume: float
    is_muted: bool

    def silence(self) -> None: ...


@dataclass
class NoLoudspeaker:
    """Stands for the player where an answer is only written down: keeps the volume, plays nothing."""

    volume: float = 1.0
    is_muted: bool = False

    def silence(self) -> None:
        """There is nothing to silence."""


class SpeakerControls:
    """Performs the volume actions of the built-in skills on a player; the volume is kept in percent, 0 to 100.

    ``on_change`` is told after each change and must return at once.
    """

    def __init__(self, player: Loudspeaker, percent: int = 100) -> None:
        self._player = player
        self.on_change: Callable[[], None] = lambda: None
        self.set_percent(percent)

    @property
    def percent(self) -> int:
        return round(self._player.volume * 100)

    @property
    def is_muted(self) -> bool:
        return self._player.is_muted

    def set_percent(self, percent: float) -> None:
        """Sets the volume, cut to 0..100."""
        self._player.volume = min(max(percent, 0), 100) / 100
        self.on_change()

    def set_muted(self, is_muted: bool) -> None:
        """Silences the speaker, or not, without touching the volume."""
        self._player.is_muted = is_muted
        self.on_change()

    def silence(self) -> None:
        """Ends what is being spoken."""
        self._player.silence()

    def perform(self, action: Action) -> None:
        """Does one action; one that is unknown here is logged and left."""
        if action.name == "volume_set":
            self.set_percent(action.arguments["percent"])
        elif action.name == "volume_change":
            self.set_percent(self.percent + action.arguments["by"])
        elif action.name == "mute":
            self.set_muted(bool(action.arguments["on"]))
        elif action.name == "stop_speaking":
            self.silence()
        else:
            _log.warning("nothing here does %s", action.name)


class Performer(Protocol):
    """Does some actions, those it names."""

    @property
    def actions(self) -> Collection[str]: ...
    def perform(self, action: Action) -> None: ...


@dataclass
class Routes:
    """Hands an action to the performer that names it, and what nobody names to the speaker's controls."""

    speaker: SpeakerControls
    performers: list[Performer] = field(default_factory=list)

    def perform(self, action: Action) -> None:
        found = next((p for p in self.performers if action.name in p.actions), self.speaker)
        found.perform(action)
