"""The bounded hand-off between the listen thread and the turn thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from firmware_py.events import Kind, TurnEvent

MOST_WAITING = 2
"""Utterances that may wait while one is answered; a third sheds the oldest."""

MOST_BYTES = 8 << 20
"""Of sound that waits: four minutes, two of the longest utterances and what was drafted of them."""
TOO_MANY = "too many utterances wait"
TOO_MUCH = "too much sound waits"
STOPPING = "rtva is stopping"

ENDS = (Kind.ENDPOINT, Kind.TOO_LONG)


class TurnQueue:
    """Never blocks the listener: when too many finished utterances wait, the oldest is dropped and counted.

    ``on_shed(event, reason)`` is told of each, in the listener's thread or who closes it, and must return at once.
    """

    def __init__(self, most_waiting: int = MOST_WAITING, most_bytes: int = MOST_BYTES) -> None:
        self.shed = 0
        self.on_shed: Callable[[TurnEvent, str], None] = lambda event, reason: None
        self._most, self._most_bytes = most_waiting, most_bytes
        self._events: deque[TurnEvent] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._woken = False

    def put(self, event: TurnEvent) -> None:
        """Adds an event; sheds the oldest finished utterance when there would be too many, or too much of them."""
        with self._ready:
            if event.kind is Kind.RESUME:
                self._void_pauses()
            shed, reason = [], TOO_MANY
            if event.kind in ENDS and self.waiting() >= self._most:
                shed += self._shed_oldest()
            while self.size_bytes() + event.audio.nbytes > self._most_bytes and (oldest := self._shed_oldest()):
                shed, reason = shed + oldest, TOO_MUCH
            self._events.append(event)
            self._ready.notify()
            while self._closed and (oldest := self._shed_oldest()):
                shed, reason = shed + oldest, STOPPING
        for gone in shed:
            self.on_shed(gone, reason)

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

    def size_bytes(self) -> int:
        """Of the sound that waits."""
        return sum(e.audio.nbytes for e in self._events)

    def has_resumed(self) -> bool:
        """Whether speech went on behind the pause that is being drafted: a RESUME waits before the next end."""
        with self._ready:
            for event in self._events:
                if event.kind is Kind.RESUME or event.kind in ENDS:
                    return event.kind is Kind.RESUME
            return False

    def close(self) -> None:
        """Wakes the reader for good; what still waits, and what comes yet, is shed."""
        shed: list[TurnEvent] = []
        with self._ready:
            self._closed = True
            while oldest := self._shed_oldest():
                shed += oldest
            self._ready.notify_all()
        for gone in shed:
            self.on_shed(gone, STOPPING)

    @property
    def is_closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._events)

    def _shed_oldest(self) -> list[TurnEvent]:
        while self._events:
            event = self._events.popleft()
            if event.kind in ENDS:
                self.shed += 1
                return [event]
        return []

    def _void_pauses(self) -> None:
        """Speech went on behind every pause that waits: none will be drafted, so none needs its sound."""
        for at, event in enumerate(self._events):
            if event.kind is Kind.PAUSE and event.audio.size:
                self._events[at] = replace(event, audio=event.audio[:0].copy())
