"""Engines in supervised processes: a native crash, a hang or a leak costs a retry, never the service.

Hand :meth:`WorkerPool.make` to ``VoicePipeline(make_engine=...)``. Each engine gets a process of its own and a
stand-by behind it; see :mod:`firmware_py.worker` for the pieces, ``docs/decisions/0008-workers.md`` for why.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from typing_extensions import Self

from firmware_py.errors import Unavailable
from firmware_py.worker.deadlines import Deadlines
from firmware_py.worker.engine import SupervisedEngine, SupervisedStt, SupervisedText, SupervisedTts
from firmware_py.worker.job import Job, Rules
from firmware_py.worker.supervisor import Supervisor

__all__ = [
    "Deadlines",
    "Job",
    "Rules",
    "SupervisedEngine",
    "SupervisedStt",
    "SupervisedText",
    "SupervisedTts",
    "WorkerPool",
    "in_worker",
]

_PROXIES: dict[str, type[SupervisedEngine]] = {"stt": SupervisedStt, "tts": SupervisedTts, "llama": SupervisedText}


def in_worker(kind: str, name: str, arguments: dict[str, Any], rules: Rules | None = None) -> Any:
    """The engine ``backends.load(kind, name)(**arguments)`` in a process of its own; closing it ends the process.

    Raises what that constructor raises (Unavailable, BadWeights ...), WorkerFailed when the process dies.
    """
    return _engine(_supervisor(kind, name, arguments, rules or Rules()))


def _supervisor(kind: str, name: str, arguments: dict[str, Any], rules: Rules) -> Supervisor:
    if kind == "llama":  # loaded again within seconds, and commands go on meanwhile: no memory is kept for that
        rules = replace(rules, standby="none")
    return Supervisor(Job(kind, name, arguments), rules)


def _engine(supervisor: Supervisor) -> SupervisedEngine:
    """Waits until it is loaded."""
    return _PROXIES.get(supervisor.job.kind, SupervisedEngine)(supervisor)


class WorkerPool:
    """All the workers of a service under the same rules; a context manager."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self._lock = threading.Lock()
        self._engines: list[SupervisedEngine] = []
        self._loading: list[Supervisor] = []
        self._is_closed = False

    def make(self, kind: str, name: str, arguments: dict[str, Any]) -> Any:
        """See :func:`in_worker`. Raises Unavailable once the pool is closed, in the middle of loading too."""
        with self._lock:
            if self._is_closed:
                raise Unavailable(f"{kind} engine {name} is closed")
            supervisor = _supervisor(kind, name, arguments, self.rules)
            self._loading.append(supervisor)
        try:
            engine = _engine(supervisor)
        finally:
            with self._lock:
                self._loading.remove(supervisor)
        with self._lock:
            self._engines = [e for e in self._engines if e.supervisor.state != "closed"]
            self._engines.append(engine)
            if not self.rules.holds_standbys:
                engine.supervisor.let_stand_by()
        return engine

    def let_stand_by(self) -> None:
        """Starts the stand-bys that ``rules.holds_standbys`` held back; an engine made later has one at once."""
        with self._lock:
            self.rules = replace(self.rules, holds_standbys=False)
            for engine in self._engines:
                engine.supervisor.let_stand_by()

    def stand_by(self, is_wanted: bool) -> None:
        """Has stand-bys kept, or ended."""
        (self.let_stand_by if is_wanted else self.hold_standbys)()

    def hold_standbys(self) -> None:
        """Ends the stand-bys, whose memory is given back; none is started until :meth:`let_stand_by`."""
        with self._lock:
            self.rules = replace(self.rules, holds_standbys=True)
            for engine in self._engines:
                engine.supervisor.hold_standby()

    def states(self) -> list[tuple[str, str]]:
        """Kind and state of every engine; cheaper than :meth:`snapshot`."""
        with self._lock:
            return [(engine.supervisor.job.kind, engine.supervisor.state) for engine in self._engines]

    def snapshot(self) -> list[dict[str, Any]]:
        """One entry an engine: state, pids, memory, and what was started, killed, retried. Cheap."""
        with self._lock:
            return [engine.supervisor.snapshot() for engine in self._engines]

    def close(self) -> None:
        """Ends every worker, those that are being loaded too; safe to call twice."""
        with self._lock:
            self._is_closed = True
            engines, self._engines = self._engines, []
            ended = [*self._loading, *(engine.supervisor for engine in engines)]
        for supervisor in ended:
            supervisor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
