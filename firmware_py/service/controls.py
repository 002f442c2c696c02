"""The appliance as its faces command it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from firmware_py import __version__
from firmware_py.app import Appliance
from firmware_py.errors import Unavailable
from firmware_py.service.debug_capture import DebugCapture
from firmware_py.service.gate import MicrophoneGate
from firmware_py.service.memory import Remembered
from firmware_py.status.board import Board

WHY = {"user": "muted", "switch": "the mute switch is on", "button": "the talk button is not held"}


def _not_yet() -> dict[str, Any]:
    raise Unavailable("it is still starting and works with the configuration it found: restart it to take another")


@dataclass
class Reports:
    """Where ``status`` gets the parts that are not the board's; each returns plain values at once."""

    metrics: Callable[[], dict[str, Any]] = field(default=dict)
    workers: Callable[[], list[dict[str, Any]]] = field(default=list)
    faces: Callable[[], dict[str, Any]] = field(default=dict)
    totals: Callable[[], dict[str, int]] = field(default=dict)
    reload: Callable[[], dict[str, Any]] = field(default=_not_yet)
    machine: Callable[[], dict[str, Any]] = field(default=dict)
    record: Callable[[str, int], dict[str, Any]] = field(default=lambda wanted, minutes: {})
    governor: Callable[[], dict[str, Any]] = field(default=dict)
    trace: Callable[[int], list[dict[str, Any]]] = field(default=lambda count: [])
    gain: Callable[[], dict[str, Any]] = field(default=dict)


class ServiceControls:
    """Fills the faces' Controls. Exists before the appliance does: until :meth:`attach` there is no voice to use."""

    def __init__(
        self, board: Board, gate: MicrophoneGate, reports: Reports, remembered: Remembered, debug: DebugCapture
    ) -> None:
        self.reports, self._debug = reports, debug
        self.board, self._gate, self._remembered = board, gate, remembered
        self.unkept: Callable[[], str] = lambda: ""
        self._appliance: Appliance | None = None
        self._lock = threading.Lock()
        self._percent = 100 if remembered.percent is None else remembered.percent
        if remembered.is_muted:
            gate.shut("user", WHY["user"])

    def attach(self, appliance: Appliance) -> None:
        """The walk is there: it gets the remembered volume, and its changes are published from now on."""
        speaker = appliance.controls
        if self._remembered.percent is not None:
            speaker.set_percent(self._remembered.percent)
        speaker.set_muted(self._remembered.is_silent)
        speaker.on_change = lambda: self.board.hub.publish(
            "volume", percent=speaker.percent, is_silent=speaker.is_muted
        )
        self._appliance = appliance

    def status(self) -> dict[str, Any]:
        board, appliance = self.board, self._appliance
        return {
            "state": board.state.value,
            "since_s": round(board.since_s(), 1),
            "microphone": board.ear.value if board.ear else None,
            "microphone_why": self._gate.why_blocked or board.ear_reason,
            "volume": self.volume(),
            "is_silent": appliance.controls.is_muted if appliance else self._remembered.is_silent,
            "alerts": board.alerts,
            "capture": self._debug.status(),
            "record": self.reports.record("status", 0) if appliance else {},
            "level_db": round(appliance.listener.level_db, 1) if appliance else None,
            "floor_db": round(appliance.listener.floor_db, 1) if appliance else None,
            "near": appliance.taker.addressed.report() if appliance else {},
            "capture_gain": self.reports.gain(),
            "wake": appliance.attention.report() if appliance and appliance.attention else {},
            "interruption": self._interruption(),
            "counts": self._counts(),
            "guards": appliance.guards.report(appliance.listener.too_short) if appliance else {},
            "totals": self.reports.totals(),
            "latency_ms": self.reports.metrics(),
            "caches": appliance.pipeline.caches() if appliance else {},
            "language_model": _chat_counts(appliance) if appliance else {},
            "own_commands": _deeds(appliance) if appliance else {},
            "faults": dict(self._gate.faults),
            "workers": self.reports.workers(),
            "machine": self.reports.machine(),
            "governor": self.reports.governor(),
            "faces": self.reports.faces(),
            "turns": list(board.turns),
            "version": __version__,
            "pid": os.getpid(),
        }

    def version(self) -> str:
        return __version__

    def say(self, text: str) -> None:
        self._ready().say(text)

    def mute(self, muted_by: str = "user") -> None:
        with self._lock:
            was_shut = self._gate.is_shut
            self._gate.shut(muted_by, WHY[muted_by])
        if not was_shut:
            self._sound("mute", muted_by)
        if muted_by == "user":
            self.board.hub.publish("muted", is_muted=True)

    def unmute(self, muted_by: str = "user") -> None:
        """Raises Unavailable when the microphone stays closed for another reason than ``muted_by``'s."""
        with self._lock:
            was_shut = self._gate.is_shut
            self._gate.open(muted_by)
        if was_shut and not self._gate.is_shut:
            self._sound("unmute", muted_by)
        if muted_by == "button" and self._appliance is not None:
            self._appliance.talk()
        if muted_by == "user":
            self.board.hub.publish("muted", is_muted=False)
            if self._gate.is_shut:
                raise Unavailable(f"the microphone stays closed: {self._gate.why_shut}")

    def volume(self, percent: int | None = None, by: int | None = None) -> int:
        if percent is None and by is None:
            return self._appliance.controls.percent if self._appliance else self._percent
        speaker = self._ready().controls
        speaker.set_percent(speaker.percent + by if by is not None else percent or 0)
        return speaker.percent

    def stop(self) -> None:
        self._ready().stop_all()

    def talk(self) -> None:
        self._ready().talk()

    def clock(self, at: datetime | int | None = None) -> dict[str, Any]:
        """The wall clock as rtva believes it; ``at`` (local, or with a zone; or the minute of the day alone) sets it
        where nothing else does."""
        agenda = self._ready().pipeline.world.agenda
        if at is not None:
            if agenda.clock.is_system_set():
                raise Unavailable("the clock is set by the network or its own battery; set that of the system")
            if isinstance(at, int):
                setting = agenda.clock.believe(agenda.clock.moment_of(at), is_dated=False)
            else:
                setting = agenda.clock.believe(at if at.tzinfo else at.replace(tzinfo=agenda.clock.zone()))
            self.board.hub.publish("clock", **setting)
            agenda.on_change()
        return {"time": agenda.clock.now().isoformat(timespec="seconds"), "is_set": agenda.clock.is_set()}

    def reload(self) -> dict[str, Any]:
        return self.reports.reload()

    def capture(self, wanted: str, minutes: int) -> dict[str, Any]:
        return self._debug.command(wanted, minutes)

    def record(self, wanted: str, minutes: int) -> dict[str, Any]:
        self._ready()
        return self.reports.record(wanted, minutes)

    def trace(self, count: int) -> list[dict[str, Any]]:
        return self.reports.trace(count)

    def cache(self, wanted: str) -> dict[str, Any]:
        """Counts by cache; after ``clear`` those of empty caches, with the files that were ``removed``."""
        pipeline = self._ready().pipeline
        removed = pipeline.clear_caches() if wanted == "clear" else None
        return {"caches": pipeline.caches()} | ({} if removed is None else {"removed": removed})

    def levels(self) -> tuple[float, float]:
        """Level and noise floor of the microphone, dB below full scale."""
        listener = self._appliance.listener if self._appliance else None
        return (listener.level_db, listener.floor_db) if listener else (-120.0, -120.0)

    def _interruption(self) -> dict[str, Any]:
        """What ends an answer beside `stop`, and how often it did."""
        appliance = self._appliance
        if appliance is None:
            return {"by": "nothing", "count": 0}
        return appliance.interruption.report()

    def _sound(self, earcon: str, muted_by: str) -> None:
        """Not for the button, which is let go of after every sentence."""
        if self._appliance is not None and muted_by != "button":
            self._appliance.earcons.play(earcon)

    def _ready(self) -> Appliance:
        if self._appliance is None:
            raise Unavailable("still starting")
        return self._appliance

    def _counts(self) -> dict[str, int]:
        appliance = self._appliance
        if appliance is None:
            return {}
        return {
            "turns": appliance.turns,
            "errors": appliance.errors,
            "waiting": appliance.queue.waiting(),
            "shed": appliance.queue.shed,
            "frames_in": appliance.capture.frames_in,
            "lost_samples": self._gate.dropped,
            "absent_samples": self._gate.absent_by_now(),
            "surplus_samples": self._gate.surplus,
            "overrun_samples": appliance.ring.overrun,
            "playbacks_dropped": appliance.player.dropped,
            "drafts_discarded": appliance.taker.drafts_discarded,
            "drafts_failed": appliance.taker.drafts_failed,
            "microphone_opened": self._gate.reopened,
            "microphone_faults": sum(self._gate.faults.values()),
        }


def _deeds(appliance: Appliance) -> dict[str, int]:
    """What became of the actions of the user's own commands."""
    runner = appliance.pipeline.runner
    return runner.report() if runner is not None else {}


def _chat_counts(appliance: Appliance) -> dict[str, int]:
    """What became of the questions to a language model, {} where there is none; of the responder in force."""
    responder: Any = appliance.taker.stations.responder
    return dict(responder.chat_counts())
