"""The bounded hand-off between the listen thread and the turn thread."""

from __future__ import annotations

import threading
from collections import deque

from firmware_py.events import Kind, TurnEvent

MOST_WAITING = 2
"""Utterances that may wait while one is answered; a third sheds the oldest."""

ENDS = (Kind.ENDPOINT, Kind.TOO_LONG)


class TurnQueue:
    """Never blocks the listener: when too many finished utterances wait, the oldest is dropped and counted."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self.shed = 0
        self._most = most_waiting
        self._events: deque[TurnEvent] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._woken = False

    def put(self, event: TurnEvent) -> None:
        """Adds an event; sheds the oldest finished utterance when ``most_waiting`` are there already."""
        with self._ready:
            if event.kind in ENDS and self.waiting() >= self._most:
                self._shed_oldest()
            self._events.append(event)
            self._ready.notify()

    def get(self, timeout_s: float | None = None) -> TurnEvent | None:
        """The next event, or None when the queue was closed, woken, or the time is over."""
        with self._ready:
            self._ready.wait_for(lambda: self._events or self._closed or self._woken, timeout_s)
            self._woken = False
            return self._events.popleft() if self._events else None

    def wake(self) -> None:
        """Lets the reader's ``get`` return although nothing is there."""
        with self._ready:
            self._woken = True
            self._ready.notify()

    def waiting(self) -> int:
        """Finished utterances that wait."""
        return sum(e.kind in ENDS for e in self._events)

    def has_resumed(self) -> bool:
        """Whether speech went on behind the pause that is being drafted: a RESUME waits before the next end."""
        with self._ready:
            for event in self._events:
                if event.kind is Kind.RESUME or event.kind in ENDS:
                    return event.kind is Kind.RESUME
            return False

    def close(self) -> None:
        """Wakes the reader for good; what still waits is dropped."""
        with self._ready:
            self._closed = True
            self._events.clear()
            self._ready.notify_all()

    @property
    def is_closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._events)

    def _shed_oldest(self) -> None:
        while self._events:
            if self._events.popleft().kind in ENDS:
                self.shed += 1
                return
