"""The one place that knows what the appliance is doing: facts come in, the state they amount to goes out."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firmware_py.events import State, TurnTrace
from firmware_py.status.hub import Hub

TURNS_KEPT = 10
ERROR_SHOWN_S = 5.0
"""A failed turn is shown this long, unless something else happens first."""
FAULT_SHOWN_S = 10.0
"""So long behind the last fault of its kind the alert is on for one that healed itself."""
FAULT_EVERY_S = 1.0
"""Faults of one kind that come closer together are told as one, with their number."""


class Ear(enum.Enum):
    """The capture device. ``CLOSED``: shut on purpose, and it is certain that no sample flows; ``LOST``: gone."""

    OPEN = "open"
    CLOSED = "closed"
    LOST = "lost"


BUSY = (State.THINKING, State.SPEAKING)


@dataclass
class _Fault:
    """What was not told yet of faults of one kind, and when they were told last."""

    count: int = 0
    lost: int = 0
    told_ns: int | None = None


class Board:
    """Thread-safe; every method returns at once.

    ``walk`` is the turn's own state, ``phase`` STARTING, IDLE (running) or STOPPING. :attr:`state` combines them
    with the capture device and the alerts; a change of it is published as ``state``, and as ``speaking`` whether an
    answer sounds, which goes on where the microphone is lost. ``ear_reason`` says in words why that is closed or lost.
    """

    def __init__(self, hub: Hub, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.hub = hub
        self.turns: deque[dict[str, Any]] = deque(maxlen=TURNS_KEPT)
        self._clock_ns = clock_ns
        self._lock = threading.RLock()
        self._phase, self._walk = State.STARTING, State.IDLE
        self._ear: Ear | None = None
        self.ear_reason = ""
        self._error_ns = 0
        self._alerts: dict[str, float] = {}
        self._faults: dict[str, _Fault] = {}
        self._capturing: set[str] = set()
        self._shown = State.STARTING
        self._since_ns = clock_ns()

    @property
    def state(self) -> State:
        return self._shown

    @property
    def ear(self) -> Ear | None:
        """None until anything is known of the capture device."""
        return self._ear

    @property
    def alerts(self) -> dict[str, float]:
        """The alerts that are on, with the value that raised each."""
        with self._lock:
            return dict(self._alerts)

    @property
    def is_capturing(self) -> bool:
        """Whether a debug capture or a recording is on: what is said is stored."""
        return bool(self._capturing)

    def since_s(self) -> float:
        """Seconds that the state has been what it is."""
        return (self._clock_ns() - self._since_ns) / 1e9

    def set_phase(self, phase: State) -> None:
        with self._lock:
            self._phase = phase
            self._show()

    def set_walk(self, walk: State) -> None:
        """What the turn thread reports."""
        with self._lock:
            if (walk is State.SPEAKING) is not (self._walk is State.SPEAKING):
                self.hub.publish("speaking", is_on=walk is State.SPEAKING)
            self._walk = walk
            if walk is State.ERROR:
                self._error_ns = self._clock_ns()
            self._show()

    def set_ear(self, ear: Ear, reason: str = "") -> None:
        """``CLOSED`` only once no sample flows any more."""
        with self._lock:
            if ear is not self._ear or reason != self.ear_reason:
                self._ear, self.ear_reason = ear, reason
                self.hub.publish("ear", ear=ear.value, reason=reason)
            self._show()

    def set_alert(self, name: str, value: float | None) -> None:
        """Raises an alert with the value that did it, or with None lowers it."""
        with self._lock:
            if (value is not None) == (name in self._alerts):
                return
            if value is None:
                del self._alerts[name]
            else:
                self._alerts[name] = value
            self.hub.publish("alert", name=name, is_on=value is not None, value=value)
            self._show()

    def add_fault(self, name: str, lost: int = 0) -> None:
        """A fault of the microphone that healed itself, and the samples (16 kHz) it cost: told as ``fault``, and the
        alert ``microphone_NAME`` is on for :data:`FAULT_SHOWN_S`."""
        with self._lock:
            fault = self._faults.setdefault(name, _Fault())
            fault.count, fault.lost = fault.count + 1, fault.lost + lost
            self._tell_fault(name, fault)

    def set_capturing(self, is_on: bool, minutes: int = 0, by: str = "capture") -> None:
        """A debug capture (or a recording) was switched on for ``minutes``, or off; every time is told."""
        with self._lock:
            (self._capturing.add if is_on else self._capturing.discard)(by)
            self.hub.publish("capture", is_on=is_on, minutes=minutes)

    def add_turn(self, trace: TurnTrace) -> None:
        """A turn that is over."""
        turn = summary(trace)
        with self._lock:
            self.turns.append(turn)
        self.hub.publish("turn", **turn)

    def tick(self) -> None:
        """Lets an error and faults fade; to be called about once a second."""
        with self._lock:
            for name, fault in list(self._faults.items()):
                self._tell_fault(name, fault)
                if fault.told_ns is not None and self._clock_ns() - fault.told_ns > FAULT_SHOWN_S * 1e9:
                    del self._faults[name]
                    self.set_alert(f"microphone_{name}", None)
            if self._walk is State.ERROR and self._clock_ns() - self._error_ns > ERROR_SHOWN_S * 1e9:
                self._walk = State.IDLE
                self._show()

    def _tell_fault(self, name: str, fault: _Fault) -> None:
        now_ns = self._clock_ns()
        if not fault.count or (fault.told_ns is not None and now_ns - fault.told_ns < FAULT_EVERY_S * 1e9):
            return
        self.hub.publish("fault", name=name, count=fault.count, lost_samples=fault.lost)
        self.set_alert(f"microphone_{name}", float(fault.count))
        fault.count, fault.lost, fault.told_ns = 0, 0, now_ns

    def _show(self) -> None:
        state = self._combined()
        if state is not self._shown:
            previous, self._shown = self._shown, state
            self._since_ns = self._clock_ns()
            self.hub.publish("state", state=state.value, previous=previous.value)

    def _combined(self) -> State:
        if self._phase is State.STOPPING:
            return State.STOPPING
        if self._ear is Ear.LOST:  # above an answer that goes on: nobody may believe that they are heard
            return State.NO_MICROPHONE
        if self._walk in BUSY:
            return self._walk
        if self._phase is State.STARTING:
            return State.STARTING
        if self._ear is Ear.CLOSED:
            return State.MUTED
        if self._walk is State.IDLE and self._alerts:
            return State.DEGRADED
        return self._walk


def summary(trace: TurnTrace) -> dict[str, Any]:
    """A turn as plain values, for faces and statistics."""
    gap, answer = trace.response_gap_ms, trace.answer_latency_ms
    return {
        "transcript": trace.transcript,
        "intent": trace.intent,
        "slots": _plain(trace.slots),
        "score": round(trace.score, 3),
        "reply": trace.reply,
        "answer_ms": None if answer is None else round(answer, 1),
        "gap_ms": None if gap is None else round(gap, 1),
        "stages_ms": {name: round(ms, 2) for name, ms in trace.stages_ms.items()},
        "draft_hit": trace.draft_hit,
        "guards": list(trace.guards),
        "error": trace.error,
    }


def _plain(slots: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, (str, int, float, bool, type(None))) else str(v) for k, v in slots.items()}
