"""The turn station: one utterance at a time, from its audio to an answer on its way out.

Speech to text, understanding, reply and voice are called here and nowhere else. Only :meth:`TurnTaker.take`
has side effects (it commits the reply and speaks), and it is called for a turn that is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from firmware_py.events import RATE_HZ, Kind, Pcm16, Reply, State, Transcript, TurnEvent, TurnTrace, Understood
from firmware_py.ports import Player, Responder, SpeechToText, TextToSpeech, Understanding

T = TypeVar("T")

TAIL_MS = 200
"""Silence kept behind the last voiced sample: what a draft at the pause has seen, so both see the same."""


@dataclass(frozen=True)
class Stations:
    """The engines a turn passes through."""

    stt: SpeechToText
    understanding: Understanding
    responder: Responder
    tts: TextToSpeech


class StageClock:
    """Stamps the stages of one turn.

    Live, it is the monotonic clock. For a recording at fast pace the endpoint stands at its sample's time, so
    each later mark is the endpoint's plus the time the stages took.
    """

    def __init__(self, origin_ns: int | None = None) -> None:
        self._offset = 0 if origin_ns is None else origin_ns - time.monotonic_ns()

    def now(self) -> int:
        return time.monotonic_ns() + self._offset


@dataclass
class TurnTaker:
    """Takes turns. ``is_live`` chooses the clock; ``on_state`` and ``on_turn`` must return at once."""

    stations: Stations
    player: Player
    is_live: bool = True
    t0_ns: int = 0
    on_state: Callable[[State], None] = field(default=lambda state: None)

    def handle(self, event: TurnEvent) -> TurnTrace | None:
        """Reacts to one turn event; returns the trace of a turn that is over, else None."""
        if event.kind is Kind.SPEECH:
            self.on_state(State.LISTENING)
        elif event.kind in (Kind.ENDPOINT, Kind.TOO_LONG):
            self.on_state(State.THINKING)
            try:
                return self.take(event)
            finally:
                self.on_state(State.IDLE)
        return None

    def take(self, event: TurnEvent) -> TurnTrace:
        """Transcribes, understands, replies and speaks; blocks until the answer is played."""
        clock = StageClock(None if self.is_live else event.decided_ns)
        trace = self._begin(event)
        transcript = self._stage(trace, clock, "stt", lambda: self.stations.stt.transcribe(utterance(event)))
        trace.transcript, trace.confidence, trace.guards = transcript.text, transcript.confidence, transcript.guards
        if not transcript.text:
            return trace
        understood = self._stage(trace, clock, "nlu", lambda: self._understand(transcript))
        trace.intent, trace.slots, trace.score = understood.intent, understood.slots, understood.score
        reply = self._stage(trace, clock, "reply", lambda: self.stations.responder.prepare(understood))
        trace.reply = reply.text
        self.stations.responder.commit(reply)
        if reply.text:
            self._speak(trace, clock, reply)
        return trace

    def _begin(self, event: TurnEvent) -> TurnTrace:
        trace = TurnTrace(t0_ns=self.t0_ns)
        trace.mark("speech_start", self._at(event.speech_start))
        trace.mark("speech_end", self._at(event.speech_end))
        trace.mark("endpoint", event.decided_ns)
        return trace

    def _at(self, position: int) -> int:
        return self.t0_ns + position * 1_000_000_000 // RATE_HZ

    def _understand(self, transcript: Transcript) -> Understood:
        return self.stations.understanding.understand(transcript.text)

    def _stage(self, trace: TurnTrace, clock: StageClock, name: str, work: Callable[[], T]) -> T:
        started = clock.now()
        result = work()
        done = clock.now()
        trace.mark(f"{name}_done", done)
        trace.stages_ms[name] = round((done - started) / 1e6, 3)
        return result

    def _speak(self, trace: TurnTrace, clock: StageClock, reply: Reply) -> None:
        self.on_state(State.SPEAKING)
        playback = self.player.play(self._chunks(trace, clock, reply.text))
        playback.wait()
        for name, at in (
            ("play_first", playback.first_ns),
            ("heard", playback.heard_ns),
            ("play_done", playback.done_ns),
        ):
            if at is not None:
                trace.mark(name, at)

    def _chunks(self, trace: TurnTrace, clock: StageClock, text: str) -> Iterator[Pcm16]:
        started = clock.now()
        for number, chunk in enumerate(self.stations.tts.synthesize(text)):
            if number == 0:
                trace.mark("tts_first", clock.now())
                trace.stages_ms["tts_first"] = round((clock.now() - started) / 1e6, 3)
            yield chunk


def utterance(event: TurnEvent) -> Pcm16:
    """The samples of a turn that recognition sees: pre-roll to ``TAIL_MS`` behind the last voiced sample."""
    return event.audio[: event.speech_end - event.start + TAIL_MS * RATE_HZ // 1000]
