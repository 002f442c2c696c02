"""Keeps one engine served: an active worker, a stand-by behind it, and a new one for each that fails.

One thread a supervisor. It starts and buries the processes, and looks after those that nobody is using; a
caller that has acquired a worker speaks to it alone. It sleeps in ``poll`` until something happens.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from firmware_py.errors import Cancelled, Unavailable, WorkerFailed
from firmware_py.worker import wire
from firmware_py.worker.backoff import BackOff
from firmware_py.worker.job import Job, Rules
from firmware_py.worker.process import Stage, Worker, WorkerGone

PATIENCE_S = 2.0
"""A caller waits this long for a worker that may not be started yet; past it, it is told when to come back."""
BURY_S = 0.02
OBITUARY_S = 0.5
"""How long an error may wait for the kernel to say how a worker ended."""
SLICE_S = 0.01
"""How often a caller's ``is_cancelled`` is asked while it waits."""

_SPEAKS = (Stage.STARTING, Stage.LOADING, Stage.DRAINING)
_log = logging.getLogger("rtva.workers")


class Supervisor:
    """``start`` blocks until the engine is loaded. Everything public may be called from any thread."""

    def __init__(self, job: Job, rules: Rules) -> None:
        self.job = job
        self.rules = rules
        self._arguments = job.encoded()
        self.counts = {"requests": 0, "retries": 0, "cancelled": 0, "started": 0, "crashed": 0, "killed": 0}
        self.last_failure = ""
        self.engine_ms = 0.0
        """What the engine itself took for the last call; the rest of the call's time is the way there and back."""
        self._changed = threading.Condition()  # guards all below
        self._active: Worker | None = None
        self._spare: Worker | None = None
        self._dying: list[Worker] = []
        self._back_off = BackOff(rules.clock)
        self._load_error: Exception | None = None
        self._is_closed = False
        self._is_held = rules.holds_standbys or rules.standby == "none"
        self._announced = ""
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name=f"{job.kind}-workers", daemon=True)

    def let_stand_by(self) -> None:
        """From now on a stand-by is kept; before, with ``rules.holds_standbys``, none is started."""
        with self._changed:
            self._is_held = self.rules.standby == "none"
        self._ring()

    def hold_standby(self) -> None:
        """Ends the stand-by, and starts no other until :meth:`let_stand_by`: it gives its memory back."""
        with self._changed:
            self._is_held = True
            spare, self._spare = self._spare, None
            if spare is not None:
                spare.stage, spare.is_dismissed = Stage.DEAD, True
                spare.end("not needed")
                self._dying.append(spare)
        self._ring()

    def begin(self) -> None:
        """Starts without waiting: :meth:`acquire` waits for the loaded worker, and says why there is none."""
        self._thread.start()

    def start(self) -> Worker:
        """The loaded worker, for its methods and attributes. Raises what the engine's constructor raised there,
        WorkerFailed when two workers in a row ended before they were ready, or Unavailable when it was closed."""
        self._thread.start()
        try:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._is_up() or self._load_error or self._back_off.failures > 1 or self._is_closed
                )
                if self._is_closed:
                    raise Unavailable(f"{self.job} is closed")
                if self._active is not None and self._is_up():
                    return self._active
                error = self._load_error
                self._changed.wait_for(lambda: not self._dying, OBITUARY_S)
                raise error or WorkerFailed(f"{self.job} cannot be started: {self.last_failure}")
        except BaseException:
            self.close()
            raise

    @property
    def state(self) -> str:
        """``starting``, ``ready``, ``busy``, ``restarting`` (a worker is being replaced) or ``closed``."""
        with self._changed:
            if self._is_closed:
                return "closed"
            if self._active is not None and self._active.stage is Stage.BUSY:
                return "busy"
            if self._is_up():
                return "ready"
            return "restarting" if self._back_off.failures else "starting"

    def acquire(self, is_cancelled: Callable[[], bool] | None = None) -> Worker:
        """A loaded worker for the caller alone, until it is released, abandoned or lost.

        Waits while another call is running or a worker is loading. Raises Cancelled, Unavailable when closed,
        WorkerFailed when none will be there soon.
        """
        until = time.monotonic() + self.rules.deadlines.load()
        while True:
            with self._changed:
                worker = self._take(until)
                if worker is not None:
                    return worker
                self._changed.wait(SLICE_S if is_cancelled else 1.0)
            if is_cancelled is not None and is_cancelled():
                raise Cancelled("draft abandoned")

    def release(self, worker: Worker) -> None:
        """The call is over and the worker well."""
        self._hand_back(worker, Stage.READY)
        if worker.has_hung_up:
            self._ring()

    def abandon(self, worker: Worker, due_at: float) -> None:
        """The caller lost interest: the worker may answer until ``due_at`` (monotonic), then it is killed."""
        worker.due_at = due_at
        self._hand_back(worker, Stage.DRAINING)
        self._ring()

    def lost(self, worker: Worker, gone: WorkerGone) -> None:
        """The worker died or is overdue: it is killed, and the stand-by takes over."""
        with self._changed:
            if worker.stage is Stage.BUSY:
                self._lose(worker, gone)
            if self._is_closed:
                worker.close()
        self._ring()

    def epitaph(self, worker: Worker) -> str:
        """How a lost worker ended; waits a moment for the kernel to say."""
        with self._changed:
            self._changed.wait_for(lambda: worker not in self._dying, OBITUARY_S)
            return worker.epitaph

    def snapshot(self) -> dict[str, Any]:
        """What there is to know, for metrics and status."""
        state = self.state
        with self._changed:
            active, spare = self._active, self._spare
            return {
                "kind": self.job.kind,
                "name": self.job.name,
                "state": state,
                "pid": active.pid if active else None,
                "rss_bytes": active.rss_bytes() if active else 0,
                "load_ms": round(active.load_ms, 1) if active else None,
                "standby": spare.stage.value if spare else None,
                "standby_pid": spare.pid if spare else None,
                "standby_rss_bytes": spare.rss_bytes() if spare else 0,
                "next_start_s": round(self._back_off.wait_s(), 3),
                "last_failure": self.last_failure,
                **self.counts,
            }

    def close(self) -> None:
        """Kills the workers; safe to call twice, and while a call is running: that raises Unavailable."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._ring()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    # From here on: with the lock held, unless said otherwise.

    def _is_up(self) -> bool:
        return self._active is not None and self._active.stage in (Stage.READY, Stage.BUSY, Stage.DRAINING)

    def _take(self, until: float) -> Worker | None:
        if self._is_closed:
            raise Unavailable(f"{self.job} is closed")
        worker = self._active
        if worker is not None and worker.stage is Stage.READY:
            worker.stage = Stage.BUSY
            return worker
        wait_s = self._back_off.wait_s()
        if worker is None and self._spare is None and wait_s > PATIENCE_S:
            raise WorkerFailed(f"{self.job} keeps failing ({self.last_failure}); next try in {wait_s:.0f} s")
        if time.monotonic() > until:
            raise WorkerFailed(f"{self.job} is {worker.stage.value if worker else 'not there'} for too long")
        return None

    def _hand_back(self, worker: Worker, stage: Stage) -> None:
        """Takes the lock."""
        with self._changed:
            if worker.stage is Stage.BUSY:
                worker.stage = stage
            if self._is_closed:
                worker.close()
            self._changed.notify_all()

    def _ring(self) -> None:
        """Wakes the supervisor's thread; needs no lock, but the bell must not be closed meanwhile."""
        with self._changed:
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)

    def _lose(self, worker: Worker, gone: WorkerGone) -> None:
        worker.stage = Stage.DEAD
        worker.end(str(gone))
        self.counts["killed" if gone.is_overdue else "crashed"] += 1
        up_s = time.monotonic() - worker.ready_at if worker.ready_at is not None else 0.0
        self._back_off.failed(up_s, worker.cpu_s)
        self._active = None if worker is self._active else self._active
        self._spare = None if worker is self._spare else self._spare
        self._dying.append(worker)
        self.last_failure = str(gone)
        self._changed.notify_all()

    def _tend(self) -> None:
        """Promotes the stand-by, starts what is missing."""
        if self._active is None:
            self._active, self._spare = self._spare, None
            if self._active is not None and self._active.stage in (Stage.STARTING, Stage.IMPORTED):
                self._load(self._active, and_warm=False)
        may_start = self._back_off.wait_s() == 0.0
        if self._active is None and may_start:
            self._active = self._start_worker()
            if self._active is not None:
                self._load(self._active, and_warm=False)  # a caller may be waiting
        elif self._spare is None and self._is_up() and may_start and not self._is_held:
            self._spare = self._start_worker()
            if self._spare is not None and self.rules.standby == "warm":
                self._load(self._spare, and_warm=True)

    def _start_worker(self) -> Worker | None:
        try:
            worker = Worker(self.job)
        except OSError as error:
            self.last_failure = f"no process could be started: {error}"
            self._back_off.failed(0.0, 0.0)
            self._changed.notify_all()
            return None
        self.counts["started"] += 1
        worker.due_at = worker.since + self.rules.deadlines.load()
        self._tell(worker, self.job.prepare())
        return worker if worker.stage is not Stage.DEAD else None

    def _load(self, worker: Worker, *, and_warm: bool) -> None:
        worker.stage = Stage.LOADING
        worker.due_at = time.monotonic() + self.rules.deadlines.load()
        worker.arena.begin()
        place = worker.arena.put_bytes(self._arguments)
        self._tell(worker, {"is": "load", "arguments": place, "and_warm": and_warm})

    def _tell(self, worker: Worker, message: dict[str, Any]) -> None:
        try:
            worker.send(message)
        except WorkerGone as gone:
            self._lose(worker, gone)

    def _listen_to(self, worker: Worker) -> None:
        """What a worker says that nobody is using."""
        if worker.stage is Stage.BUSY:
            worker.has_hung_up = True  # for the caller to find; nothing else wakes us for a busy one
        if worker.stage in (Stage.BUSY, Stage.DEAD):
            return
        try:
            if worker.stage not in _SPEAKS:
                raise WorkerGone("it died while idle")
            while (message := worker.receive(0.0)) is not None:
                self._hear(worker, message)
        except WorkerGone as gone:
            self._lose(worker, gone)
        except (KeyError, TypeError, ValueError) as error:
            self._lose(worker, WorkerGone(f"it sent nonsense ({error!r})"))

    def _hear(self, worker: Worker, message: dict[str, Any]) -> None:
        kind = message.get("is")
        if kind == "imported" and worker.stage is Stage.STARTING:
            worker.stage, worker.due_at = Stage.IMPORTED, float("inf")
        elif kind == "ready" and worker.stage is Stage.LOADING:
            worker.stage, worker.due_at, worker.ready_at = Stage.READY, float("inf"), time.monotonic()
            worker.load_ms = message["load_ms"]
            worker.methods, worker.attributes = tuple(message["methods"]), message["attributes"]
            self._load_error = None  # what ends a worker from now on is news
        elif kind == "error" and worker.stage in (Stage.STARTING, Stage.LOADING):
            self._load_error = wire.decode_error(message)
            raise WorkerGone(f"{self._load_error}")
        elif kind in ("result", "error") and worker.stage is Stage.DRAINING:
            worker.stage, worker.due_at = Stage.READY, float("inf")
        self._changed.notify_all()

    def _end_overdue(self, now: float) -> None:
        for worker in self._alive():
            if worker.stage is Stage.BUSY:
                continue
            is_due = now > worker.due_at and worker.stage in _SPEAKS
            if worker.has_hung_up or is_due or worker.stage is Stage.DRAINING:
                self._listen_to(worker)  # poll does not show what the caller had received but not read
            if now > worker.due_at and worker.stage is not Stage.DEAD:
                self._lose(worker, WorkerGone(f"still {worker.stage.value} at its deadline", is_overdue=True))

    def _alive(self) -> list[Worker]:
        return [w for w in (self._active, self._spare) if w is not None and w.stage is not Stage.DEAD]

    # The thread: takes the lock itself.

    def _run(self) -> None:
        try:
            while not self._is_closed:
                with self._changed:
                    self._end_overdue(time.monotonic())
                    self._tend()
                self._bury()
                self._announce()
                self._sleep()
        except Exception:
            _log.critical("the supervisor of %s ended", self.job, exc_info=True)
            self._is_closed = True
        finally:
            self._end_all()

    def _sleep(self) -> None:
        poll = select.poll()
        with self._changed:
            poll.register(self._bell, select.POLLIN)
            workers = {w.channel.fileno(): w for w in self._alive() if not w.has_hung_up}
            for fd, worker in workers.items():
                poll.register(fd, select.POLLIN if worker.stage in _SPEAKS else 0)  # 0: only its death wakes us
            timeout_s = self._next_due()
        for fd, _ in poll.poll(None if timeout_s is None else max(0, int(timeout_s * 1000) + 1)):
            if fd == self._bell:
                os.eventfd_read(fd)
            else:
                with self._changed:
                    self._listen_to(workers[fd])

    def _next_due(self) -> float | None:
        now = time.monotonic()
        due = [w.due_at - now for w in self._alive() if w.due_at < float("inf")]
        if self._active is None or (self._spare is None and self._is_up() and not self._is_held):
            due.append(self._back_off.wait_s())
        if self._dying:
            due.append(BURY_S)
        return min(due, default=None)

    def _bury(self) -> None:
        for worker in [w for w in self._dying if w.reap()]:
            worker.close()
            with self._changed:
                self._dying.remove(worker)
                if not worker.is_dismissed:
                    self.last_failure = worker.epitaph
                self._changed.notify_all()
            # What the engine's constructor raised, start() raises: saying it here too would be the second line.
            is_news = self._load_error is None and not worker.is_dismissed
            level = logging.WARNING if is_news else logging.DEBUG
            _log.log(level, "a worker of %s has gone: %s", self.job, worker.epitaph)

    def _announce(self) -> None:
        state = self.state.replace("busy", "ready")
        if state != self._announced:
            self._announced = state
            try:
                self.rules.on_change(self.job, state)
            except Exception:
                _log.error("on_change of %s raised", self.job, exc_info=True)

    def _end_all(self) -> None:
        with self._changed:
            left = self._alive()
            in_use = [w for w in left if w.stage is Stage.BUSY]  # by a caller that will close it
            for worker in left:
                worker.stage = Stage.DEAD
                worker.end("closed")
            for worker in [*left, *self._dying]:
                worker.reap(5.0)
                if worker not in in_use:
                    worker.close()
            self._active = self._spare = None
            self._dying.clear()
            os.close(self._bell)
            self._bell = -1
            self._changed.notify_all()
        self._announce()
