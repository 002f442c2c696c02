"""Whether the assistant is being spoken to: a wake word, a button, a question that is open, or always.

It belongs to the listen thread; what other threads ask for is one store that the thread takes up at its next frame.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from firmware_py.events import FOLLOW_UP, FRAME_SAMPLES, RATE_HZ, Pcm16, WakeHeard
from firmware_py.ports import WakeWord

SETTLED = RATE_HZ // 4
"""Silence behind a wake word after which somebody waits for an answer to it: only then a sound may say so."""

TAIL = RATE_HZ // 4
"""The utterance is begun rather too early: this much of it may be the wake word's end, which alone is no speech."""
SHUT = -1
TALK = "talk"
"""Who calls for a person that is about to speak: a button, a command."""


class Look(enum.Enum):
    """What a frame is to the listener. OPENED: the utterance may begin at ``Attention.opened_at``, in the past."""

    ASLEEP = "asleep"
    AWAKE = "awake"
    OPENED = "opened"


@dataclass(frozen=True)
class AttentionSettings:
    """``needs_wake``: nobody is heard until something opens the ear. ``window_ms`` is how long speech is waited for
    behind a wake word or a button, ``follow_up_ms`` behind a question."""

    needs_wake: bool = False
    window_ms: int = 5000
    follow_up_ms: int = 5000


@dataclass
class WakeCounts:
    """``heard`` and ``near`` by word; ``unused`` counts openings that nobody spoke in."""

    heard: dict[str, int] = field(default_factory=dict)
    near: dict[str, int] = field(default_factory=dict)
    unused: int = 0
    last: dict[str, Any] = field(default_factory=dict)

    def add(self, heard: WakeHeard) -> None:
        counts = self.near if heard.is_near else self.heard
        counts[heard.word] = counts.get(heard.word, 0) + 1
        self.last = {"word": heard.word, "score": round(heard.score, 3), "is_near": heard.is_near}


@dataclass
class Attention:
    """Looks at every frame before the detector does.

    ``is_speaking`` says whether the assistant is heard now, ``on_wake`` is told of each word and near miss,
    ``on_waiting`` that a word, or who called with "talk", was followed by silence, ``hears_over`` says whether speech
    needs no word now, because it may interrupt. All are called in the listen thread and return at once.
    """

    settings: AttentionSettings = field(default_factory=AttentionSettings)
    engine: WakeWord | None = None
    is_speaking: Callable[[], bool] = field(default=lambda: False)
    on_wake: Callable[[WakeHeard], None] = field(default=lambda heard: None)
    on_waiting: Callable[[], None] = field(default=lambda: None)
    hears_over: Callable[[], bool] = field(default=lambda: False)
    counts: WakeCounts = field(default_factory=WakeCounts)
    opened_at: int = 0
    opened_by: str = ""
    _until: int = -1
    _last_voice: int = 0
    _awaits_silence: bool = False
    _is_used: bool = True
    _is_word: bool = False
    _is_asleep: bool = False
    _asked: tuple[str, int] | None = None

    @property
    def is_open(self) -> bool:
        """Whether speech would be heard now, or from the next frame on as somebody asked."""
        asked = self._asked
        is_open = self._until >= 0 if asked is None else asked[1] != SHUT
        return not self.settings.needs_wake or is_open

    def call(self, by: str, window_ms: int | None = None) -> None:
        """Opens the ear from now on, from any thread; the last call counts. It stays open for ``window_ms``."""
        self._asked = (by, self.settings.window_ms if window_ms is None else window_ms)

    def answered(self) -> None:
        """Words were understood: the next utterance needs a wake word again. Without words the ear stays open."""
        self._asked = ("", SHUT)

    def ask_back(self, spoken_ms: int = 0) -> None:
        """A question was asked: its answer needs no wake word. ``spoken_ms`` is what of it is still to be heard."""
        self.call(FOLLOW_UP, self.settings.follow_up_ms + spoken_ms)

    def look(self, frame: Pcm16, position: int, *, in_speech: bool) -> Look:
        """Judges the frame that ends at ``position``; ``in_speech`` says whether an utterance is open."""
        look = self._look(frame, position, in_speech=in_speech)
        self._is_asleep = look is Look.ASLEEP
        return look

    def _look(self, frame: Pcm16, position: int, *, in_speech: bool) -> Look:
        if self.engine is not None:
            heard = self.engine.push(frame, is_speaking=self.is_speaking())
            if heard is not None and self._hear(heard, position):
                return Look.OPENED
        asked, self._asked = self._asked, None
        if asked is not None and self._obey(*asked, position, in_speech=in_speech):
            return Look.OPENED
        if not self.settings.needs_wake or in_speech or position <= self._until:
            return Look.AWAKE
        self._close()
        if not self.hears_over():
            return Look.ASLEEP
        if not self._is_asleep:
            return Look.AWAKE
        self.opened_at, self._is_word = position, False  # what was slept through is no part of an utterance
        return Look.OPENED

    def saw(self, verdict: int, position: int, *, in_speech: bool) -> None:
        """What the detector said of a frame that was attended to."""
        if verdict > 0:
            self._last_voice = position
        if in_speech:
            self._awaits_silence, self._is_used = False, True
        elif self._awaits_silence and position - max(self._last_voice, self.opened_at) >= SETTLED:
            self._awaits_silence = False
            self.on_waiting()

    def is_tail(self, position: int) -> bool:
        """Whether voice at ``position`` may still be the end of the wake word that opened the ear."""
        return self._is_word and position <= self.opened_at + TAIL

    def report(self) -> dict[str, Any]:
        """Plain values for ``status``."""
        names = list(getattr(self.engine, "names", ()))
        return {
            "is_needed": self.settings.needs_wake,
            "is_open": self.is_open,
            "words": {n: {"heard": self.counts.heard.get(n, 0), "near": self.counts.near.get(n, 0)} for n in names},
            "unused": self.counts.unused,
            "last": dict(self.counts.last),
        }

    def _hear(self, heard: WakeHeard, position: int) -> bool:
        self.counts.add(heard)
        self.counts.last["at_s"] = round(time.time(), 1)
        self.on_wake(heard)
        if heard.is_near:
            return False
        frames = heard.ago_ms * RATE_HZ // 1000 // FRAME_SAMPLES
        self._open(position - frames * FRAME_SAMPLES, position, heard.word, self.settings.window_ms)
        self._awaits_silence = self._is_word = True
        return True

    def _open(self, at: int, position: int, by: str, window_ms: int) -> None:
        self.opened_at, self.opened_by = at, by
        self._until = position + window_ms * RATE_HZ // 1000
        self._last_voice, self._awaits_silence, self._is_used, self._is_word = 0, False, False, False

    def _obey(self, by: str, window_ms: int, position: int, *, in_speech: bool) -> bool:
        """What another thread asked for; whether an utterance may begin here. One that is open goes on."""
        if window_ms == SHUT:
            self._until = -1
            self.opened_by = self.opened_by if in_speech else ""
        elif in_speech:
            self._until = position + window_ms * RATE_HZ // 1000
        else:
            self._open(position, position, by, window_ms)
            self._awaits_silence = by == TALK
            return True
        return False

    def _close(self) -> None:
        self.opened_by = ""
        if self._until >= 0:
            self._until = -1
            self.counts.unused += not self._is_used
