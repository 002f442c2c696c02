"""What was said in this conversation: the last turns, for as long as they matter.

``max_history`` and ``context_timeout`` are the guide's ``nlp.context_manager`` knobs.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from firmware_py.events import Understood


@dataclass(frozen=True)
class Turn:
    """One committed turn: what was understood, what was replied, and when (monotonic seconds)."""

    understood: Understood
    reply: str
    at_s: float


class ContextManager:
    """Keeps the latest ``max_history`` turns, and none older than ``context_timeout_s`` seconds. Thread-safe.

    ``clock`` is monotonic seconds, so that setting the wall clock neither forgets nor revives a conversation.
    """

    def __init__(
        self,
        max_history: int = 10,
        context_timeout_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._turns: deque[Turn] = deque(maxlen=max(0, max_history))
        self._timeout_s, self.clock = context_timeout_s, clock
        self._lock = threading.Lock()

    def remember(self, understood: Understood, reply: str) -> None:
        """Adds a turn that is over."""
        with self._lock:
            self._turns.append(Turn(understood, reply, self.clock()))

    def turns(self) -> list[Turn]:
        """The turns that still count, the oldest first."""
        with self._lock:
            now = self.clock()
            while self._turns and now - self._turns[0].at_s >= self._timeout_s:
                self._turns.popleft()
            return list(self._turns)

    def last(self, intent: str | None = None) -> Turn | None:
        """The latest turn (of an intent), None when there is none that still counts."""
        return next((t for t in reversed(self.turns()) if intent is None or t.understood.intent == intent), None)

    def last_understood(self) -> Understood | None:
        """What was understood last; turns that were not are passed over."""
        turns = reversed(self.turns())
        return next((t.understood for t in turns if t.understood.intent is not None), None)

    def last_reply(self) -> str:
        """What was said last, "" when nothing was."""
        return next((t.reply for t in reversed(self.turns()) if t.reply), "")

    def clear(self) -> None:
        """Forgets the conversation."""
        with self._lock:
            self._turns.clear()
