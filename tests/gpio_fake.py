"""GPIO lines that record: the same contract as the real ones (``test_status_gpio.py`` holds both to it)."""

from __future__ import annotations

import os
import threading
import time

from firmware_py.status.gpio_lines import Wiring


class FakeLines:
    """Fills ``Lines``. ``history`` has every change of an output as ``(seconds, line, is_on)``."""

    def __init__(self, wiring: Wiring) -> None:
        self.outputs = dict.fromkeys(wiring.outputs, False)
        self.history: list[tuple[float, int, bool]] = []
        self.fails = False
        self._inputs = dict.fromkeys(wiring.inputs, False)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._lock = threading.Lock()
        self._is_closed = False

    def fileno(self) -> int:
        self._check()
        return self._bell

    def set(self, line: int, is_on: bool) -> None:
        self._check()
        if line not in self.outputs:
            raise ValueError(f"line {line} is no output")
        self.outputs[line] = is_on
        self.history.append((time.monotonic(), line, is_on))

    def inputs(self) -> dict[int, bool]:
        self._check()
        with self._lock:
            try:
                os.eventfd_read(self._bell)
            except BlockingIOError:
                pass
            return dict(self._inputs)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            os.close(self._bell)

    def press(self, line: int, is_on: bool = True) -> None:
        """Somebody pushes a button, turns a switch, or lets go."""
        with self._lock:
            self._inputs[line] = is_on
            os.eventfd_write(self._bell, 1)

    def break_down(self) -> None:
        """The chip goes away."""
        self.fails = True
        with self._lock:
            os.eventfd_write(self._bell, 1)

    def _check(self) -> None:
        if self._is_closed:
            raise ValueError("these lines are closed")
        if self.fails:
            raise OSError("no such device")
