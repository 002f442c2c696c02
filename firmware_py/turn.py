"""The turn station: one utterance at a time, from its audio to an answer on its way out.

At a pause it drafts, when speech goes on it throws the draft away, at the endpoint it commits the draft or
does the work then. Only :meth:`TurnTaker.finish` has side effects, and it is called for a turn that is over.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from firmware_py.addressed import Addressed
from firmware_py.draft import StageClock, Stations, Work, bounded, work_on
from firmware_py.errors import Cancelled
from firmware_py.events import FOLLOW_UP, RATE_HZ, Kind, Pcm16, Reply, State, TurnEvent, TurnTrace
from firmware_py.ports import Player
from firmware_py.written import WrittenSpeech

__all__ = ["Stations", "TurnSettings", "TurnTaker"]

FIRST_SOUND_S = 0.02
"""How often the first sound of a reply that is being written is looked for."""

_log = logging.getLogger("rtva")


STOPS = {"stop_speaking", "stop_ringing"}
"""Actions that need no word of what they did: it is heard."""


ECHO = "echo"
"""The guard that an answer's own words, heard over it, trip."""
ECHO_WORDS = 3
WORDS = re.compile(r"[^\w']+")


@dataclass(frozen=True)
class TurnSettings:
    """``is_live`` chooses the clock; ``drafts`` is false in ``pipeline.processing.mode: sync``."""

    is_live: bool = True
    drafts: bool = False


@dataclass
class TurnTaker:
    """Takes turns. The callbacks must return at once.

    ``has_resumed`` tells, while a draft is made, that speech went on: the draft is abandoned at the next
    step. ``on_draft`` is given each finished draft (the endpointer may wait longer or less for it), ``on_no_draft``
    each pause whose draft failed (it need not wait for one), ``on_heard`` is told that a
    turn that is over had words in it, ``on_reply`` each committed reply once it was spoken.
    ``drafts_discarded`` counts those of a pause that was none, ``drafts_failed`` those that an engine failed in; the
    endpoint of such a turn does the work again. ``spoken`` is what is or was said last.
    """

    stations: Stations
    player: Player
    settings: TurnSettings = field(default_factory=TurnSettings)
    addressed: Addressed = field(default_factory=lambda: Addressed("always", None))
    has_resumed: Callable[[], bool] = field(default=lambda: False)
    on_state: Callable[[State], None] = field(default=lambda state: None)
    on_draft: Callable[[Work], None] = field(default=lambda work: None)
    on_no_draft: Callable[[TurnEvent], None] = field(default=lambda event: None)
    on_heard: Callable[[], None] = field(default=lambda: None)
    on_reply: Callable[[Reply, TurnTrace], None] = field(default=lambda reply, trace: None)
    t0_ns: int = 0
    spoken: str = ""
    drafts_discarded: int = 0
    drafts_failed: int = 0
    _draft: Work | None = None
    _pause_ns: int | None = None
    _discarded_this_turn: int = 0

    def handle(self, event: TurnEvent) -> TurnTrace | None:
        """Reacts to one turn event; returns the trace of a turn that is over, else None."""
        if event.kind is Kind.SPEECH:
            self._begin()
        elif event.kind is Kind.PAUSE:
            self._pause(event)
        elif event.kind is Kind.RESUME:
            self._discard()
        else:
            return self._end(event)
        return None

    def _begin(self) -> None:
        self._discard()
        self._pause_ns = None
        self._discarded_this_turn = 0
        self.on_state(State.LISTENING)

    def _pause(self, event: TurnEvent) -> None:
        self._discard()
        self._pause_ns = event.decided_ns
        if not self.settings.drafts or self.has_resumed():
            return
        try:
            draft = work_on(event, self.stations, self._clock(event), self.has_resumed, self.addressed.withheld)
        except Cancelled:
            self._count_discarded()
            return
        except Exception as error:  # whatever an engine raises: a draft is a guess, and the turn is not lost with it
            self.drafts_failed += 1
            _log.warning("a draft failed: %s", error)
            self.on_no_draft(event)
            return
        self._draft = draft
        self.on_draft(draft)

    def _end(self, event: TurnEvent) -> TurnTrace:
        self.on_state(State.THINKING)
        try:
            return self.finish(event)
        finally:
            self.on_state(State.IDLE)

    def is_drafted(self, event: TurnEvent) -> bool:
        """Whether the answer to a turn that is over has been made already; in the thread that takes turns."""
        return self._draft is not None and self._draft.speech_end == event.speech_end

    def finish(self, event: TurnEvent) -> TurnTrace:
        """Commits the draft of the last pause, or does the work now; blocks until the answer is played."""
        draft, self._draft = self._draft, None
        if draft is not None and draft.speech_end != event.speech_end:
            draft.close()
            self._count_discarded()
            draft = None
        trace = self._trace(event)
        trace.draft_hit = draft is not None
        trace.draft_ready = draft is not None and draft.done_ns <= event.decided_ns
        work = draft or work_on(event, self.stations, self._clock(event), withheld=self.addressed.withheld)
        reply = Reply("") if work.withheld else work.reply
        self._record(trace, work, reply)
        if _may_be_echo(event) and _is_echo(work.transcript.text, self.spoken):
            trace.reply, trace.actions, trace.guards = "", (), (*trace.guards, ECHO)
            work.close()
            return trace
        self.spoken = reply.text
        self.addressed.committed(event, work.transcript, work.reply)
        if work.transcript.text:
            self.on_heard()
            self.stations.responder.commit(reply)
        if _only_stops(event, reply):
            trace.reply = ""
            work.close()
        elif work.speech is not None:
            self._speak(trace, max(event.decided_ns, work.done_ns), work.speech)
        self.on_reply(reply, trace)
        return trace

    def say(self, text: str) -> None:
        """Speaks ``text`` outside of any turn; blocks until it is played."""
        self._discard()
        self.spoken = text
        self.sound(self.stations.tts.synthesize(bounded(text)))

    def sound(self, chunks: Iterator[Pcm16]) -> None:
        """Plays ``chunks`` at the voice's rate outside of any turn; blocks until they are played.

        The voice does one thing at a time: a draft is thrown away before the first chunk is asked for.
        """
        self._discard()
        self.on_state(State.SPEAKING)
        try:
            self.player.play(chunks).wait()
        finally:
            self.on_state(State.IDLE)

    def drop_draft(self) -> None:
        """The voice is wanted for something else; in the thread that takes turns."""
        self._discard()

    def _clock(self, event: TurnEvent) -> StageClock:
        return StageClock(None if self.settings.is_live else event.decided_ns)

    def _trace(self, event: TurnEvent) -> TurnTrace:
        trace = TurnTrace(
            t0_ns=self.t0_ns,
            drafts_discarded=self._discarded_this_turn,
            hangover_ms=event.hangover_ms,
            endpoint_reason=event.reason,
            wake=event.wake,
            interrupts=event.interrupts,
        )
        trace.mark("speech_start", self._at(event.speech_start))
        trace.mark("speech_end", self._at(event.speech_end))
        if self._pause_ns is not None:
            trace.mark("pause", self._pause_ns)
        trace.mark("endpoint", event.decided_ns)
        return trace

    def _at(self, position: int) -> int:
        return self.t0_ns + position * 1_000_000_000 // RATE_HZ

    def _record(self, trace: TurnTrace, work: Work, reply: Reply) -> None:
        heard, meant = work.transcript, work.understood
        trace.transcript, trace.confidence, trace.guards = heard.text, heard.confidence, heard.guards
        if work.withheld:
            trace.guards = (*heard.guards, work.withheld)
        trace.intent, trace.slots, trace.score = meant.intent, meant.slots, meant.score
        trace.is_guided, trace.margin, trace.guided_score = heard.is_guided, heard.margin, heard.score
        trace.reply, trace.is_cached, trace.actions = reply.text, reply.is_cached, reply.actions
        trace.marks.update(work.marks)
        trace.stages_ms.update(work.stages_ms)

    def _speak(self, trace: TurnTrace, ready_ns: int, chunks: Iterator[Pcm16]) -> None:
        """Plays and waits; at fast pace the speaker takes the first period the moment it is ready.

        A reply that is still being written is thought about until its first sound.
        """
        is_written = isinstance(chunks, WrittenSpeech)
        self.on_state(State.THINKING if is_written else State.SPEAKING)
        playback = self.player.play(chunks, None if self.settings.is_live else ready_ns)
        while is_written and playback.first_ns is None and not playback.wait(FIRST_SOUND_S):
            pass
        if is_written and playback.first_ns is not None:
            self.on_state(State.SPEAKING)
        playback.wait()
        if isinstance(chunks, WrittenSpeech):
            trace.reply = self.spoken = chunks.said
        trace.marks.update(
            {
                name: at
                for name, at in (
                    ("play_first", playback.first_ns),
                    ("heard", playback.heard_ns),
                    ("play_done", playback.done_ns),
                )
                if at is not None
            }
        )

    def _discard(self) -> None:
        if self._draft is not None:
            self._draft.close()
            self._draft = None
            self._count_discarded()

    def _count_discarded(self) -> None:
        self.drafts_discarded += 1
        self._discarded_this_turn += 1


def _only_stops(event: TurnEvent, reply: Reply) -> bool:
    """Whether an answer was interrupted to be stopped, and for nothing else."""
    return event.interrupts and bool(reply.actions) and {action.name for action in reply.actions} <= STOPS


def _may_be_echo(event: TurnEvent) -> bool:
    """Whether it was heard over an answer, and nobody called for it: behind a wake word a person speaks."""
    return event.interrupts and event.wake in ("", FOLLOW_UP)


def _is_echo(heard: str, spoken: str) -> bool:
    """Whether what was heard over an answer is a piece of that answer, of three words or more."""
    said, words = ([w for w in WORDS.split(text.lower()) if w] for text in (spoken, heard))
    return len(words) >= ECHO_WORDS and any(said[i : i + len(words)] == words for i in range(len(said)))
