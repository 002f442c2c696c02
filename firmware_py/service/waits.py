"""What a start may wait for before it loads anything: the next try after failed ones, and weights."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from firmware_py.config import Config
from firmware_py.errors import RtvaError
from firmware_py.service import weights_watch
from firmware_py.status.board import Board
from firmware_py.status.notify import Notifier

EXTEND_S = 30.0
"""systemd is asked for so long beyond each step."""
LOOK_S = 0.2

_log = logging.getLogger("rtva")


class Waits:
    """Says on the board, in the journal and to systemd what is waited for; ``stopping`` ends each wait at once."""

    def __init__(self, board: Board, notifier: Notifier, stopping: threading.Event) -> None:
        self._board, self._notifier, self._stopping = board, notifier, stopping

    def after_failures(self, wait_s: float, failures: int) -> None:
        """``wait_s`` seconds, with the alert ``failed_starts``; nothing where that is 0."""
        if not wait_s:
            return
        _log.warning("%d starts failed in a row: waiting %.2f s", failures, wait_s)
        self._board.set_alert("failed_starts", failures)
        self._notifier.extend(wait_s + EXTEND_S)
        self._notifier.status(f"waiting {wait_s:g} s after {failures} failed starts")
        self._stopping.wait(wait_s)
        self._board.set_alert("failed_starts", None)

    def for_weights(self, config: Config, *, needs_voice: bool, is_patient: bool) -> bool:
        """Whether they are here and whole; False when it was told to stop before. Raises where nobody waits."""
        weights_watch.set_aside_spoilt_list()
        if not is_patient:
            weights_watch.check(config, needs_voice=needs_voice)
            return True
        return weights_watch.wait_for(
            lambda: weights_watch.check(config, needs_voice=needs_voice),
            self._tell_weights,
            self._stopping,
            weights_watch.chosen(config),
        )

    @contextlib.contextmanager
    def loading(self, most_s: float, give_up: Callable[[], None]) -> Iterator[None]:
        """While engines are loaded in the block: systemd is asked for time, for ``most_s`` together, and ``give_up``
        is called where the service is told to stop meanwhile, so that a slow board's loading need not be waited for."""
        is_over = threading.Event()

        def watch() -> None:
            until = time.monotonic() + most_s
            while not is_over.is_set():
                if time.monotonic() < until:
                    self._notifier.extend(EXTEND_S)
                if self._stopping.wait(LOOK_S):
                    give_up()
                    return

        thread = threading.Thread(target=watch, name="loading", daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _tell_weights(self, error: RtvaError | None, wait_s: float) -> None:
        """While it waits for weights: the faces say so, and systemd gives it the time."""
        if error is not None and "weights" not in self._board.alerts:
            _log.error("waiting for the weights: %s", error)
            self._board.hub.publish("failure", error=str(error))
        self._board.set_alert("weights", None if error is None else 1.0)
        self._notifier.extend(wait_s + EXTEND_S)
        self._notifier.status(f"waiting for the weights: {error}" if error is not None else "the weights are here")
