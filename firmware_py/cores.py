"""How many threads recognition gets: the one place where that is chosen."""

from __future__ import annotations

import os

MOST_THREADS = 8
"""What recognition takes by itself: more cut a small model's layers too thin. A configured number may be larger."""


def available() -> int:
    """Cores this process may run on (its affinity mask, where there is one)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def recognition_threads(wanted: int | None, cores: int, *, leaves_one: bool) -> int:
    """Threads of one recognition on a machine with ``cores``; at least 1.

    ``wanted`` None is as many as there are, :data:`MOST_THREADS` at most; a number is never more than there are.
    ``leaves_one`` is for whoever listens and speaks at the same time: of more than two cores one is left free.
    """
    usable = cores - 1 if leaves_one and cores > 2 else cores
    return max(1, min(wanted or MOST_THREADS, usable))


def voice_threads(cores: int) -> int:
    """Threads of the voice on a machine with ``cores``: half of them, as the listener works beside it; at least 1."""
    return max(1, cores // 2)
