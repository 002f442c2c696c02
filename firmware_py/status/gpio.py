"""The GPIO face: lights, a push-to-talk button, a mute switch, the amplifier's enable line."""

from __future__ import annotations

import logging
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from firmware_py.errors import Unavailable
from firmware_py.events import State
from firmware_py.status.commands import Controls
from firmware_py.status.gpio_lines import Lines, Wiring
from firmware_py.status.hub import Hub, Notice
from firmware_py.status.patterns import pattern_for

RETRY_S = 1.0
AMPLIFIER_HOLD_S = 1.0
"""The amplifier stays on this long behind the last word: sentences follow each other."""
NOT_READY = frozenset({State.STARTING, State.NO_MICROPHONE, State.ERROR, State.STOPPING})
TOPICS = frozenset({"state", "speaking", "flow", "alert"})

_log = logging.getLogger("rtva.gpio")


@dataclass(frozen=True)
class GpioPins:
    """Offsets on the chip; None is not wired."""

    led: int | None = None
    rgb: tuple[int | None, int | None, int | None] = (None, None, None)
    mute_led: int | None = None
    amplifier: int | None = None
    talk: int | None = None
    mute: int | None = None
    ready: int | None = None

    def wiring(self, outputs_active_low: bool = False, inputs_active_low: bool = True) -> Wiring:
        """The lines to request."""
        outputs = (self.led, *self.rgb, self.mute_led, self.amplifier, self.ready)
        return Wiring(_wired(outputs), _wired((self.talk, self.mute)), outputs_active_low, inputs_active_low)


def _wired(lines: tuple[int | None, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(line for line in lines if line is not None))


class GpioFace:
    """Shows and reads from a thread of its own until ``close``, which leaves every output off.

    ``open_lines`` is called again when the chip fails; ``problem`` says why meanwhile, "" while all is well. Until the
    lines are read a mute switch counts as on and a talk button as not held: a face that fails leaves the microphone
    closed, never open.
    """

    def __init__(self, open_lines: Callable[[], Lines], pins: GpioPins, controls: Controls, hub: Hub) -> None:
        self._open_lines, self._pins, self._controls = open_lines, pins, controls
        self._subscription = hub.subscribe("gpio", TOPICS)
        self._state = State.STARTING
        self._state_at = time.monotonic()
        self._is_flowing = self._is_speaking = False
        self._alerts: set[str] = set()
        self._spoke_at = -AMPLIFIER_HOLD_S
        self._outputs: dict[int, bool] = {}
        self._inputs: dict[int, bool] = {}
        self._is_closing = threading.Event()
        self.problem = ""
        self._distrust_inputs()
        self._thread = threading.Thread(target=self._run, name="gpio", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._is_closing.set()
        self._subscription.wake()
        if self._thread is not threading.current_thread():
            self._thread.join(3.0)
        self._subscription.close()

    def _run(self) -> None:
        why = ""
        while not self._is_closing.is_set():
            try:
                lines = self._open_lines()
                try:
                    self._serve(lines)
                finally:
                    lines.close()
            except Exception as error:  # whatever a library raises: a face that ended could not come back
                self._distrust_inputs()
                self.problem = str(error) or type(error).__name__
                if self.problem != why:
                    why, is_known = self.problem, isinstance(error, (OSError, ValueError, Unavailable))
                    _log.warning("GPIO: %s", why, exc_info=None if is_known else error)
            self._rest()

    def _rest(self) -> None:
        """Until the chip is tried again. What changes is noted all the while: a queue that ran over would leave the
        mute light on over an open microphone."""
        until = time.monotonic() + RETRY_S
        while not self._is_closing.is_set() and (left_s := until - time.monotonic()) > 0:
            if (notice := self._subscription.get(left_s)) is not None:
                self._take(notice)

    def _serve(self, lines: Lines) -> None:
        self._outputs.clear()
        self._read(lines)
        self.problem = ""
        while not self._is_closing.is_set():
            wait_s = self._show(lines)
            ready, _, _ = select.select([lines.fileno(), self._subscription.fileno()], [], [], wait_s)
            if lines.fileno() in ready:
                self._read(lines)
            while (notice := self._subscription.take()) is not None:
                self._take(notice)
        for line in self._outputs:
            lines.set(line, False)

    def _take(self, notice: Notice) -> None:
        if notice.topic == "flow":
            self._is_flowing = bool(notice.fields["is_flowing"])
            return
        if notice.topic == "alert":
            (self._alerts.add if notice.fields["is_on"] else self._alerts.discard)(notice.fields["name"])
            return
        if notice.topic == "speaking":
            self._is_speaking, self._spoke_at = bool(notice.fields["is_on"]), time.monotonic()
            return
        state = State(notice.fields["state"])
        if state is not self._state:
            self._state, self._state_at = state, time.monotonic()

    def _show(self, lines: Lines) -> float | None:
        """Sets the outputs; returns the seconds until one has to change, None when nothing will by itself."""
        now = time.monotonic()
        pattern = pattern_for(self._state, self._alerts)
        is_lit, change_ms = pattern.at(int((now - self._state_at) * 1000))
        waits = [] if change_ms is None else [change_ms / 1000]
        self._set(lines, self._pins.led, is_lit)
        for line, is_part in zip(self._pins.rgb, pattern.colour, strict=True):
            self._set(lines, line, is_lit and is_part)
        self._set(lines, self._pins.mute_led, not self._is_flowing)
        self._set(lines, self._pins.ready, self._state not in NOT_READY)
        hold_s = self._spoke_at + AMPLIFIER_HOLD_S - now
        self._set(lines, self._pins.amplifier, self._is_speaking or hold_s > 0)
        if self._pins.amplifier is not None and hold_s > 0:
            waits.append(hold_s)
        return min(waits, default=None)

    def _set(self, lines: Lines, line: int | None, is_on: bool) -> None:
        if line is not None and self._outputs.get(line) is not is_on:
            lines.set(line, is_on)
            self._outputs[line] = is_on

    def _read(self, lines: Lines) -> None:
        self._obey(lines.inputs())

    def _distrust_inputs(self) -> None:
        self._obey({line: line == self._pins.mute for line in _wired((self._pins.talk, self._pins.mute))})

    def _obey(self, inputs: dict[int, bool]) -> None:
        before, self._inputs = self._inputs, inputs
        for line, muted_by, is_open_when in ((self._pins.mute, "switch", False), (self._pins.talk, "button", True)):
            if line is not None and line in inputs and before.get(line) is not inputs[line]:
                change = self._controls.unmute if inputs[line] is is_open_when else self._controls.mute
                change(muted_by)
