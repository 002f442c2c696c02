"""The only thing that ever stores sound: a debug capture that is switched on by hand and ends by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from firmware_py.errors import BadInput, RtvaError
from firmware_py.events import TurnEvent, TurnTrace
from firmware_py.service.debug_folder import KEEP_S, DebugFolder
from firmware_py.status.board import Board
from firmware_py.status.commands import CAPTURE_MINUTES

QUEUE_TURNS = 8
"""Turns that may wait for the disk; a turn that finds so many is dropped and counted."""
PURGE_EVERY_S = 3600.0

_log = logging.getLogger("rtva.capture")


class DebugCapture:
    """Off until :meth:`on`. ``add`` never waits; ``start`` begins the thread that writes and deletes.

    ``clock`` is monotonic seconds. ``dropped`` counts turns that the disk was too slow for, ``failed`` those that it
    refused, ``written`` those that it took. ``purges`` delete what else is old, every hour.
    """

    def __init__(self, folder: DebugFolder, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self.dropped = self.failed = self.written = 0
        self.purges: list[Callable[[], int]] = []
        self._folder, self._board, self._clock = folder, board, clock
        self._until_s: float | None = None
        self._purge_at_s = clock()
        self._turns: deque[tuple[TurnEvent, TurnTrace | None, str]] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._why = ""
        self._thread = threading.Thread(target=self._run, name="debug-capture", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Switches it off, writes what still waits and ends the thread; may be called twice."""
        self.off("the service stops")
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def command(self, wanted: str, minutes: int) -> dict[str, Any]:
        """``on``, ``off`` or ``status``; the answer is the status after it."""
        if wanted == "on":
            self.on(minutes)
        elif wanted == "off":
            self.off("switched off")
        return self.status()

    def on(self, minutes: int) -> None:
        """From now until ``minutes`` are over; when it is on already, the time begins anew. Raises BadInput."""
        if minutes not in CAPTURE_MINUTES:
            raise BadInput(f"{minutes} minutes: allowed: {CAPTURE_MINUTES[0]} to {CAPTURE_MINUTES[-1]}")
        with self._changed:
            self._until_s = self._clock() + 60.0 * minutes
            self._changed.notify()
            self._board.set_capturing(True, minutes)
        _log.warning("debug capture is on for %d min: what is said is stored in %s", minutes, self._folder.path)

    def off(self, why: str) -> None:
        """Nothing that is said from now on is stored; what was captured stays until its day is over."""
        self._off(why, lambda: self._until_s is not None)

    def _expire(self) -> None:
        self._off("its time is over", lambda: self._until_s is not None and not self.is_on())

    def _off(self, why: str, is_due: Callable[[], bool]) -> None:
        with self._changed:
            if not is_due():
                return
            self._until_s = None
            self._board.set_capturing(False)
        _log.warning("debug capture is off: %s", why)

    def is_on(self) -> bool:
        """False from the moment of expiry, whether the thread has noticed or not."""
        until_s = self._until_s
        return until_s is not None and self._clock() < until_s

    def status(self) -> dict[str, Any]:
        """Plain values."""
        until_s = self._until_s if self.is_on() else None
        return {
            "is_on": until_s is not None,
            "left_s": None if until_s is None else round(max(0.0, until_s - self._clock()), 1),
            "folder": str(self._folder.path),
            "written": self.written,
            "dropped": self.dropped,
            "failed": self.failed,
        }

    def add(self, event: TurnEvent, trace: TurnTrace | None, error: str = "") -> None:
        """A finished utterance with its turn; nothing happens while it is off."""
        if not self.is_on():
            return
        with self._changed:
            if len(self._turns) >= QUEUE_TURNS:
                self.dropped += 1
                return
            self._turns.append((event, trace, error))
            self._changed.notify()

    def look(self) -> None:
        """What is due: the expiry, the turns that wait, the hourly deletion."""
        self._expire()
        while self._turns:
            self._do(lambda: self._write(*self._turns.popleft()))
        if self._clock() >= self._purge_at_s:
            self._purge_at_s = self._clock() + PURGE_EVERY_S
            self._do(self._purge)

    def _run(self) -> None:
        while not self._is_closing:
            self.look()
            with self._changed:
                if not self._turns and not self._is_closing:
                    self._changed.wait(self._wait_s())
        self.look()

    def _wait_s(self) -> float:
        due = self._purge_at_s if self._until_s is None else min(self._purge_at_s, self._until_s)
        return max(0.0, due - self._clock())

    def _write(self, event: TurnEvent, trace: TurnTrace | None, error: str) -> None:
        try:
            self._folder.write(event, trace, error)
        except BaseException:
            self.failed += 1
            raise
        self.written += 1
        self._why = ""

    def _purge(self) -> None:
        deleted = self._folder.purge() + sum(purge() for purge in self.purges)
        if deleted:
            _log.info("debug capture: %d files older than %.0f h are deleted", deleted, KEEP_S / 3600)

    def _do(self, job: Callable[[], None]) -> None:
        """A disk that is full or gone costs the turn, not the thread; it is said once."""
        try:
            job()
        except (OSError, RtvaError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            if why != self._why:
                self._why = why
                _log.error("debug capture: %s", error)
        except Exception:
            _log.exception("debug capture: a turn could not be stored")
