"""Back-off across restarts: a service that keeps dying early waits longer each time before it tries again.

systemd's own ``RestartSteps`` needs version 254, so the process does it: the count lives in the runtime directory,
which the unit preserves over a restart and which a boot empties.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

FIRST_S = 0.25
LAST_S = 30.0
GOOD_AFTER_S = 60.0
"""A run this long is no failure, however it ends."""


class Restarts:
    """How often the service has died early in a row. Without a runtime directory it counts nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._file = directory / "restarts" if directory is not None else None
        self.failures = self._read()

    def wait_s(self) -> float:
        """How long this start has to wait: 0, 0.25, 0.5 ... 30 seconds."""
        return min(FIRST_S * 2 ** min(self.failures - 1, 20), LAST_S) if self.failures else 0.0

    def begin(self) -> None:
        """This run counts as a failure until it proves otherwise."""
        self._write(self.failures + 1)

    def succeed(self) -> None:
        """It ran well, or was told to stop."""
        self.failures = 0
        self._write(0)

    def _read(self) -> int:
        try:
            text = self._file.read_text("ascii") if self._file else "0"
            return max(0, int(text))
        except (OSError, ValueError):
            return 0

    def _write(self, failures: int) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            temporary = self._file.with_suffix(".new")
            temporary.write_text(str(failures), "ascii")
            temporary.replace(self._file)


def runtime_directory() -> Path | None:
    """systemd's ``RuntimeDirectory=``, else a folder of the user's session, else None."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(session) / "rtva" if session else None
