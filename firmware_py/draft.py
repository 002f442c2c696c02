"""The work on one utterance up to its first spoken chunk, without a single side effect.

A draft made at a pause and the work done at an endpoint are the same code on the same samples, so a drafted
and an undrafted turn give the same answer.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from firmware_py.errors import Cancelled
from firmware_py.events import RATE_HZ, Pcm16, Reply, Transcript, TurnEvent, Understood
from firmware_py.ports import Responder, SpeechToText, TextToSpeech, Understanding
from firmware_py.written import WrittenSpeech

T = TypeVar("T")
Withheld = Callable[[TurnEvent, Transcript, Reply], str]

TAIL_MS = 200
"""Recognition sees this much behind the last voiced sample."""
HEARD_TAIL_MS = 100
"""Of the tail, what a draft at the pause can have heard; the rest is silence, for drafts and others alike."""


NO_SPEECH, EXPECTED = "no_speech", "expected"

MOST_REPLY_CHARS = 4000
"""Letters that are spoken, some four minutes: more is a reply that ran away. Seconds are limited by the player."""


@dataclass(frozen=True)
class Stations:
    """The engines a turn passes through."""

    stt: SpeechToText
    understanding: Understanding
    responder: Responder
    tts: TextToSpeech


class StageClock:
    """Stamps the stages of one turn.

    Live, it is the monotonic clock. For a recording at fast pace the event stands at its sample's time, so
    each later mark is the event's plus the time the stages took.
    """

    def __init__(self, origin_ns: int | None = None) -> None:
        self._offset = 0 if origin_ns is None else origin_ns - time.monotonic_ns()

    def now(self) -> int:
        return time.monotonic_ns() + self._offset


@dataclass
class Work:
    """What the stations made of one utterance; ``speech`` is open until it is played or closed.

    ``withheld`` is why the reply is neither spoken nor remembered, "" when it is both.
    """

    speech_end: int
    transcript: Transcript = field(default_factory=lambda: Transcript(""))
    understood: Understood = field(default_factory=lambda: Understood(""))
    reply: Reply = field(default_factory=lambda: Reply(""))
    withheld: str = ""
    marks: dict[str, int] = field(default_factory=dict)
    stages_ms: dict[str, float] = field(default_factory=dict)
    speech: Iterator[Pcm16] | None = None
    done_ns: int = 0

    def close(self) -> None:
        """Throws the speech away; what was only drafted leaves no trace."""
        close = getattr(self.speech, "close", None)
        if close is not None:
            close()
        self.speech = None


def utterance(event: TurnEvent, *, heard_tail_ms: int = HEARD_TAIL_MS) -> Pcm16:
    """The samples that recognition sees: pre-roll to ``TAIL_MS`` behind the last voiced sample.

    Only ``heard_tail_ms`` of the tail are heard, the rest is silence: at a pause there is no more yet.
    """
    voiced = event.speech_end - event.start
    heard = event.audio[: voiced + heard_tail_ms * RATE_HZ // 1000]
    return np.pad(heard, (0, max(0, voiced + TAIL_MS * RATE_HZ // 1000 - heard.size)))


def bounded(text: str) -> str:
    """``text`` as far as it is spoken: cut behind a sentence or a word, if there is one in the last quarter."""
    if len(text) <= MOST_REPLY_CHARS:
        return text
    kept = text[:MOST_REPLY_CHARS]
    ends = (max(kept.rfind(stop) for stop in (". ", "! ", "? ")) + 1, kept.rfind(" "))
    return next((kept[:end] for end in ends if end > MOST_REPLY_CHARS * 3 // 4), kept)


def work_on(
    event: TurnEvent,
    stations: Stations,
    clock: StageClock,
    is_cancelled: Callable[[], bool] | None = None,
    withheld: Withheld = lambda event, heard, reply: "",
) -> Work:
    """Transcribes, understands, prepares the reply and makes its first chunk.

    ``withheld`` says why the reply is not given, "" when it is. Raises Cancelled at the first station, or step of one,
    that finds ``is_cancelled`` true.
    """
    work = Work(event.speech_end)
    samples = utterance(event)

    def go_on() -> None:
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("speech went on")

    work.transcript = _stage(work, clock, "stt", lambda: stations.stt.transcribe(samples, is_cancelled=is_cancelled))
    work.transcript = believed(work.transcript, stations.responder)
    go_on()
    if work.transcript.text:
        work.understood = _stage(work, clock, "nlu", lambda: _meant(stations.understanding, work.transcript))
        work.reply = _stage(work, clock, "reply", lambda: stations.responder.prepare(work.understood))
        work.withheld = withheld(event, work.transcript, work.reply)
    go_on()
    if work.reply.talk is not None and not work.withheld:
        work.speech = WrittenSpeech(work.reply.talk, stations.tts)
    elif work.reply.text and not work.withheld:
        work.speech = _begun(stations.tts.synthesize(bounded(work.reply.text)), work, clock)
    work.done_ns = clock.now()
    return work


def believed(heard: Transcript, responder: Responder) -> Transcript:
    """``heard``, with the words that the guard ``no_speech`` took away if they answer the question that is open."""
    expects = getattr(responder, "expects", None)
    least = expects(heard.doubted) if expects is not None and heard.doubted and not heard.text else None
    if least is None or heard.doubted_confidence < least:
        return heard
    guards = (*(guard for guard in heard.guards if guard != NO_SPEECH), EXPECTED)
    return replace(heard, text=heard.doubted, confidence=heard.doubted_confidence, guards=guards)


def _meant(understanding: Understanding, heard: Transcript) -> Understood:
    meant = replace(understanding.understand(heard.text), confidence=heard.confidence, guards=heard.guards)
    return replace(meant, heard_score=heard.score, margin=heard.margin) if heard.is_guided else meant


def _stage(work: Work, clock: StageClock, name: str, run: Callable[[], T]) -> T:
    started = clock.now()
    result = run()
    done = clock.now()
    work.marks[f"{name}_done"] = done
    work.stages_ms[name] = round((done - started) / 1e6, 3)
    return result


def _begun(chunks: Iterator[Pcm16], work: Work, clock: StageClock) -> Iterator[Pcm16]:
    """``chunks`` with the first one made already."""
    started = clock.now()
    first = next(chunks, None)
    if first is None:
        return iter(())
    done = clock.now()
    work.marks["tts_first"] = done
    work.stages_ms["tts_first"] = round((done - started) / 1e6, 3)
    return _Closing(first, chunks)


class _Closing(Iterator[Pcm16]):
    """One chunk, then the rest of an iterator; closing it closes the rest."""

    def __init__(self, first: Pcm16, rest: Iterator[Pcm16]) -> None:
        self._rest = rest
        self._chunks: Iterator[Pcm16] = itertools.chain([first], rest)

    def __next__(self) -> Pcm16:
        return next(self._chunks)

    def close(self) -> None:
        self._chunks = iter(())
        close = getattr(self._rest, "close", None)
        if close is not None:
            close()
