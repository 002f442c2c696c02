"""Whether the walk is alive: systemd's watchdog is fed only while captured frames advance and the turn loop ticks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from firmware_py.app import Appliance
from firmware_py.events import FRAME_SAMPLES, State
from firmware_py.service.gate import MicrophoneGate
from firmware_py.status.board import Board, Ear
from firmware_py.status.notify import Notifier

_log = logging.getLogger("rtva")

TICK_S = 0.25
STALE_S = 4.0
"""What has not moved for so long is stuck; less than half of the unit's WatchdogSec."""
BUSY_MOST_S = 180.0
"""The longest a turn may take, its answer spoken; engines have deadlines of their own far below it."""
STATUS_WORDS = {
    State.STARTING: "starting",
    State.IDLE: "ready",
    State.MUTED: "microphone closed",
    State.NO_MICROPHONE: "no microphone",
    State.DEGRADED: "ready, with alerts",
}


class Pulse:
    """Remembers when a counter last moved."""

    def __init__(self, read: Callable[[], int], clock: Callable[[], float]) -> None:
        self._read, self._clock = read, clock
        self._last = read()
        self._at = clock()

    def age_s(self) -> float:
        """Seconds since the counter moved, as far as this was asked."""
        now, value = self._clock(), self._read()
        if value != self._last:
            self._last, self._at = value, now
        return now - self._at


class Unheard:
    """Samples that were captured and overwritten before the listener came: told as the fault ``unheard``."""

    def __init__(self, read: Callable[[], int], tell: Callable[[str, int], None]) -> None:
        self._read, self._tell = read, tell
        self._last = read()

    def each_second(self) -> None:
        now = self._read()
        lost, self._last = now - self._last, now
        if lost > 0:
            self._tell("unheard", lost)


class Vitals:
    """Which parts of a running appliance are stuck; :meth:`stuck` is to be asked several times a ``STALE_S``."""

    def __init__(
        self, appliance: Appliance, gate: MicrophoneGate, board: Board, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._appliance, self._board = appliance, board
        self._gate = Pulse(lambda: gate.ticks, clock)
        self._frames = Pulse(lambda: appliance.capture.frames_in, clock)
        self._ring = Pulse(lambda: appliance.ring.consumed, clock)
        self._turn = Pulse(lambda: appliance.turn_ticks, clock)

    def stuck(self) -> list[str]:
        """Names of what does not move: ``capture``, ``listen``, ``turn``. Empty is well."""
        found = []
        gate_s, frames_s = self._gate.age_s(), self._frames.age_s()
        if gate_s > STALE_S or (self._board.ear is Ear.OPEN and frames_s > STALE_S):
            found.append("capture")
        ring_s = self._ring.age_s()
        if ring_s > STALE_S and self._appliance.ring.available() >= FRAME_SAMPLES:
            found.append("listen")
        turn_s, busy_since = self._turn.age_s(), self._appliance.busy_since_ns
        most_s = STALE_S if busy_since is None else BUSY_MOST_S
        if turn_s > most_s:
            found.append("turn")
        return found

    def is_flowing(self) -> bool:
        """Whether sound of a device reached the ring within the last ticks."""
        return self._board.ear is Ear.OPEN and self._frames.age_s() < 3 * TICK_S


class Watch:
    """The heartbeat: a thread that looks four times a second, feeds the watchdog, and calls ``each_second``."""

    def __init__(
        self, vitals: Vitals, board: Board, notifier: Notifier, each_second: Iterable[Callable[[], None]] = ()
    ) -> None:
        self.stuck: list[str] = []
        self.beats = 0
        self._vitals, self._board, self._notifier = vitals, board, notifier
        self._each_second = list(each_second)
        self._was_flowing: bool | None = None
        self._said: dict[Callable[[], None], str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def look(self) -> None:
        """One look; pings only when nothing is stuck."""
        stuck = self._vitals.stuck()
        if stuck != self.stuck:
            self.stuck = stuck
            self._board.hub.publish("stuck", parts=stuck)
        if not stuck:
            self.beats += 1
            if self.beats % 4 == 0:
                self._notifier.ping()
        is_flowing = self._vitals.is_flowing()
        if is_flowing is not self._was_flowing:
            self._was_flowing = is_flowing
            self._board.hub.publish("flow", is_flowing=is_flowing)

    def _run(self) -> None:
        ticks = 0
        while not self._stop.wait(TICK_S):
            self.look()
            self._board.tick()
            state = self._board.state
            self._notifier.status(STATUS_WORDS.get(state, state.value) + _because(self._board, self.stuck))
            ticks += 1
            if ticks % 4 == 0:
                for call in self._each_second:
                    self._try(call)

    def _try(self, call: Callable[[], None]) -> None:
        """One that fails keeps neither the others nor the heartbeat; said once for each way."""
        try:
            call()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            if why != self._said.get(call):
                self._said[call] = why
                _log.exception("a look that is taken each second failed")


def _because(board: Board, stuck: list[str]) -> str:
    reasons = [*(f"{part} does not move" for part in stuck), *board.alerts]
    if board.ear is Ear.LOST and board.ear_reason:
        reasons.append(board.ear_reason)
    if board.is_capturing:
        reasons.append("a debug capture or a recording stores what is said")
    return f": {', '.join(reasons)}" if reasons else ""
