"""Whether recognition and the voice are here and whole, looked at before anything heavy; and the wait until they are.

A service whose weights are missing or spoilt stays up with its faces and looks for them, instead of being started again
and again: a look costs a few ``stat`` calls, and what was refused is read again only once a file has changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from firmware_py import models
from firmware_py.beside import beside
from firmware_py.config import Config
from firmware_py.errors import BadWeights, RtvaError, Unavailable
from firmware_py.service.restarts import FIRST_S, LAST_S

AGAIN_S = 600.0
"""What was refused is read again after so long although no file has changed: a read may have gone wrong."""

Snapshot = dict[str, tuple[int, int, int]]


def check(config: Config, *, needs_voice: bool = True) -> None:
    """Reads both whole and compares size and sha256, side by side. Raises Unavailable or BadWeights."""

    def voice() -> None:
        if needs_voice and config.tts.engine == "piper":
            models.resolve_voice(config.tts.voice)

    with beside(voice, "verify-voice"):
        models.resolve_stt(config.stt.model, config.stt.optimization.compute_type)


def wait_for(
    look: Callable[[], None], tell: Callable[[RtvaError | None, float], None], stopping: threading.Event
) -> bool:
    """Calls ``look`` until it raises nothing; False when it was told to stop. ``tell(error, wait_s)`` before each wait,
    0.25, 0.5 ... 30 s, and with None once all is well behind one."""
    failures, seen, error = 0, None, None  # type: int, Snapshot | None, RtvaError | None
    read_s = -AGAIN_S
    while True:
        now = snapshot()
        if now != seen or time.monotonic() - read_s > AGAIN_S:
            seen, read_s = now, time.monotonic()
            try:
                look()
            except (Unavailable, BadWeights) as refused:
                error = refused
            else:
                if error is not None:
                    tell(None, 0.0)
                return True
        wait_s = min(FIRST_S * 2.0 ** min(failures, 20), LAST_S)
        failures += 1
        tell(error, wait_s)
        if stopping.wait(wait_s):
            return False


def snapshot() -> Snapshot:
    """Size, time and inode of every file of the store."""
    found: Snapshot = {}
    for path in _files(models.home() / "models"):
        try:
            stat = path.stat()
        except OSError:
            continue
        found[str(path)] = stat.st_size, stat.st_mtime_ns, stat.st_ino
    return found


def _files(root: Path) -> list[Path]:
    try:
        return [path for kind in ("stt", "tts") for path in (root / kind).rglob("*") if path.is_file()]
    except OSError:
        return []
