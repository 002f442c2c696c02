"""The response cache: the most recently used replies, each for a limited time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from firmware_py.events import Reply


@dataclass(frozen=True)
class CacheCounts:
    """How often the cache helped since it was made. ``evictions`` counts replies dropped for room or for age."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    size: int = 0


class ResponseCache:
    """Keeps up to ``size`` replies for ``ttl_s`` seconds each; ``clock`` is monotonic seconds. Thread-safe.

    Who only looks (a draft) takes ``get(key, counted=False)`` and says with :meth:`count` what came of it.
    With ``enabled=False`` or a size of 0 it keeps nothing and counts nothing.
    """

    def __init__(
        self,
        enabled: bool = True,
        size: int = 1000,
        ttl_s: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.enabled = enabled and size > 0
        self._size, self._ttl_s, self._clock = size, ttl_s, clock
        self._replies: OrderedDict[Hashable, tuple[float, Reply]] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._misses = self._evictions = 0

    def get(self, key: Hashable, *, counted: bool = True) -> Reply | None:
        """The reply kept for ``key``, None when there is none that is fresh."""
        if not self.enabled:
            return None
        with self._lock:
            kept = self._replies.get(key)
            if kept is not None and self._clock() < kept[0]:
                self._hits += counted
                self._replies.move_to_end(key)
                return kept[1]
            if kept is not None:
                del self._replies[key]
                self._evictions += 1
            self._misses += counted
            return None

    def count(self, is_hit: bool) -> None:
        """Counts a look that was not counted when it was taken."""
        if self.enabled:
            with self._lock:
                self._hits += is_hit
                self._misses += not is_hit

    def put(self, key: Hashable, reply: Reply) -> None:
        """Keeps ``reply`` for ``ttl_s`` from now; the one unused longest makes room."""
        if not self.enabled:
            return
        with self._lock:
            self._replies[key] = (self._clock() + self._ttl_s, reply)
            self._replies.move_to_end(key)
            if len(self._replies) > self._size:
                self._replies.popitem(last=False)
                self._evictions += 1

    def clear(self) -> None:
        """Forgets every reply; the counts stay."""
        with self._lock:
            self._replies.clear()

    @property
    def counts(self) -> CacheCounts:
        """A consistent snapshot of the counts."""
        with self._lock:
            return CacheCounts(self._hits, self._misses, self._evictions, len(self._replies))
