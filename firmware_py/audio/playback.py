"""One answer on its way to the speaker: the bounded queue between the voice and the play thread, and its marks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from firmware_py.audio.clock import SECOND_NS
from firmware_py.events import Pcm16


class Playback:
    """One answer on its way out.

    ``first_ns``: its first period was accepted; ``heard_ns``: that, and the delay of the device's buffer;
    ``done_ns``: its last sample was played, or it was stopped. None until then, on ``time.monotonic_ns``.
    ``played`` and ``dropped`` count samples; ``error`` is what ended it early, if anything did, and
    ``was_cut`` tells one that was longer than an answer may be.
    """

    def __init__(self, chunks: Iterator[Pcm16], on_first: Callable[[int], None] | None = None) -> None:
        self.first_ns: int | None = None
        self.heard_ns: int | None = None
        self.done_ns: int | None = None
        self.delay_s = 0.0
        self.played = 0
        self.dropped = 0
        self.was_cut = False
        self.error: Exception | None = None
        self._chunks, self._on_first = chunks, on_first
        self._queue: deque[Pcm16] = deque()
        self._queued = 0
        self._change = threading.Condition()
        self._is_fed = False
        self._is_stopped = threading.Event()
        self._is_done = threading.Event()

    @property
    def is_stopped(self) -> bool:
        return self._is_stopped.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """True once it is over: silent, and its iterator closed, so that the voice is free for the next."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if not self._is_done.wait(timeout_s):
            return False
        with self._change:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            return self._change.wait_for(lambda: self._is_fed, left)

    def is_stopped_within(self, seconds: float) -> bool:
        """Sleeps, but not beyond ``stop``; whether it was stopped."""
        return self._is_stopped.wait(seconds)

    def stop(self) -> None:
        """Silences it within one period; returns at once. An iterator that may wait long has a ``cancel`` for this."""
        self._is_stopped.set()
        cancel = getattr(self._chunks, "cancel", None)
        if cancel is not None:
            cancel()
        with self._change:
            self._change.notify_all()

    def feed(self, limit: int, most: int) -> None:
        """Pulls the iterator dry, never more than ``limit`` samples ahead of the speaker; ends at ``most`` samples."""
        left = most
        try:
            for chunk in self._chunks:
                if not self._put(chunk[:left], limit):
                    break
                left -= chunk.size
                if left <= 0:
                    self.was_cut = True
                    break
        except Exception as error:
            self.error = error
        finally:
            self.close()

    def take(self, samples: int, wait_s: float | None = None) -> Pcm16 | None:
        """The next ``samples`` (fewer at the end); None when there are no more or it was stopped.

        Those that there are, perhaps none, when the voice does not make more within ``wait_s``.
        """
        with self._change:
            self._change.wait_for(lambda: self._queued >= samples or self._is_fed or self.is_stopped, wait_s)
            if self.is_stopped or (self._is_fed and not self._queued):
                return None
            return self._pop(min(samples, self._queued))

    def finish(self, at_ns: int) -> None:
        """Marks it over; what is still queued is counted as dropped."""
        with self._change:
            self.dropped += self._queued
            self._queue.clear()
            self._queued = 0
        self.done_ns = at_ns
        self._is_done.set()

    def began(self, at_ns: int, delay_s: float) -> None:
        """Marks the first period as accepted, with ``delay_s`` of sound in the device by then."""
        self.delay_s = delay_s
        self.first_ns, self.heard_ns = at_ns, at_ns + int(delay_s * SECOND_NS)
        if self._on_first is not None:
            self._on_first(at_ns)

    def close(self) -> None:
        """Closes the iterator; nobody pulls it from now on."""
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()
        with self._change:
            self._is_fed = True
            self._change.notify_all()

    def _put(self, chunk: Pcm16, limit: int) -> bool:
        with self._change:
            self._change.wait_for(lambda: self._queued < limit or self.is_stopped)
            if self.is_stopped:
                self.dropped += chunk.size
                return False
            self._queue.append(chunk)
            self._queued += chunk.size
            self._change.notify_all()
        return True

    def _pop(self, samples: int) -> Pcm16:
        parts, left = [], samples
        while left:
            first = self._queue.popleft()
            if first.size > left:
                self._queue.appendleft(first[left:])
                first = first[:left]
            parts.append(first)
            left -= first.size
        self._queued -= samples
        self._change.notify_all()
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int16), *parts])
