"""Keeps a conversation of the running service on request, so that it can be run again (``rtva record``).

A thread of its own copies the sound out of the ring; the walk neither waits for it nor knows of it. It ends by itself.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firmware_py._ring import Lapped
from firmware_py.app import Appliance
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.events import RATE_HZ, Pcm16, TurnEvent, TurnTrace
from firmware_py.replay.form import PREFIX
from firmware_py.replay.session import Session
from firmware_py.service.private_folder import Bounds, PrivateFolder
from firmware_py.status.board import Board
from firmware_py.status.commands import RECORD_MINUTES

BOUNDS = Bounds(turns=20, size_bytes=256 << 20)
LOOK_S = 0.25
RETRY_S = 0.2
GRACE_S = 20.0
"""How long an utterance that is open at the end, and its answer, are waited for."""
OFF_WAIT_S = 1.5
"""How long whoever ends it waits for the end; a command of the socket is answered within seconds."""

_log = logging.getLogger("rtva.record")


def conversations(path: Path) -> PrivateFolder:
    """The service's own folder of conversations."""
    return PrivateFolder(path, PREFIX, BOUNDS)


class Recorder:
    """Off until ``command("on", minutes)``. One conversation at a time. ``clock`` is monotonic seconds."""

    def __init__(self, folder: PrivateFolder, board: Board, clock: Callable[[], float] = time.monotonic) -> None:
        self.appliance: Appliance | None = None
        self._folder = folder
        self._board, self._clock = board, clock
        self._session: Session | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        self._until_s, self._ended = 0.0, ""
        self._is_closing = self._has_begun = False
        self._turns = 0
        self._file, self._why = "", ""
        self._lock = threading.Lock()

    def command(self, wanted: str, minutes: int) -> dict[str, Any]:
        """``on``, ``off`` or ``status``; the answer is the status after it. Raises Unavailable."""
        if wanted == "on":
            self.on(minutes)
        elif wanted == "off":
            self.off("asked")
        return self.status()

    def on(self, minutes: int) -> None:
        """Begins at the next moment in which nobody speaks. Raises Unavailable."""
        with self._lock:
            if self.appliance is None:
                raise Unavailable("still starting")
            if self.is_on():
                raise Unavailable("a conversation is being recorded already; 'rtva record off' ends it")
            self._ending.clear()
            self._has_begun, self._ended, self._file, self._why, self._turns = False, "", "", "", 0
            self._until_s = self._clock() + 60.0 * min(minutes, RECORD_MINUTES[-1])
            self._thread = threading.Thread(
                target=self._run, args=(self.appliance, minutes), name="record", daemon=True
            )
            self._thread.start()

    def off(self, why: str) -> None:
        """Ends it once what is being said is answered; returns when it is over, or after ``OFF_WAIT_S``."""
        if self.is_on() and not self._ending.is_set():
            self._ended = why
            self._ending.set()
            if self._thread is not None:
                self._thread.join(OFF_WAIT_S)

    def close(self) -> None:
        """Ends it now and keeps what there is; may be called twice."""
        self._is_closing = True
        self.off("the service stops")
        if self._thread is not None:
            self._thread.join(10.0)

    def is_on(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> dict[str, Any]:
        """Plain values. ``file`` is the last conversation that was kept, ``why`` what went wrong with it."""
        session = self._session
        return {
            "is_on": self.is_on(),
            "is_ending": self.is_on() and self._ending.is_set(),
            "has_begun": self._has_begun,
            "left_s": round(max(0.0, self._until_s - self._clock()), 1) if self.is_on() else None,
            "turns": len(session.turns) if session else self._turns,
            "folder": str(self._folder.path),
            "file": self._file or None,
            "why": self._why or None,
        }

    def purge(self) -> int:
        """Deletes what is a day old; nothing while one is being written."""
        return 0 if self.is_on() else self._folder.purge()

    def on_event(self, event: TurnEvent) -> None:
        if (session := self._session) is not None:
            session.on_event(event)

    def on_take(self, event: TurnEvent) -> None:
        if (session := self._session) is not None:
            session.on_take(event)

    def on_utterance(self, event: TurnEvent, trace: TurnTrace | None, error: str) -> None:
        if (session := self._session) is not None:
            session.on_utterance(event, trace, error)

    def _run(self, appliance: Appliance, minutes: int) -> None:
        self._board.set_capturing(True, minutes, "record")
        _log.warning("recording: what is said for %d min is stored in %s", minutes, self._folder.path)
        try:
            self._folder.make_room(minutes * 60 * RATE_HZ * 2)
            while not self._begin(appliance):
                if self._ending.wait(RETRY_S) or self._clock() >= self._until_s:
                    raise Unavailable("nothing was recorded: the microphone was closed, or somebody spoke all the time")
            self._file = str(self._keep(appliance))
        except (OSError, RtvaError) as error:
            self._why = str(error)
            _log.error("recording: %s", error)
        finally:
            self._let_go(appliance)
            self._board.set_capturing(False, by="record")
        _log.warning("recording is over: %s", self._ended or self._why)

    def _begin(self, appliance: Appliance) -> bool:
        """In a pause between two turns: detectors, history and caches start anew, as they will in the replay."""
        tried = threading.Event()
        appliance.between_turns(lambda: self._begin_in_turn_thread(appliance, tried))
        tried.wait(1.0)
        return self._has_begun

    def _begin_in_turn_thread(self, appliance: Appliance, tried: threading.Event) -> None:
        pipeline, listener = appliance.pipeline, appliance.listener
        if not (self._has_begun or self._ending.is_set() or listener.in_speech or len(appliance.queue)):
            session = Session(pipeline.config, pipeline.world, appliance.controls.percent)
            begun = threading.Event()

            def forgot(position: int) -> None:
                session.begin(position)
                self._session = session
                begun.set()

            listener.forget(forgot)
            if not begun.wait(RETRY_S):
                listener.forget(None)
            if begun.is_set():
                session.join(pipeline)
                appliance.taker.stations = pipeline.stations
                appliance.taker.addressed = pipeline.make_addressed()
                self._has_begun = True
        tried.set()

    def _let_go(self, appliance: Appliance) -> None:
        session, self._session = self._session, None
        appliance.listener.forget(None)
        if session is not None:
            self._turns = len(session.turns)
            session.part(appliance.pipeline)

    def _keep(self, appliance: Appliance) -> Path:
        session = self._session
        assert session is not None
        sha256, count = hashlib.sha256(), 0

        def sound() -> Iterator[Pcm16]:
            nonlocal count
            for block in self._blocks(appliance, session):
                sha256.update(block.astype("<i2", copy=False).tobytes())
                count += block.size
                yield block

        def told() -> bytes:
            if not count:
                raise Unavailable("nothing was recorded: no sound came")
            return session.conversation(count, sha256.hexdigest(), self._ended).as_bytes()

        return self._folder.write_pair(sound(), told)

    def _blocks(self, appliance: Appliance, session: Session) -> Iterator[Pcm16]:
        """The sound that the listener has taken, as it is taken."""
        ring, position, overrun = appliance.ring, session.origin, appliance.ring.overrun
        shed, last_s = appliance.queue.shed, None
        while True:
            self._ending.wait(LOOK_S) if last_s is None else time.sleep(LOOK_S)
            until = ring.consumed
            if ring.overrun != overrun:
                self._ended = "samples were lost"
                return
            try:
                yield appliance.listener.heard(position, until)
            except Lapped:
                self._ended = "the disk was too slow"
                return
            position = until
            if self._is_closing or session.is_full:
                return
            if last_s is None and (self._ending.is_set() or self._clock() >= self._until_s):
                self._ended = self._ended or "its time was over"
                last_s = self._clock() + GRACE_S
            if last_s is not None:
                is_over = not appliance.listener.in_speech and session.is_answered(appliance.queue.shed - shed)
                if is_over or self._clock() >= last_s:
                    return
