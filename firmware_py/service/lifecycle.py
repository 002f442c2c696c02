"""One run of the service: start to READY, watch, reload, stop.

The faces come up first and go down last, so that a board without a microphone or with weights missing says so.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from firmware_py import app, models
from firmware_py.actions.runner import Runner
from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.clock import Clock
from firmware_py.agenda.lists import Lists
from firmware_py.agenda.scheduler import Scheduler
from firmware_py.app import Appliance
from firmware_py.beside import beside
from firmware_py.config import Config
from firmware_py.devices import MicrophoneSource, SpeakerSource
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.events import State, TurnEvent, TurnTrace
from firmware_py.failed_turns import APOLOGY, MISSED
from firmware_py.pipeline import VoicePipeline, in_process
from firmware_py.ports import Microphone
from firmware_py.respond import phrases
from firmware_py.service.controls import Reports, ServiceControls
from firmware_py.service.debug_capture import DebugCapture
from firmware_py.service.debug_folder import DebugFolder
from firmware_py.service.engines_watch import EnginesWatch
from firmware_py.service.faces import Faces
from firmware_py.service.gain_keeper import GainKeeper
from firmware_py.service.gate import Hearing, MicrophoneGate
from firmware_py.service.governing import Governing
from firmware_py.service.measures import Exporters, Measures, thresholds
from firmware_py.service.memory import Memory, recall
from firmware_py.service.recorder import Recorder, conversations
from firmware_py.service.reload import Reloader
from firmware_py.service.renewal import Renewal
from firmware_py.service.restarts import GOOD_AFTER_S, Restarts, runtime_directory
from firmware_py.service.ringer import Ringer
from firmware_py.service.selftest import try_engines
from firmware_py.service.spare_sentences import VOICE_FAILED, SpareSentences
from firmware_py.service.spare_voice import SpareVoice
from firmware_py.service.speaker_gate import SpeakerGate
from firmware_py.service.telling import observers, own_up
from firmware_py.service.turn_log import TurnLog
from firmware_py.service.unanswered import Unanswered
from firmware_py.service.waits import EXTEND_S, Waits
from firmware_py.service.warming import Warming, steps
from firmware_py.service.watch import Unheard, Vitals, Watch
from firmware_py.state.database import Database
from firmware_py.status.board import Board, Ear
from firmware_py.status.hub import Hub
from firmware_py.status.notify import Notifier
from firmware_py.workers import Deadlines

MICROPHONE_S = 10.0
"""Without ``is_patient``, a microphone that delivers nothing for so long is an error."""
RELOAD_S = 20.0
"""For so long the answer to a reload waits until what was read is in force."""
LOADS = 4
"""Two engines, each tried twice: systemd is asked for as long as that may take."""
STATE_FILE = "state.db"
ACTION_FAILED = "Sorry, that did not work."
DEBUG_FOLDER = "debug"
SENTENCES_FOLDER = "sentences"
SENTENCES = {
    "voice": VOICE_FAILED,
    "action": ACTION_FAILED,
    "unknown": phrases.UNKNOWN,
    "failed": phrases.FAILED,
    "apology": APOLOGY,
    "missed": MISSED,
}
"""What can be said without the voice; made by it at the first start."""
CONVERSATIONS_FOLDER = "conversations"

_log = logging.getLogger("rtva")


@dataclass(frozen=True)
class RunOptions:
    """``read_config`` gives the configuration, again at a reload; ``is_patient`` waits for a microphone for ever."""

    read_config: Callable[[], Config]
    is_patient: bool = False


@dataclass(frozen=True)
class Early:
    """What is there before the engines are."""

    database: Database
    controls: ServiceControls
    measures: Measures
    faces: Faces


class Service:
    """``run`` returns once ``stop`` was called, and raises what ended it otherwise."""

    def __init__(self, options: RunOptions, notifier: Notifier | None = None) -> None:
        self.options = options
        self.hub = Hub()
        self.board = Board(self.hub)
        self.notifier = notifier or Notifier()
        self.gate = MicrophoneGate(self._open_microphone, hearing=self._hearing())
        self.debug = DebugCapture(DebugFolder(models.home() / DEBUG_FOLDER), self.board)
        self.recorder = Recorder(conversations(models.home() / CONVERSATIONS_FOLDER), self.board)
        self.debug.purges.append(self.recorder.purge)
        self._sentences = SpareSentences(models.home() / SENTENCES_FOLDER, SENTENCES)
        self.turns = TurnLog()
        self.controls: ServiceControls | None = None
        self.speaker: SpeakerGate | None = None
        self._source: MicrophoneSource | None = None
        self._pipeline: VoicePipeline | None = None
        self._appliance: Appliance | None = None
        self._governing: Governing | None = None
        self._gain: GainKeeper | None = None
        self._stand_by: Callable[[bool], None] = lambda is_wanted: None
        self._engines = EnginesWatch(tuple, self.board.set_alert)
        self._stopping = threading.Event()
        self._reload_asked = threading.Event()
        self._self_test_ms = 0
        self._restarts = Restarts(runtime_directory())
        self._waits = Waits(self.board, self.notifier, self._stopping)

    def _hearing(self) -> Hearing:
        return Hearing(self._on_ear, self.board.set_alert, self.board.add_fault)

    def _on_ear(self, ear: Ear, reason: str) -> None:
        """In the capture thread."""
        if ear is Ear.OPEN and self.board.ear is Ear.LOST and self._gain is not None:
            self._gain.renew()
        self.board.set_ear(ear, reason)

    def stop(self) -> None:
        """Safe in a signal handler."""
        self._stopping.set()

    def ask_reload(self) -> None:
        """Safe in a signal handler; a bad file is logged."""
        self._reload_asked.set()

    def run(self) -> None:
        config = self.options.read_config()
        wait_s = self._restarts.wait_s()
        self._restarts.begin()
        try:
            with ExitStack() as parts:
                try:
                    early = self._show(config, parts)
                finally:  # a face that fails is a failed start too
                    self._waits.after_failures(wait_s, self._restarts.failures)
                if not self._stopping.is_set():
                    self._run(config, parts, early)
        except BaseException:
            if not self._stopping.is_set():
                self._restarts.fail()
            raise
        finally:
            if self._stopping.is_set():
                self._restarts.succeed()  # somebody looks after it: the next start does not wait
            self.notifier.close()

    def _show(self, config: Config, parts: ExitStack) -> Early:
        """What tells how it is, before anything is there to tell of."""
        self.gate.hearing.health.mind_after(config.alerts.microphone_s)
        database = Database(models.home() / STATE_FILE)
        controls = ServiceControls(self.board, self.gate, Reports(), recall(database), self.debug)
        self.controls = controls
        memory = Memory(database, self.hub, self.board.set_alert)
        parts.callback(memory.close)
        controls.unkept = memory.unkept
        self.debug.start()
        parts.callback(self.debug.close)
        measures = Measures(self.board, config)
        parts.callback(measures.close)
        faces = Faces(config, controls, self.hub)
        parts.callback(faces.close)
        parts.callback(self._say_goodbye)
        return Early(database, controls, measures, faces)

    def _run(self, config: Config, parts: ExitStack, early: Early) -> None:
        database, controls, measures = early.database, early.controls, early.measures
        has_spares = SpareSentences(models.home() / SENTENCES_FOLDER, SENTENCES).load()
        if not self._waits.for_weights(config, needs_voice=not has_spares, is_patient=self.options.is_patient):
            return
        try:
            pipeline, workers = self._load(config, parts)
        except Unavailable:
            if self._stopping.is_set():  # it was given up
                return
            raise
        pipeline.agenda, pipeline.lists = Agenda(Clock(database), database), Lists(database)
        pipeline.runner = runner = Runner(tuple(map(str, config.nlp.programs)), self._tell_failed_action)
        parts.callback(runner.close)
        unanswered = Unanswered(runtime_directory())
        parts.callback(unanswered.close)
        appliance = self._make_appliance(pipeline, parts, unanswered)
        own_up(appliance, self.board, unanswered, database.replaced)
        self._gain = gain = GainKeeper(config, database)
        gain.start()
        parts.callback(gain.close)
        controls.attach(appliance)
        self._appliance = appliance
        renewal = Renewal(appliance, self.board.set_alert)
        self._governing = governing = Governing(appliance, self.board, renewal)
        governing.let_stand_by = self._stand_by

        def set_thresholds(new: Config) -> None:
            measures.alerts.thresholds = thresholds(new)
            governing.configure(new)
            self.gate.hearing.health.mind_after(new.alerts.microphone_s)

        reloader = Reloader(config, self.options.read_config, appliance, set_thresholds, renewal)
        self.turns.read_shed = lambda: appliance.queue.shed
        self.recorder.appliance = appliance
        controls.reports = Reports(
            measures.report,
            workers,
            early.faces.report,
            database.counters,
            lambda: self._reload_by(reloader, RELOAD_S),
            measures.machine,
            self.recorder.command,
            governing.report,
            self.turns.last,
            gain.report,
        )
        parts.callback(Exporters(config, measures, appliance, controls).close)
        self._start(appliance, parts)
        if self._stopping.is_set():
            return
        for note in appliance.degradations:
            _log.warning("degraded: %s", note)
        watch = Watch(
            Vitals(appliance, self.gate, self.board),
            self.board,
            self.notifier,
            [
                lambda: measures.each_second(appliance.queue.waiting()),
                governing.each_second,
                renewal.each_second,
                self._engines.each_second,
                self._look_each_second,
                Unheard(lambda: appliance.ring.overrun, self.board.add_fault).each_second,
            ],
        )
        parts.callback(Scheduler(pipeline.agenda, Ringer(appliance)).close)
        watch.start()
        parts.callback(watch.stop)
        parts.callback(self._say_goodbye)
        self.board.set_phase(State.IDLE)
        self.notifier.ready()
        _log.info("ready", extra={"facts": {"self_test_ms": self._self_test_ms}})
        has_voice = self.board.alerts.get("voice") is None
        parts.callback(Warming(steps(pipeline, self._sentences if has_voice else None), appliance.is_quiet).close)
        self._stay(appliance, reloader)

    def _load(self, config: Config, parts: ExitStack) -> tuple[VoicePipeline, Callable[[], list[dict[str, Any]]]]:
        """The engines, loaded and tried."""
        self.notifier.status("loading the engines")
        make, report = in_process, list
        pool = app.worker_pool(config)
        if pool is not None:
            parts.enter_context(pool)
            make, report = pool.make, pool.snapshot  # type: ignore[assignment]
        pipeline = parts.enter_context(VoicePipeline(config, make_engine=make, leaves_core=True))
        self._pipeline = pipeline
        pipeline.on_chat = self._tell_chat
        pipeline.stand_in = spare = SpareVoice(lambda: pipeline.tts, self._sentences, self._tell_voice)
        scale = config.workers.deadline_scale
        give_up = pool.close if pool is not None else lambda: None
        with self._waits.loading(LOADS * Deadlines(scale).load(), give_up), beside(spare.load, "load-voice"):
            pipeline.load_components()
        for note in pipeline.notes:
            _log.warning("%s", note)
        self._self_test_ms = round(try_engines(pipeline, spare))
        if pool is not None:
            self._stand_by = pool.stand_by
            self._engines = EnginesWatch(pool.states, self.board.set_alert)
            pool.stand_by(config.workers.standby != "none")
        return pipeline, report

    def _make_appliance(self, pipeline: VoicePipeline, parts: ExitStack, unanswered: Unanswered) -> Appliance:
        source = SpeakerSource(pipeline)
        self.speaker = speaker = SpeakerGate(source, source.rate_hz, self.board.set_alert)
        parts.callback(speaker.close)
        speaker.begin(must=not self.options.is_patient)
        if not (self.options.is_patient or self.gate.is_shut):
            self.gate.adopt(self._open_microphone())
        told = observers(self.board, self.recorder, unanswered, self._on_utterance)
        return Appliance(pipeline, self.gate, speaker, told)

    def _on_utterance(self, event: TurnEvent, trace: TurnTrace | None, error: str) -> None:
        self.turns.add(event, trace, error)
        self.debug.add(event, trace, error)
        self.recorder.on_utterance(event, trace, error)
        if self._governing is not None:
            self._governing.add_turn(trace)
        if self._gain is not None:
            self._gain.add(event.audio, trace)

    def _open_microphone(self) -> Microphone:
        assert self._pipeline is not None
        if self._source is None:
            self._source = MicrophoneSource(self._pipeline)
        return self._source()

    def _look_each_second(self) -> None:
        if self.speaker is not None:
            self.speaker.look()
        if self._appliance is not None:
            interruption = self._appliance.interruption
            self.board.set_alert("echo", interruption.left_db if interruption.is_fallen_back else None)

    def _start(self, appliance: Appliance, parts: ExitStack) -> None:
        """Starts the walk and returns once sound arrives, or the microphone is certainly shut on purpose."""
        self.notifier.status("waiting for the microphone")
        appliance.start()
        parts.callback(appliance.stop)
        parts.callback(self.recorder.close)
        parts.callback(self.gate.close)
        waited = time.monotonic() + MICROPHONE_S
        while not self._stopping.wait(0.05):
            _raise_failure(appliance)
            if (self.board.ear is Ear.OPEN and appliance.capture.frames_in) or self.board.ear is Ear.CLOSED:
                return
            if not self.options.is_patient and (self.board.ear is Ear.LOST or time.monotonic() > waited):
                raise Unavailable(self.gate.why_lost or "the microphone delivers nothing")
            self.notifier.extend(EXTEND_S)
            if self.board.ear is Ear.LOST:
                self.notifier.status(f"no microphone: {self.gate.why_lost}")

    def _stay(self, appliance: Appliance, reloader: Reloader) -> None:
        good_at = time.monotonic() + GOOD_AFTER_S
        while not self._stopping.wait(0.25):
            _raise_failure(appliance)
            if self._reload_asked.is_set():
                self._reload_asked.clear()
                self._reload(reloader)
            if good_at and time.monotonic() > good_at:
                self._restarts.succeed()
                good_at = 0.0

    def _reload_by(self, reloader: Reloader, wait_s: float = 0.0) -> dict[str, Any]:
        """Another configuration is another conversation."""
        done = reloader.reload(wait_s)
        if done["applied"]:
            self.recorder.off("the configuration was changed")
        return done

    def _reload(self, reloader: Reloader) -> None:
        try:
            self._reload_by(reloader)
        except RtvaError as error:
            _log.error("nothing was changed: %s", error)

    def _tell_failed_action(self, what: str) -> None:
        _log.error("an action failed: %s", what)
        self.hub.publish("failure", error=what)
        if self._appliance is not None:
            with suppress(Unavailable):
                self._appliance.say(ACTION_FAILED)

    def _tell_voice(self, error: Exception | None) -> None:
        self.board.set_alert("voice", None if error is None else 1.0)
        if error is not None:
            self.hub.publish("failure", error=f"voice: {error}")

    def _tell_chat(self, failure: str | None) -> None:
        self.board.set_alert("language_model", None if failure is None else 1.0)
        if failure is not None:
            self.hub.publish("failure", error=f"language model: {failure}")

    def _say_goodbye(self) -> None:
        self.notifier.stopping()
        self.board.set_phase(State.STOPPING)


def _raise_failure(appliance: Appliance) -> None:
    """What ended a thread of the walk ends the service: systemd starts it anew."""
    if appliance.failure is not None:
        raise appliance.failure
    if appliance.capture.error is not None:
        raise appliance.capture.error
