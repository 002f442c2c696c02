"""One answer of a language model on its way: made in a thread of its own, taken in another, ended by any."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

from firmware_py.errors import ModelFailed, Unavailable
from firmware_py.events import ToolCall

Piece = str | ToolCall


class Ending:
    """What ends an answer; ``cancel`` may be called from any thread."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Stream:
    """One answer on its way. ``take`` is for one thread, ``cancel`` for any."""

    def __init__(self, pieces: Callable[[], Iterator[Piece]], ending: Ending) -> None:
        self._pieces = pieces
        self._ending = ending
        self._queue: queue.Queue[Piece | Exception | None] = queue.Queue(maxsize=256)
        self._thread = threading.Thread(target=self._run, name="llm", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def take(self, timeout_s: float) -> Piece | None:
        """The next piece; None behind the last and after ``cancel``. Raises TimeoutError, ModelFailed, WorkerFailed."""
        if self._ending.is_cancelled:
            return None
        try:
            found = self._queue.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(found, Exception):
            raise found
        return found

    def cancel(self) -> None:
        """Ends what makes the pieces, and wakes whoever waits in ``take``; returns at once."""
        self._ending.cancel()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)

    def _run(self) -> None:
        end: Exception | None = None
        try:
            for piece in self._pieces():
                self._put(piece)
                if self._ending.is_cancelled:
                    return
        except Unavailable as failed:
            end = failed
        except Exception as error:  # whatever a library makes of a strange server or model
            end = ModelFailed(f"{type(error).__name__}: {error}")
        self._put(end)

    def _put(self, piece: Piece | Exception | None) -> None:
        while not self._ending.is_cancelled:
            with contextlib.suppress(queue.Full):
                self._queue.put(piece, timeout=0.2)
                return
