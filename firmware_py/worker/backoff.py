"""When a failed worker may be replaced: at once at first, ever later while it keeps failing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

FIRST_S = 0.25
CAP_S = 30.0
GOOD_S = 60.0
"""A worker that was up for this long has proved that starting works: the count begins anew."""
SHARE = 0.01
"""Of one core: what a worker that never stays up may cost for ever."""


@dataclass
class BackOff:
    """Delays of 0.25, 0.5, 1 ... 30 s. At the cap a start that costs much processor time waits longer still,
    so that a crash loop takes less than :data:`SHARE` of a core on slow boards too."""

    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    due_at: float = float("-inf")

    def failed(self, up_s: float, cpu_s: float) -> float:
        """Notes a failure of a worker that was up for ``up_s`` and used ``cpu_s``; returns the delay in seconds."""
        if up_s >= GOOD_S:
            self.failures = 0
        delay = min(CAP_S, FIRST_S * 2.0 ** min(self.failures, 30))
        if delay >= CAP_S and up_s < GOOD_S:
            delay = max(delay, cpu_s / SHARE)
        self.failures += 1
        self.due_at = self.clock() + delay
        return delay

    def wait_s(self) -> float:
        """Seconds until a worker may be started; 0 when it may be now."""
        return max(0.0, self.due_at - self.clock())
