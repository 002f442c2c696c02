"""How a change reaches every face without the walk waiting: a bounded queue each, the oldest dropped and counted."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

QUEUE_NOTICES = 64


@dataclass(frozen=True)
class Notice:
    """One change. ``topic`` is what changed (``state``, ``turn``, ``volume`` ...), ``fields`` are plain JSON values;
    ``at_ns`` is monotonic."""

    topic: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    at_ns: int = field(default_factory=time.monotonic_ns)


class Subscription:
    """A face's own queue. One thread reads; ``fileno`` is readable while something waits, for ``select``."""

    def __init__(self, hub: Hub, name: str, topics: frozenset[str] | None, size: int) -> None:
        self.name = name
        self.dropped = 0
        self._hub, self._topics = hub, topics
        self._notices: deque[Notice] = deque(maxlen=size)
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._is_closed = False

    def fileno(self) -> int:
        return self._bell

    def wants(self, topic: str) -> bool:
        return self._topics is None or topic in self._topics

    def put(self, notice: Notice) -> None:
        """Adds a notice; never blocks on the reader."""
        with self._lock:
            if self._is_closed:
                return
            self.dropped += len(self._notices) == self._notices.maxlen
            self._notices.append(notice)
            os.eventfd_write(self._bell, 1)

    def get(self, timeout_s: float | None = None) -> Notice | None:
        """The next notice, or None when the time is over."""
        ready = self._notices or select.select([self._bell], [], [], timeout_s)[0]
        return self.take() if ready else None

    def take(self) -> Notice | None:
        """The next notice, None at once when there is none."""
        with self._lock:
            if self._is_closed:
                return None
            notice = self._notices.popleft() if self._notices else None
            if not self._notices:
                try:
                    os.eventfd_read(self._bell)
                except BlockingIOError:
                    pass
            return notice

    def wake(self) -> None:
        """Lets the reader's ``select`` or ``get`` return although nothing is there."""
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """By the reader, once it reads no more; may be called twice."""
        self._hub.forget(self)
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._bell)


class Hub:
    """Hands each notice to every subscription that wants its topic."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()
        self._dropped_before: Counter[str] = Counter()

    def subscribe(self, name: str, topics: frozenset[str] | None = None, size: int = QUEUE_NOTICES) -> Subscription:
        """A queue of ``size`` notices of ``topics`` (None: all)."""
        subscription = Subscription(self, name, topics, size)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
        return subscription

    def publish(self, topic: str, **fields: Any) -> None:
        """Returns at once, whatever the faces do."""
        notice = Notice(topic, fields)
        for subscription in self._subscriptions:
            if subscription.wants(topic):
                subscription.put(notice)

    def forget(self, subscription: Subscription) -> None:
        with self._lock:
            if subscription in self._subscriptions and subscription.dropped:
                self._dropped_before[subscription.name] += subscription.dropped
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

    def wants(self, topic: str) -> bool:
        """Whether anybody would hear it: what is costly to say is not said to nobody."""
        return any(s.wants(topic) for s in self._subscriptions)

    def dropped(self) -> dict[str, int]:
        """Notices that each face was too slow for; those that are not there any more, and of one name, together."""
        with self._lock:
            dropped = Counter(self._dropped_before)
            for each in self._subscriptions:
                dropped[each.name] += each.dropped
        return dict(dropped)
