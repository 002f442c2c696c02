"""Opening a device that may not be there, may be busy, or may never answer, without waiting for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from firmware_py.errors import RtvaError

D = TypeVar("D")

FIRST_RETRY_S = 0.25
LAST_RETRY_S = 5.0
SHARE = 0.003
"""Of one core: what looking for a device may cost for ever."""
EAGER_S = 3.0
"""So long after the list of sound devices has changed no attempt waits longer than the first: rights come late."""
SLOW_S = 1.0
BLOCKED = "opening it has not returned"
"""Said of it once: what has the seconds in it (:attr:`Opening.is_blocked`) is another sentence each second."""
NODES = Path("/dev/snd")


def sound_nodes() -> object:
    """Something that differs whenever the kernel's sound devices are others than before."""
    try:
        return (NODES.stat().st_mtime_ns, *sorted(NODES.iterdir()))
    except OSError:
        return None


class Opening(Generic[D]):
    """One attempt at a time, in a thread of its own. ``poll`` belongs to one thread.

    Attempts are 0.25 s apart and more where one costs so much that looking would take more than :data:`SHARE` of a
    core; when the kernel's sound devices change, the next is made at once. ``why`` is what the last one failed with.
    """

    def __init__(self, open_device: Callable[[], D], nodes: Callable[[], object] = sound_nodes) -> None:
        self.why: Exception | None = None
        self.attempts = 0
        self._open_device, self._nodes = open_device, nodes
        self._seen = nodes()
        self._due = self._eager_until = self._began = 0.0
        self._thread: threading.Thread | None = None
        self._done = threading.Event()
        self._device: D | None = None
        self._cpu_s = 0.0

    def at_once(self) -> None:
        """The device was there a moment ago: the next ``poll`` tries."""
        self._due = 0.0

    def poll(self, wait_s: float) -> D | None:
        """The open device, or None after at most ``wait_s``; begins an attempt when one is due."""
        until = time.monotonic() + wait_s
        if self._thread is None and self._is_due():
            self._begin()
        return self.settle(max(0.0, until - time.monotonic()))

    def settle(self, wait_s: float) -> D | None:
        """What the attempt under way brings within ``wait_s``; begins none. Belongs to the thread that polls."""
        if self._thread is None or not self._done.wait(wait_s):
            return None
        self._thread.join()
        self._thread = None
        device, self._device = self._device, None
        self._due = time.monotonic() + self._retry_s()
        return device

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt has not been settled: it may hold the device already."""
        return self._thread is not None

    @property
    def is_blocked(self) -> str:
        """In words and seconds, when an attempt has not returned for long; else "". May be asked by anyone."""
        if self._thread is None:
            return ""
        waited_s = time.monotonic() - self._began
        return f"{BLOCKED} for {waited_s:.0f} s" if waited_s > SLOW_S else ""

    def give_up(self) -> D | None:
        """What an attempt has brought by now, to be closed; one that is blocked is left to itself."""
        if self._thread is not None and self._done.wait(0.5):
            device, self._device = self._device, None
            return device
        return None

    def _is_due(self) -> bool:
        nodes = self._nodes()
        if nodes != self._seen:
            self._seen = nodes
            self._eager_until = time.monotonic() + EAGER_S
            return True
        return time.monotonic() >= self._due

    def _retry_s(self) -> float:
        if time.monotonic() < self._eager_until:
            return FIRST_RETRY_S
        return min(max(FIRST_RETRY_S, self._cpu_s / SHARE), LAST_RETRY_S)

    def _begin(self) -> None:
        self._done.clear()
        self._began = time.monotonic()
        self.attempts += 1
        self._thread = threading.Thread(target=self._attempt, name="open-device", daemon=True)
        self._thread.start()

    def _attempt(self) -> None:
        started = time.thread_time()
        try:
            self._device = self._open_device()
            self.why = None
        except (RtvaError, OSError) as error:
            self.why = error
        except Exception as error:
            self.why = RtvaError(f"the device cannot be opened: {error}")
        finally:
            self._cpu_s = time.thread_time() - started
            self._done.set()
