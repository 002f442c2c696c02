"""Who may end what is being said, and whether somebody just did; part of the listen thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from firmware_py.echo_path import EchoPath
from firmware_py.events import FRAME_MS, Kind, TurnEvent

ANY_SPEECH, WAKE_WORD, NOTHING = "any_speech", "wake_word", "nothing"
ENDS = (Kind.ENDPOINT, Kind.TOO_LONG)


@dataclass(frozen=True)
class InterruptionSettings:
    """``by`` is what is wanted. ``min_voice_ms``: voice over an answer that ends it when the utterance had begun
    before."""

    by: str = ANY_SPEECH
    has_wake: bool = False
    min_voice_ms: int = 250


@dataclass
class Interruption:
    """Ends what is being said (``end``, which returns at once) when speech is heard over it.

    Speech counts where the loudspeaker is taken out of it well enough; elsewhere only the wake word does, where there
    is one. ``playing`` gives what is played now, nothing where nothing is. ``count`` is of all, ``by_speech`` of those
    without a wake word.
    """

    settings: InterruptionSettings
    echo: EchoPath | None = None
    playing: Callable[[], object] = field(default=lambda: None)
    end: Callable[[], None] = field(default=lambda: None)
    count: int = 0
    by_speech: int = 0
    _voiced: int = 0
    _ended: object = None
    _marks: bool = False
    _is_word: bool = False

    @property
    def is_fallen_back(self) -> bool:
        """Whether speech is to interrupt and does not, because the loudspeaker is heard too loud."""
        wanted, echo = self.settings.by == ANY_SPEECH, self.echo
        return wanted and echo is not None and echo.is_judged and not echo.trust.is_trusted

    @property
    def by(self) -> str:
        """What ends an answer now."""
        by = self.settings.by
        if by == ANY_SPEECH and (self.echo is None or self.is_fallen_back):
            by = WAKE_WORD
        return NOTHING if by == WAKE_WORD and not self.settings.has_wake else by

    def hears_over(self) -> bool:
        """Whether speech is attended to now although no wake word was said."""
        return self.by == ANY_SPEECH and bool(self.playing())

    def on_wake(self) -> None:
        """A wake word was heard."""
        if self.settings.by != NOTHING:
            self._is_word = self._interrupt(is_speech=False) or self._marks
            self.forgive()

    def forgive(self) -> None:
        """Somebody called for the ear and ended what was said: who speaks now is no echo. From any thread."""
        if self.echo is not None:
            self.echo.forgive()

    def on_voice(self, is_voice: bool, in_speech: bool) -> None:
        """A frame that the loudspeaker is in: somebody who spoke before the answer began and goes on ends it too."""
        if not self.playing():
            self._voiced, self._ended = 0, None
            return
        self._voiced += is_voice and in_speech
        if self._voiced * FRAME_MS >= self.settings.min_voice_ms and self.by == ANY_SPEECH:
            self._marks = self._interrupt()

    def on_event(self, event: TurnEvent) -> TurnEvent:
        """What the endpointer decided, marked if the utterance interrupts."""
        if event.kind is Kind.SPEECH:
            self._marks = self._is_word and bool(event.wake)
            if self.hears_over():
                self._marks = self._interrupt()
        marked = replace(event, interrupts=True) if self._marks else event
        if event.kind in ENDS:
            self._marks = self._is_word = False
        return marked

    @property
    def left_db(self) -> float:
        """What is left of the loudspeaker, in dB below full scale."""
        return round(self.echo.trust.residual_db, 1) if self.echo is not None else 0.0

    def report(self) -> dict[str, Any]:
        """Plain values for ``status``."""
        return {
            "by": self.by,
            "wanted": self.settings.by,
            "why": self.why,
            "count": self.count,
            "by_speech": self.by_speech,
            "echo": self.echo.report() if self.echo is not None else {},
        }

    @property
    def why(self) -> str:
        """Why it is not as wanted, "" where it is."""
        if not self.is_fallen_back or self.echo is None:
            return ""
        return self.echo.why_not_trusted()

    def _interrupt(self, *, is_speech: bool = True) -> bool:
        """Ends what is played, once; whether anything is."""
        playing = self.playing()
        if playing and playing is not self._ended:
            self._ended = playing
            self.count += 1
            self.by_speech += is_speech
            self.end()
        return bool(playing)
