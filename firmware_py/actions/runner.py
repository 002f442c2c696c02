"""Does the actions of the user's own commands, in order, in a thread beside the walk: nobody waits for a lamp."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from firmware_py.actions.kinds import KINDS, TIMEOUT_S, ActionFailed, performer, target
from firmware_py.events import Action

MOST_WAITING = 16
GRACE_S = 1.0
"""Beyond its own limit, before an action is given up and left to itself."""
MOST_LEFT = 3
"""Actions that may hang at the same time; then others are refused."""

_log = logging.getLogger("rtva.actions")


@dataclass
class Counts:
    """Since the start."""

    done: int = 0
    failed: int = 0


def _log_failure(what: str) -> None:
    _log.error("an action failed: %s", what)


class Runner:
    """Fills the Performer of ``controls.Routes``. ``programs`` are those that may run; ``on_failure(what)`` is told of
    an action that failed, in the runner's thread, instead of the log. With ``is_inline`` an action is done before
    ``perform`` returns."""

    actions: Collection[str] = KINDS

    def __init__(
        self,
        programs: Collection[str] = (),
        on_failure: Callable[[str], None] = _log_failure,
        *,
        is_inline: bool = False,
    ) -> None:
        self.counts = Counts()
        self.programs, self._on_failure, self._is_inline = frozenset(programs), on_failure, is_inline
        self._waiting: queue.Queue[Action | None] = queue.Queue(MOST_WAITING)
        self._left: list[threading.Thread] = []
        self._thread: threading.Thread | None = None

    def perform(self, action: Action) -> None:
        """Does it soon; when too much waits it is a failure at once."""
        if self._is_inline:
            self._do(action)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="actions", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(action)
        except queue.Full:
            self._failed(f"{target(action.name, action.arguments)}: {MOST_WAITING} actions wait already")

    def report(self) -> dict[str, int]:
        """The counts, and how many wait."""
        return {"done": self.counts.done, "failed": self.counts.failed, "waiting": self._waiting.qsize()}

    def close(self) -> None:
        """Ends the thread once what it does is over; what waits is dropped."""
        thread, self._thread = self._thread, None
        if thread is not None:
            while not self._waiting.empty():
                self._waiting.get_nowait()
            self._waiting.put(None)
            thread.join(GRACE_S)

    def _run(self) -> None:
        while (action := self._waiting.get()) is not None:
            self._do(action)

    def _do(self, action: Action) -> None:
        try:
            self._bounded(action)
            self.counts.done += 1
        except Exception as error:
            self._failed(str(error) or type(error).__name__)

    def _bounded(self, action: Action) -> None:
        """In a thread of its own, for some libraries do not keep to a time limit."""
        if action.name == "program" and action.arguments["run"][0] not in self.programs:
            raise ActionFailed(f"program {action.arguments['run'][0]} is not in nlp.programs")
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= MOST_LEFT:
            raise ActionFailed(f"{target(action.name, action.arguments)}: {MOST_LEFT} actions hang already")
        timeout_s = float(action.arguments.get("timeout_s", TIMEOUT_S))
        raised: list[Exception] = []

        def work() -> None:
            try:
                performer(action.name)(action.arguments, timeout_s)
            except Exception as error:
                raised.append(error)

        thread = threading.Thread(target=work, name="action", daemon=True)
        thread.start()
        thread.join(timeout_s + GRACE_S)
        if thread.is_alive():
            self._left.append(thread)
            raise ActionFailed(f"{target(action.name, action.arguments)}: not done within {timeout_s:g} s")
        if raised:
            raise raised.pop()  # in the list it would hold itself, and its frames' sockets, until a collection

    def _failed(self, what: str) -> None:
        self.counts.failed += 1
        self._on_failure(what)
