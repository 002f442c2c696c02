"""How many utterances wait for their answer, kept where it outlives this process: a kill leaves nobody in silence.

The number lies in the runtime directory, in memory: a power cut forgets it, and at rest nothing is written.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import threading
from pathlib import Path

FILE = "unanswered"
LOST = "rtva ended before it was answered"


class Unanswered:
    """``lost`` is what the run before left. ``add`` and ``remove`` return at once, for any thread; without a
    ``directory`` nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._page: mmap.mmap | None = None
        with contextlib.suppress(OSError, ValueError):
            if directory is not None:
                self._page = _page(directory / FILE)
        self.lost = self._page[0] if self._page is not None else 0
        self._set(0)

    def add(self) -> None:
        """Somebody has finished a sentence."""
        with self._lock:
            self._set(self._count + 1)

    def remove(self) -> None:
        """It was answered, apologised for or shed."""
        with self._lock:
            self._set(max(0, self._count - 1))

    def close(self) -> None:
        """What is still open then is lost."""
        with self._lock:
            page, self._page = self._page, None
            if page is not None:
                page.close()

    def _set(self, count: int) -> None:
        self._count = count
        if self._page is not None:
            self._page[0] = min(count, 255)


def _page(path: Path) -> mmap.mmap:
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.truncate(number, 1)
        return mmap.mmap(number, 1)
    finally:
        os.close(number)
