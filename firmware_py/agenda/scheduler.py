"""The thread that lets what is due ring. It sleeps until the next due time, a change, or a jump of the wall clock."""

from __future__ import annotations

import ctypes
import logging
import os
import select
import threading
from collections.abc import Callable, Sequence

from firmware_py.agenda.agenda import RING_S, Agenda
from firmware_py.agenda.entries import Entry

BURST_S = 10.0
"""From one sound to the next while something rings: time in between to say stop."""
LOOK_S = 30.0
"""How often the clock is looked at while something waits for it: the network may set it without a jump, and the mark
that it did comes behind the jump."""

CLOCK_REALTIME, CLOCK_BOOTTIME = 0, 7
TFD_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
ABSTIME, CANCEL_ON_SET = 1, 2
FAR_S = 1 << 40

_log = logging.getLogger("rtva.agenda")


class Sleep:
    """Waits for a moment of CLOCK_BOOTTIME, a jump of the wall clock (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET), or
    :meth:`wake`, whatever comes first; without polling."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._boot, self._wall = self._timer(CLOCK_BOOTTIME), self._timer(CLOCK_REALTIME)
        self._poll = select.poll()
        for number in (self._bell, self._boot, self._wall):
            self._poll.register(number, select.POLLIN)

    def until(self, boot_s: float | None) -> None:
        """Returns at ``boot_s`` (None: never), at a jump, or when woken; at once when either was before."""
        self._set(self._boot, ABSTIME, max(boot_s, 1e-3) if boot_s is not None else 0.0)
        self._poll.poll()
        self._set(self._wall, ABSTIME | CANCEL_ON_SET, FAR_S)
        for number in (self._bell, self._boot, self._wall):
            try:
                os.read(number, 8)
            except OSError:
                pass  # nothing there, or ECANCELED: the clock was set

    def wake(self) -> None:
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        for number in (self._bell, self._boot, self._wall):
            os.close(number)

    def _timer(self, clock: int) -> int:
        number: int = self._libc.timerfd_create(clock, TFD_FLAGS)
        if number < 0:
            raise OSError(ctypes.get_errno(), f"timerfd_create({clock})")
        if clock == CLOCK_REALTIME:
            self._set(number, ABSTIME | CANCEL_ON_SET, FAR_S)
        return number

    def _set(self, number: int, flags: int, at_s: float) -> None:
        whole = int(at_s)
        spec = (ctypes.c_long * 4)(0, 0, whole, int((at_s - whole) * 1e9))
        if self._libc.timerfd_settime(number, flags, spec, None) < 0 and not flags & CANCEL_ON_SET:
            raise OSError(ctypes.get_errno(), "timerfd_settime")


class Scheduler:
    """``ring(entries)`` is called when something is due and every :data:`BURST_S` until it is stopped or has rung for
    :data:`~firmware_py.agenda.agenda.RING_S`; it must return at once."""

    def __init__(self, agenda: Agenda, ring: Callable[[Sequence[Entry]], None]) -> None:
        self._agenda, self._ring = agenda, ring
        self._sleep = Sleep()
        self._is_closing = False
        self._ringing: frozenset[int] = frozenset()
        self._began_s = self._last_s = 0.0
        agenda.on_change = self._sleep.wake
        self._thread = threading.Thread(target=self._run, name="agenda", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """What rings goes on after the next start."""
        if not self._is_closing:
            self._is_closing = True
            self._agenda.on_change = lambda: None
            self._sleep.wake()
            self._thread.join(5.0)
            self._sleep.close()

    def _run(self) -> None:
        while not self._is_closing:
            try:
                next_s = self._step()
            except Exception:
                _log.exception("the agenda failed; tried again in a minute")
                next_s = self._agenda.clock.boot_s() + 60.0
            self._sleep.until(next_s)

    def _step(self) -> float | None:
        """Lets ring what is due; when to look again, on CLOCK_BOOTTIME."""
        ringing = self._agenda.settle()
        now_s, due_s = self._agenda.clock.boot_s(), self._agenda.next_due_s()
        if self._agenda.waits_for_clock():
            due_s = min(now_s + LOOK_S, due_s or float("inf"))
        ids = frozenset(entry.id for entry in ringing)
        if not ids <= self._ringing:
            self._began_s, self._last_s = now_s, -BURST_S
        self._ringing = ids
        if not ids:
            return due_s
        if now_s - self._began_s >= RING_S:
            self._agenda.give_up()
            self._ringing = frozenset()
            return due_s
        if now_s - self._last_s >= BURST_S:
            self._last_s = now_s
            self._ring(ringing)
        return min(self._last_s + BURST_S, due_s or float("inf"))
