"""Real-time scheduling for the calling thread, where the system allows it."""

from __future__ import annotations

import os


def ask_realtime(priority: int = 10) -> str | None:
    """Asks for SCHED_RR for the calling thread; None when granted, else in words what is missing.

    ``priority`` 1..99. A refusal is a stated degradation, never an error: the walk works on at normal priority.
    """
    if not hasattr(os, "sched_setscheduler"):
        return "no real-time priority: this system has no SCHED_RR"
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except PermissionError:
        return f"no real-time priority: not allowed (systemd LimitRTPRIO={priority}, or rtprio in limits.conf)"
    except OSError as error:
        return f"no real-time priority: {error.strerror}"
    return None
