"""What a worker is to run, and under which rules; both fixed for the life of a supervisor."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from firmware_py import backends
from firmware_py.errors import Unavailable
from firmware_py.worker import wire
from firmware_py.worker.deadlines import Deadlines


@dataclass(frozen=True)
class Job:
    """An engine as ``backends.load(kind, name)(**arguments)`` makes it."""

    kind: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in backends.BACKENDS.get(self.kind, {}):
            known = ", ".join(backends.BACKENDS.get(self.kind, {})) or "none of that kind"
            raise Unavailable(f"no {self.kind} engine {self.name!r}; there are: {known}")

    def prepare(self) -> dict[str, Any]:
        """The message that makes a worker import what it needs. A backend registered at run time goes along."""
        spec = backends.BACKENDS[self.kind][self.name]
        libraries = list(backends.LIBRARIES.get(spec.partition(":")[0], ()))
        return {"is": "prepare", "kind": self.kind, "name": self.name, "spec": spec, "libraries": libraries}

    def encoded(self) -> bytes:
        """The arguments. They may be far longer than a message: a grammar is among them. TypeError for one that
        cannot cross."""
        return json.dumps(wire.encode(dict(self.arguments)), separators=(",", ":")).encode()

    def __str__(self) -> str:
        return f"{self.kind} engine {self.name}"


@dataclass(frozen=True)
class Rules:
    """``standby`` cold keeps a process with its libraries imported ready, warm one with the weights loaded too; with
    none they are held back for good.

    With ``holds_standbys`` none is started before ``WorkerPool.let_stand_by``: they would take the processor from the
    engines that somebody waits for. ``on_change(job, state)`` is told what the supervisor became; it must return
    at once. ``clock`` is the back-off's.
    """

    standby: Literal["none", "cold", "warm"] = "cold"
    deadlines: Deadlines = field(default_factory=Deadlines)
    on_change: Callable[[Job, str], None] = lambda job, state: None
    clock: Callable[[], float] = time.monotonic
    holds_standbys: bool = False
