"""Log lines on their way out, without anybody waiting for who reads them: a terminal may be stopped, a pipe full, the
journal hung."""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable

MOST_LINES = 2000
PIECE_BYTES = 4096
"""What :func:`select.poll` calls writable takes so much without waiting (``PIPE_BUF``, pipe(7))."""
FLUSH_S = 1.0


class LineWriter(logging.Handler):
    """Writes records to ``fd`` from a thread of its own; ``emit`` never waits.

    ``dropped`` counts records for which there was no room, since nobody took those before; how many is said once the
    reader is back, in a line that ``tell`` makes. ``flush`` and ``close`` wait a second at most.
    """

    def __init__(self, fd: int, tell: Callable[[int], str], most_lines: int = MOST_LINES) -> None:
        super().__init__()
        self.dropped = 0
        self._fd, self._tell, self._most = fd, tell, most_lines
        self._lines: deque[str] = deque()
        self._untold = 0
        self._changed = threading.Condition()
        self._is_writing = self._is_ended = False
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
            return
        with self._changed:
            if len(self._lines) >= self._most:
                self.dropped += 1
                self._untold += 1
                return
            self._lines.append(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Returns once everything is out, or nobody has taken it for :data:`FLUSH_S`."""
        until = time.monotonic() + FLUSH_S
        with self._changed:
            while (self._lines or self._is_writing) and not self._is_ended and time.monotonic() < until:
                self._changed.wait(0.05)

    def close(self) -> None:
        self.flush()
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()
        super().close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines or self._is_ended)
                if self._is_ended:
                    return
                line, untold = self._lines.popleft(), 0
                if not self._lines:
                    untold, self._untold = self._untold, 0
                self._is_writing = True
            self._write(line)
            if untold:
                self._write(self._tell(untold))

    def _write(self, line: str) -> None:
        left = memoryview(f"{line}\n".encode(errors="backslashreplace"))
        while left and not self._is_ended:
            try:
                if self._poll.poll(200):
                    left = left[os.write(self._fd, left[:PIECE_BYTES]) :]
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:  # nobody will ever read it
                self.dropped += 1
                return
