"""Partners of the faces in tests: controls that note what they were told, and waiting for what a thread does."""

from __future__ import annotations

import ctypes
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from firmware_py.errors import Unavailable


class NotedControls:
    """Fills the faces' Controls; ``calls`` has what was asked, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.percent = 50
        self.why_unkept, self.waited = "", 0

    def status(self) -> dict[str, Any]:
        return {"state": "idle", "microphone": "open", "alerts": {}, "counts": {"turns": 3, "lost_samples": 0}}

    def version(self) -> str:
        return "1.2.3"

    def say(self, text: str) -> None:
        self.calls.append(("say", text))

    def mute(self, muted_by: str = "user") -> None:
        self.calls.append(("mute", muted_by))

    def unmute(self, muted_by: str = "user") -> None:
        self.calls.append(("unmute", muted_by))

    def volume(self, percent: int | None = None, by: int | None = None) -> int:
        self.percent = (self.percent if percent is None else percent) + (by or 0)
        return self.percent

    def stop(self) -> None:
        self.calls.append(("stop",))

    def talk(self) -> None:
        self.calls.append(("talk",))

    def capture(self, wanted: str, minutes: int) -> dict[str, Any]:
        self.calls.append(("capture", wanted, minutes))
        return {"is_on": wanted == "on"}

    def record(self, wanted: str, minutes: int) -> dict[str, Any]:
        self.calls.append(("record", wanted, minutes))
        return {"is_on": wanted == "on"}

    def trace(self, count: int) -> list[dict[str, Any]]:
        self.calls.append(("trace", count))
        return []

    def cache(self, wanted: str) -> dict[str, Any]:
        self.calls.append(("cache", wanted))
        return {"caches": {}}

    def clock(self, at: datetime | int | None = None) -> dict[str, Any]:
        self.calls.append(("clock", at))
        return {"time": "2027-05-02T07:30:00+02:00", "is_set": True}

    def unkept(self) -> str:
        self.waited += 1
        return self.why_unkept

    def reload(self) -> dict[str, Any]:
        raise Unavailable("still starting")


_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def dies_with_us() -> None:
    """``preexec_fn`` of a process that must not outlive a test run that was killed: a service holds on to a core."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nohup hands it on ignored
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def eventually(happens: Callable[[], Any], what: str = "", seconds: float = 10.0) -> Any:
    """The first true value; fails the test when there is none. The time is a limit for a hang, not a measurement."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        value = happens()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"never happened: {what or happens}")
