"""The listen station: ring -> 10 ms frames -> VAD and endpointer -> turn events.

It owns no audio and knows no device. The thread that runs it blocks only in the ring's wait and never for
the turn thread: events go into a bounded queue.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from firmware_py._endpoint import ENDPOINT, PAUSE, RESUME, SPEECH, TOO_LONG, Endpointer
from firmware_py._front import FrontEnd
from firmware_py._ring import Ring
from firmware_py.attention import Attention, Look
from firmware_py.echo_path import EchoPath
from firmware_py.events import FRAME_SAMPLES, Kind, Patience, Pcm16, TurnEvent
from firmware_py.own_level import OwnLevel
from firmware_py.ports import Vad

KINDS = {SPEECH: Kind.SPEECH, PAUSE: Kind.PAUSE, RESUME: Kind.RESUME, ENDPOINT: Kind.ENDPOINT, TOO_LONG: Kind.TOO_LONG}
WITH_AUDIO = (Kind.PAUSE, Kind.ENDPOINT, Kind.TOO_LONG)
NOTHING = np.zeros(0, np.int16)
PAST_FRAMES = 100
"""Frames that are kept for an ear that opens in the past: to warm up the detector, and the begin of the utterance."""


@dataclass(frozen=True)
class ListenSettings:
    """The guide's VAD knobs, in milliseconds (``max_utterance_s`` in seconds).

    ``draft_wait_ms``: how much longer than ``hangover_ms`` a pause may last of which no draft has told anything.
    """

    padding_duration_ms: int = 300
    min_speech_duration_ms: int = 250
    pause_ms: int = 100
    hangover_ms: int = 500
    draft_wait_ms: int = 0
    max_utterance_s: float = 15.0


@dataclass
class ListenCost:
    """Time spent since the utterance began: what the "audio" and "vad" rows of a turn are made of."""

    frames: int = 0
    front_ns: int = 0
    vad_ns: int = 0

    def per_period_ms(self, period_samples: int) -> tuple[float, float]:
        """Mean milliseconds of front end and VAD for one device period of ``period_samples``."""
        periods = max(self.frames * FRAME_SAMPLES / period_samples, 1e-9)
        return self.front_ns / 1e6 / periods, self.vad_ns / 1e6 / periods


class Listener:
    """Turns samples into turn events.

    ``clock(position)`` gives the monotonic nanosecond at which sample ``position`` was decided upon: the real
    clock for a live microphone, ``t0 + position / rate`` for a recording at fast pace. With ``attention`` only what it
    attends to reaches the detector; an utterance that it opens is taken out of the past. With ``echo`` the frames,
    and the sound of the events, are without what the loudspeaker plays. ``on_voice(is_voice, in_speech)`` is told of
    each frame that the loudspeaker is in. ``too_short`` counts bursts of voice that never became speech.
    """

    def __init__(
        self,
        ring: Ring,
        vad: Vad,
        settings: ListenSettings,
        clock: Callable[[int], int],
        attention: Attention | None = None,
    ) -> None:
        self._untold_ms = settings.hangover_ms + settings.draft_wait_ms
        self.ring = ring
        self.attention = attention
        self.echo: EchoPath | None = None
        self.on_voice: Callable[[bool, bool], None] = lambda is_voice, in_speech: None
        self.vad = vad
        self.clock = clock
        self.cost = ListenCost()
        self.level_db = -120.0
        self.floor_db = -120.0
        self._asked = self._heeded = self._in_force = Patience(-1, self._untold_ms)
        self._heeded_at = 0
        self._front = FrontEnd()
        self._endpointer = Endpointer(
            preroll_ms=settings.padding_duration_ms,
            min_speech_ms=settings.min_speech_duration_ms,
            pause_ms=settings.pause_ms,
            hangover_ms=self._untold_ms,
            max_utterance_ms=int(settings.max_utterance_s * 1000),
        )
        self._frame = np.zeros(FRAME_SAMPLES, np.int16)
        self._clean = np.zeros(FRAME_SAMPLES, np.int16)
        self._past: deque[tuple[int, Pcm16, int]] = deque(maxlen=PAST_FRAMES)
        self._overrun = 0
        self._own = OwnLevel()
        self.too_short = 0
        self._was_candidate = False
        self._forgetting: Callable[[int], None] | None = None

    @property
    def in_speech(self) -> bool:
        """Whether an utterance is open."""
        return bool(self._endpointer.in_speech)

    def be_patient(self, patience: Patience) -> None:
        """How long a pause may last; from any thread, without a lock. The last call counts.

        It names the pause by its ``speech_end``: one that speech has ended since is never changed, nor is another. The
        listen thread is woken: what it has heard so far may be enough.
        """
        self._asked = patience
        self.ring.nudge()

    def decide(self) -> Iterator[TurnEvent]:
        """Works through every whole frame in the ring; yields each decision before it looks at the next frame."""
        yield from self._settle()
        while self.ring.available() >= FRAME_SAMPLES:
            self.ring.read_into(self._frame)
            self._skip_lost()
            yield from self._push(self._frame)
            yield from self._settle()

    def drain(self) -> list[TurnEvent]:
        """All of :meth:`decide` at once."""
        return list(self.decide())

    def run(self, emit: Callable[[TurnEvent], None], wait_s: float = 0.5) -> None:
        """The listen thread: until the ring is closed."""
        while not self.ring.closed:
            self.ring.wait(FRAME_SAMPLES, wait_s)
            for event in self.decide():
                emit(event)

    def forget(self, told: Callable[[int], None] | None) -> None:
        """Has the station forget the sound so far at the next frame outside of an utterance; from any thread.

        ``told(position)`` is called in the listen thread, must return at once, and gets the sample at which everything
        begins anew. None takes back what was not done yet.
        """
        self._forgetting = told

    def _forget(self, told: Callable[[int], None]) -> None:
        self._forgetting = None
        position = self.ring.consumed - FRAME_SAMPLES
        self._front.reset()
        self.vad.reset()
        self._endpointer.reset(position)
        told(position)

    def _skip_lost(self) -> None:
        """After an overrun the stream has a hole: detector and endpointer start anew behind it."""
        told = self._forgetting
        if told is not None and not self.in_speech:
            self._forget(told)
        if self.ring.overrun != self._overrun:
            self._overrun = self.ring.overrun
            self._past.clear()
            if self.attention is not None and self.attention.engine is not None:
                self.attention.engine.reset()
            self.vad.reset()
            self._endpointer.reset(self.ring.consumed - FRAME_SAMPLES)

    def _push(self, frame: Pcm16) -> list[TurnEvent]:
        started = time.perf_counter_ns()
        echo, is_called = self.echo, False
        if echo is not None:
            clean = echo.hear(frame, self.ring.consumed, in_speech=self.in_speech)
            is_called = self._is_called_without_echo(echo)
            frame = frame if is_called else clean
        self._front.process(frame, self._clean)
        self.level_db, self.floor_db = self._front.level_db, self._front.floor_db
        if echo is not None and not echo.is_heard:
            echo.trust.rests(self.level_db, in_speech=self.in_speech)
        look = self._look()
        between = time.perf_counter_ns()
        if look is not Look.AWAKE:
            return self._open_past() if look is Look.OPENED else []
        verdict = self.vad.push(self._clean)
        if echo is not None and echo.is_heard:
            verdict = self._over_sound(verdict, echo.believes() or is_called)
        else:
            is_open = self.in_speech or bool(self._endpointer.is_candidate)
            verdict = self._own.judge(verdict, self.level_db, is_open=is_open, in_speech=self.in_speech)
        after_vad = time.perf_counter_ns()
        if self._asked is not self._heeded:
            self._heed(self._asked)
        decided = self._endpointer.push(verdict, self._activity(self.ring.consumed, self._front.is_active))
        self._count_burst()
        if self.attention is not None:
            self.attention.saw(verdict, self.ring.consumed, in_speech=self.in_speech)
        cost = self.cost
        cost.frames += 1
        cost.vad_ns += after_vad - between
        cost.front_ns += time.perf_counter_ns() - after_vad + between - started
        return [self._event(*d) for d in decided]

    def _count_burst(self) -> None:
        """Voice that was over before it was speech."""
        was, self._was_candidate = self._was_candidate, bool(self._endpointer.is_candidate)
        self.too_short += was and not self._was_candidate and not self.in_speech

    def _settle(self) -> Iterable[TurnEvent]:
        """The end of the turn, where a word since the last frame says that the silence so far is enough for it."""
        if self._asked is self._heeded:
            return ()
        self._heed(self._asked)
        return [self._event(*d) for d in self._endpointer.settle()]

    def _look(self) -> Look:
        """Whether this frame is listened to; it is remembered for an ear that opens later."""
        if self.attention is None:
            return Look.AWAKE
        self._past.append((self.ring.consumed, self._clean.copy(), self._front.is_active))
        as_it_came = self.echo is not None and self.echo.is_heard and not self.echo.trust.hears_echo
        sound = self._frame if as_it_came else self._clean
        return self.attention.look(sound, self.ring.consumed, in_speech=self.in_speech)

    def _activity(self, end: int, is_active: int) -> int:
        """The energy detector's verdict: unknown for what may be the end of a wake word, so that it counts for less."""
        return -1 if self.attention is not None and self.attention.is_tail(end) else is_active

    def _is_called_without_echo(self, echo: EchoPath) -> bool:
        """Whether somebody opened the ear and no echo is found in what it hears: cancelling would take from the voice
        alone."""
        if self.attention is None or not self.attention.settings.needs_wake or not self.attention.is_open:
            return False
        return echo.trust.is_known and not echo.trust.hears_echo

    def _over_sound(self, verdict: int, believed: bool) -> int:
        """The detector's verdict on a frame that the loudspeaker is in: what may be its echo begins no utterance."""
        self.on_voice(verdict > 0 and believed, self.in_speech)
        return verdict if believed or self.in_speech else 0

    def _open_past(self) -> list[TurnEvent]:
        """Begins anew at the sample where the ear was opened; the detector warms up on what lies before it."""
        assert self.attention is not None
        opened_at = self.attention.opened_at
        self.vad.reset()
        self._endpointer.reset(opened_at)
        decided: list[tuple[int, int, int, int, int]] = []
        for end, clean, is_active in self._past:
            verdict = self.vad.push(clean)
            if end > opened_at:
                decided += self._endpointer.push(verdict, self._activity(end, is_active))
                self.attention.saw(verdict, end, in_speech=self.in_speech)
        return [self._event(*d) for d in decided]

    def _heed(self, asked: Patience) -> None:
        """Takes over what was asked for, once its time has come; what is about another pause is let go."""
        if self.clock(self.ring.consumed) < asked.from_ns:
            return
        self._heeded = asked
        if self._endpointer.set_hangover(asked.speech_end, asked.hangover_ms):
            self._in_force, self._heeded_at = asked, self.ring.consumed

    def _event(self, code: int, at: int, start: int, speech_start: int, speech_end: int) -> TurnEvent:
        kind = KINDS[code]
        if kind is Kind.SPEECH:
            self.cost = ListenCost()
        audio = self._utterance(start, at) if kind in WITH_AUDIO else NOTHING
        patience, hangover_ms, reason = self._in_force, 0, ""
        if kind is Kind.ENDPOINT:
            hangover_ms, reason = patience.hangover_ms, patience.reason
        elif kind is Kind.TOO_LONG:
            reason = kind.value
        wake = self.attention.opened_by if self.attention is not None else ""
        heeded_at, self._heeded_at = self._heeded_at, 0
        self._in_force = Patience(speech_end, self._untold_ms)
        now_ns = self.clock(self.ring.consumed)
        return TurnEvent(kind, at, start, speech_start, speech_end, now_ns, audio, hangover_ms, reason, heeded_at, wake)

    def heard(self, start: int, at: int) -> Pcm16:
        """The sound ``start .. at`` as it was listened to; from any thread. Raises Lapped, NotWritten."""
        sound = np.asarray(self.ring.copy(start, at), dtype=np.int16)
        return sound if self.echo is None else self.echo.restore(start, sound)

    def _utterance(self, start: int, at: int) -> Pcm16:
        oldest = max(0, self.ring.written - self.ring.capacity)
        return self.heard(max(start, oldest), at)
