"""Back-off across restarts: a service that keeps dying early waits longer each time before it tries again.

systemd's own ``RestartSteps`` needs version 254, so the process does it: the count lives in the runtime directory,
which the unit preserves over a restart and which a boot empties.
"""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

FIRST_S = 0.25
LAST_S = 30.0
SHARE, LONGEST_S = 0.005, 600.0
"""A start that costs much waits longer than ``LAST_S``, so that in the long run they take less than this share of a
core; one of more than 3 s takes more, as nobody waits longer than ``LONGEST_S``."""
KILLED_S = 3.0
"""What a start is taken to have cost that ended without a word: killed, crashed, out of memory."""
GOOD_AFTER_S = 60.0
"""A run this long is no failure, however it ends."""


class Restarts:
    """How often the service has died early in a row. Without a runtime directory it counts nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._file = directory / "restarts" if directory is not None else None
        self.failures, self.cost_s = self._read()
        self._is_good = False

    def wait_s(self) -> float:
        """How long this start has to wait: 0, 0.25, 0.5 ... up to 30 seconds, or more where the last one cost much."""
        if not self.failures:
            return 0.0
        most_s = min(max(LAST_S, self.cost_s / SHARE), LONGEST_S)
        return min(FIRST_S * 2.0 ** min(self.failures - 1, 20), most_s)

    def begin(self) -> None:
        """This run counts as a failure until it proves otherwise."""
        self.cost_s = max(self.cost_s, KILLED_S)
        self._write(self.failures + 1)

    def fail(self) -> None:
        """It ended with an error: what it cost, its engines included, decides about the next wait. Nothing behind
        :meth:`succeed`."""
        if self._is_good:
            return
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        self.cost_s = sum(each.ru_utime + each.ru_stime for each in spent)
        self._write(self.failures + 1)

    def succeed(self) -> None:
        """It ran well, or was told to stop."""
        self.failures, self.cost_s, self._is_good = 0, 0.0, True
        self._write(0)

    def _read(self) -> tuple[int, float]:
        try:
            failures, _, cost_s = (self._file.read_text("ascii") if self._file else "0").partition(" ")
            return max(0, int(failures)), max(0.0, min(LONGEST_S, float(cost_s or 0)))
        except (OSError, ValueError):
            return 0, 0.0

    def _write(self, failures: int) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            temporary = self._file.with_suffix(".new")
            temporary.write_text(f"{failures} {self.cost_s:.2f}", "ascii")
            temporary.replace(self._file)


def runtime_directory() -> Path | None:
    """systemd's ``RuntimeDirectory=``, else a folder of the user's session, else None."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(session) / "rtva" if session else None
