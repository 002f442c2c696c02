"""The composition root: configuration -> parts -> threads -> stop in reverse order.

The only file that sees all rooms. ``replay`` walks a recording as fast as it goes, in one thread, on the
recording's own clock; :class:`Appliance` runs the same parts in their four threads, for a microphone or for
a recording in real time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_py._ring import Ring
from firmware_py.attention import TALK, Attention
from firmware_py.audio.capture import Capture
from firmware_py.audio.far_end import FarEnd
from firmware_py.audio.play import Player
from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import Config
from firmware_py.conversation import begin_conversation as begin_conversation
from firmware_py.devices import open_microphone as open_microphone
from firmware_py.devices import open_speaker as open_speaker
from firmware_py.earcons import Earcons
from firmware_py.ears import make_attention, make_interruption
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.events import (
    FRAME_SAMPLES,
    RATE_HZ,
    Pcm16,
    State,
    TurnEvent,
    TurnTrace,
    WakeHeard,
)
from firmware_py.failed_turns import MISSED, FailedTurns
from firmware_py.fast_walk import RING_SAMPLES, add_costs, ask_back
from firmware_py.fast_walk import Answer as Answer
from firmware_py.fast_walk import Heeded as Heeded
from firmware_py.fast_walk import measured as measured
from firmware_py.fast_walk import position_clock as position_clock
from firmware_py.fast_walk import replay as replay
from firmware_py.guard_counts import GuardCounts
from firmware_py.listen import Listener
from firmware_py.observers import Observers as Observers
from firmware_py.partials import LivePartials
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import Microphone, Speaker
from firmware_py.turn import TurnSettings, TurnTaker
from firmware_py.turn_queue import ENDS, TurnQueue
from firmware_py.workers import Deadlines, Rules, WorkerPool

MOST_SAYS = 4
"""Announcements that may wait; a device that babbles is told so."""

CAPTURE_PRIORITY = 10
"""Of SCHED_RR, which the capture thread asks for: before every ordinary thread, behind the kernel's own."""

_log = logging.getLogger("rtva")


def worker_pool(config: Config) -> WorkerPool | None:
    """Where the service's engines run: in supervised processes, or None for in this one (``workers.mode``)."""
    workers = config.workers
    if workers.mode == "in_process":
        return None
    return WorkerPool(Rules(workers.standby, Deadlines(scale=workers.deadline_scale), holds_standbys=True))


class Appliance:
    """The walk in its threads: capture, listen, turn, play.

    ``start`` returns once the microphone is being read; ``stop`` ends the threads in reverse order and is
    safe to call twice. ``failure`` is what ended a thread, if anything did. ``hears_itself``: the speaker may be
    heard by the microphone, and people speak over answers; a recording does neither.
    """

    def __init__(
        self,
        pipeline: VoicePipeline,
        microphone: Microphone,
        speaker: Speaker,
        observers: Observers | None = None,
        *,
        hears_itself: bool = True,
    ) -> None:
        self.pipeline = pipeline
        self.observers = observers or Observers()
        self.ring = Ring(RING_SAMPLES)
        self.capture = Capture(microphone, self.ring, realtime=CAPTURE_PRIORITY)
        self._is_ring_locked = self.ring.lock_memory()
        self.queue = TurnQueue()
        self.queue.on_shed = self._on_shed
        self.far_end = FarEnd()
        self.player = Player(speaker, on_error=self._on_play_error, far_end=self.far_end)
        self.earcons = Earcons(pipeline.config, speaker.rate_hz, self.player.chime)
        self._set_ducking()
        self.interruption, self._echo_note = make_interruption(pipeline.config, self if hears_itself else None)
        self.interruption.playing, self.interruption.end = lambda: self.player.answer, lambda: self.hush()
        self.attention = self._make_attention()
        self.controls = begin_conversation(pipeline, self.player, act=True)
        self.taker = TurnTaker(
            pipeline.stations,
            self.player,
            TurnSettings(drafts=pipeline.drafts),
            pipeline.make_addressed(),
            has_resumed=self.queue.has_resumed,
            on_state=self._on_state,
            on_draft=lambda draft: self.listener.be_patient(pipeline.patience(draft)),
            on_no_draft=lambda pause: self.listener.be_patient(pipeline.no_patience(pause)),
            on_heard=self.attention.answered if self.attention is not None else lambda: None,
            on_reply=lambda reply, trace: ask_back(self.attention, reply),
        )
        self.listener = Listener(
            self.ring,
            pipeline.make_vad(),
            pipeline.listen_settings(),
            lambda position: self.capture.now_ns(),
            self.attention,
        )
        self.listener.echo, self.listener.on_voice = self.interruption.echo, self.interruption.on_voice
        self.partials = self._make_partials() if pipeline.wants_partials else None
        self.failure: BaseException | None = None
        self.turns = 0
        self.guards = GuardCounts()
        self.turn_ticks = 0
        self.busy_since_ns: int | None = None
        self.failed = FailedTurns(self.taker.say, lambda: self.earcons.play("error"))
        self._jobs: deque[Callable[[], None]] = deque()
        self._says: deque[str] = deque()
        self._microphone, self._speaker = microphone, speaker
        self._threads = [
            threading.Thread(target=self._guard, args=(self._listen,), name="listen", daemon=True),
            threading.Thread(target=self._guard, args=(self._take_turns,), name="turn", daemon=True),
        ]

    def start(self) -> None:
        """Starts the threads from the speaker's end to the microphone's."""
        self.player.start()
        if self.partials is not None:
            self.partials.start()
        for thread in reversed(self._threads):
            thread.start()
        self.capture.start()

    def stop(self) -> None:
        """Stops from the microphone's end to the speaker's."""
        self.capture.stop()
        self.ring.close()
        self.queue.close()
        if self.partials is not None:
            self.partials.stop()
        self.player.stop()
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(5.0)
        self._microphone.close()
        self._speaker.close()

    def _on_state(self, state: State) -> None:
        """A speaker that sleeps is woken while somebody speaks, so that the answer's first word is whole at once."""
        if state is State.LISTENING:
            self.player.wake()
        elif state is State.IDLE and self.player.is_sounding:
            state = State.SPEAKING
        self.observers.on_state(state)

    @property
    def errors(self) -> int:
        """Turns that failed."""
        return self.failed.count

    @property
    def degradations(self) -> list[str]:
        """What capture was refused, in words. It works on without, but a busy machine may cost samples."""
        memory = None if self._is_ring_locked else "the ring may be swapped out: not allowed (systemd LimitMEMLOCK)"
        return [note for note in (self.capture.realtime_note, memory, self._echo_note) if note]

    def is_quiet(self) -> bool:
        """Whether nothing is open: no speech, no waiting event, no turn in progress, every frame looked at."""
        busy = self.busy_since_ns is not None or self._jobs or self._says
        return not (busy or self.listener.in_speech or len(self.queue) or self.ring.available() >= FRAME_SAMPLES)

    def between_turns(self, job: Callable[[], None]) -> None:
        """Has the turn thread do ``job`` when no turn is in progress; what it raises is logged."""
        self._jobs.append(lambda: self._try(job))
        self.queue.wake()

    def say(self, text: str) -> None:
        """Speaks between two turns; returns at once. Raises Unavailable when too much waits to be spoken already."""
        if len(self._says) >= MOST_SAYS:
            raise Unavailable(f"{MOST_SAYS} announcements wait to be spoken already; 'stop' drops them")
        self._says.append(text)
        self.queue.wake()

    def hush(self) -> None:
        """Ends what is being spoken and drops what waits to be announced."""
        self._says.clear()
        self.controls.silence()

    def stop_all(self) -> None:
        """Ends what is being spoken, what rings, and the question that is open."""
        self.pipeline.world.agenda.stop_ringing()
        self.hush()
        if self.attention is not None:
            self.attention.answered()
        self.between_turns(self.taker.stations.responder.close_question)

    def talk(self) -> None:
        """Somebody is about to speak: what is being said ends, and no wake word is needed for the next utterance."""
        self.hush()
        self.interruption.forgive()
        if self.attention is not None:
            self.attention.call(TALK)

    def sound_under(self, chunks: Iterator[Pcm16]) -> None:
        """Plays a long sound that nobody waits for, beside the walk; in the turn thread. See ``Player.under``."""
        self._on_state(State.SPEAKING)
        self.player.under(chunks, lambda: self.between_turns(lambda: self._on_state(State.IDLE)))

    def _is_attended(self) -> bool:
        """Whether somebody speaks, may speak, or is answered."""
        is_open = self.attention is not None and self.attention.is_open
        return is_open or self.listener.in_speech or self.busy_since_ns is not None or len(self.queue) > 0

    def _set_ducking(self) -> None:
        """What rings steps back for everybody; an answer for who opened the ear over it, where that does not end it."""
        ducking = self.player.ducking
        ducking.gain = 10 ** (-self.pipeline.config.sounds.duck_db / 20)
        ducking.is_attended = self._is_attended
        ducking.gives_way = lambda: self.attention is not None and self.attention.is_open

    @property
    def interruptions(self) -> int:
        """How often somebody ended what was being said."""
        return self.interruption.count

    def _make_attention(self) -> Attention | None:
        attention = make_attention(self.pipeline.config)
        if attention is not None:
            attention.is_speaking = lambda: self.player.is_sounding
            attention.on_wake = self._on_wake
            attention.on_waiting = lambda: self.earcons.play("wake")
            attention.hears_over = self.interruption.hears_over
        return attention

    def _on_wake(self, heard: WakeHeard) -> None:
        """In the listen thread: whoever says the word over an answer wants to be heard, not to hear the rest."""
        if not heard.is_near:
            self.interruption.on_wake()
        self.observers.on_wake(heard)

    def _make_partials(self) -> LivePartials:
        def copy(start: int) -> Pcm16:
            return self.listener.heard(start, self.ring.written)

        return LivePartials(self.pipeline.partial_stt, copy, self.observers.on_partial)

    def _listen(self) -> None:
        self.listener.run(self._emit)

    def _emit(self, event: TurnEvent) -> None:
        event = self.interruption.on_event(event)
        self.observers.on_event(event)
        self.queue.put(event)
        if self.partials is not None:
            self.partials.on_event(event)

    def _take_turns(self) -> None:
        while not self.queue.is_closed:
            self.turn_ticks += 1
            may_work = (self._jobs or self._says) and not self.listener.in_speech
            event = self.queue.get(0.0 if may_work else 0.5)
            if event is None and not may_work:
                continue
            self.busy_since_ns = time.monotonic_ns()
            try:
                if event is not None:
                    self._take(event)
                elif self._jobs:
                    self._jobs.popleft()()
                else:
                    self._announce()
            finally:
                self.busy_since_ns = None

    def _take(self, event: TurnEvent) -> None:
        self.taker.t0_ns = self.capture.time_ns(event.at) - event.at * 1_000_000_000 // RATE_HZ
        self.observers.on_take(event)
        if event.wake and event.kind in ENDS and not self.taker.is_drafted(event):
            self.earcons.play("done")
        try:
            trace = self.taker.handle(event)
        except Exception as error:
            self._fail(event, error)
            return
        self.failed.went_well()
        if trace is not None:
            self.turns += 1
            self.guards.add(trace)
            add_costs(trace, self.listener, self.pipeline.config.audio.input.chunk_size)
            self.observers.on_turn(trace)
        self._tell_utterance(event, trace)

    def _fail(self, event: TurnEvent, error: Exception) -> None:
        """The turn is lost, not in silence: everyone is told, and who spoke gets an apology."""
        known = self.failed.judge(error)
        self.observers.on_state(State.ERROR)
        self.observers.on_failure(known)
        self._tell_utterance(event, None, str(known))
        if event.kind in ENDS:
            self.failed.apologise()
            self.observers.on_state(State.ERROR)

    def _on_play_error(self, error: Exception) -> None:
        """The speaker was lost, or the voice in the middle of an answer; in the play thread."""
        _log.error("an answer broke off: %s", error)
        self.observers.on_failure(error if isinstance(error, RtvaError) else RtvaError(str(error)))

    def _on_shed(self, event: TurnEvent, reason: str) -> None:
        """Who spoke is told so, once, as soon as nothing else waits."""
        self.observers.on_shed(event, reason)
        if MISSED not in self._says:
            self._says.append(MISSED)

    def _announce(self) -> None:
        """The oldest announcement; ``hush`` may have dropped it meanwhile."""
        try:
            text = self._says.popleft()
        except IndexError:
            return
        self._try(lambda: self.taker.say(text))

    def _tell_utterance(self, event: TurnEvent, trace: TurnTrace | None, error: str = "") -> None:
        if event.kind in ENDS:
            self.observers.on_utterance(event, trace, error)

    def _try(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            self.observers.on_failure(self.failed.judge(error))
            self.observers.on_state(State.ERROR)

    def _guard(self, body: Callable[[], None]) -> None:
        try:
            body()
        except BaseException as error:
            self.failure = error
            _log.critical("%s thread ended: %s", threading.current_thread().name, error, exc_info=True)


@contextmanager
def running(
    pipeline: VoicePipeline, microphone: Microphone, speaker: Speaker, observers: Observers | None = None, **how: bool
) -> Iterator[Appliance]:
    """An appliance that is started, and stopped whatever happens."""
    appliance = Appliance(pipeline, microphone, speaker, observers, **how)
    appliance.start()
    try:
        yield appliance
    finally:
        appliance.stop()


def converse(pipeline: VoicePipeline, file: Path) -> list[Answer]:
    """Walks one recording at real-time pace, through the real threads and a paced virtual speaker."""
    config = pipeline.config
    rate_hz, played, answers = pipeline.tts.rate_hz, [], []  # type: int, list[Pcm16], list[Answer]

    def on_turn(trace: TurnTrace) -> None:
        answers.append(Answer(trace, rate_hz, played[:]))
        played.clear()

    microphone = RecordingMicrophone(file, pace="real", chunk_size=config.audio.input.chunk_size, silence_after=True)
    speaker = VirtualSpeaker(
        rate_hz, pace="real", buffer_size=config.audio.output.buffer_size, on_samples=played.append
    )
    with running(pipeline, microphone, speaker, Observers(on_turn=on_turn), hears_itself=False) as appliance:
        appliance.earcons.off()  # what is kept is the answers alone
        wait_until_answered(appliance, microphone)
    return answers


def wait_until_answered(appliance: Appliance, microphone: RecordingMicrophone) -> None:
    """Returns once the recording is over and nothing of it is open any more; raises what ended a thread."""
    quiet = 0
    while quiet < 3:
        time.sleep(0.05)
        if appliance.failure is not None:
            raise appliance.failure
        over = microphone.ended and appliance.ring.consumed >= microphone.length
        quiet = quiet + 1 if over and appliance.is_quiet() else 0
