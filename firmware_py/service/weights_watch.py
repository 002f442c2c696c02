"""Whether recognition and the voice are here and whole, looked at before anything heavy; and the wait until they are.

A service whose weights are missing or spoilt stays up with its faces and looks for them, instead of being started again
and again: a look costs a few ``stat`` calls, and what was refused is read again only once a file has changed.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_py import models
from firmware_py.beside import beside
from firmware_py.config import Config
from firmware_py.errors import BadWeights, ConfigError, RtvaError, Unavailable
from firmware_py.service.restarts import FIRST_S, LAST_S
from firmware_py.weights.library import load
from firmware_py.weights.store import bundled

AGAIN_S = 600.0
"""What was refused is read again after so long although no file has changed: a read may have gone wrong."""

_log = logging.getLogger("rtva.weights")

Snapshot = dict[str, tuple[int, int, int]]


def check(config: Config, *, needs_voice: bool = True) -> None:
    """Reads both whole and compares size and sha256, side by side. Raises Unavailable or BadWeights."""

    def voice() -> None:
        if needs_voice and config.tts.engine == "piper":
            models.resolve_voice(config.tts.voice)

    with beside(voice, "verify-voice"):
        models.resolve_stt(config.stt.model, config.stt.optimization.compute_type)


def wait_for(
    look: Callable[[], None],
    tell: Callable[[RtvaError | None, float], None],
    stopping: threading.Event,
    files: Sequence[Path] = (),
) -> bool:
    """Calls ``look`` until it raises nothing; False when it was told to stop. ``tell(error, wait_s)`` before each wait,
    0.25, 0.5 ... 30 s, and with None once all is well behind one. ``files`` are looked at beside the stores."""
    failures, seen, error = 0, None, None  # type: int, Snapshot | None, RtvaError | None
    read_s = -AGAIN_S
    while True:
        now = snapshot(files)
        if now != seen or time.monotonic() - read_s > AGAIN_S:
            seen, read_s = now, time.monotonic()
            try:
                look()
            except (Unavailable, BadWeights) as refused:
                error = refused
            except ConfigError as wrong:  # the store's own list of weights
                error = BadWeights(str(wrong))
            except OSError as unread:  # a worn card
                error = BadWeights(f"{unread.filename}: {unread.strerror}")
            else:
                if error is not None:
                    tell(None, 0.0)
                return True
        wait_s = min(FIRST_S * 2.0 ** min(failures, 20), LAST_S)
        failures += 1
        tell(error, wait_s)
        if stopping.wait(wait_s):
            return False


def set_aside_spoilt_list() -> None:
    """A spoilt list of the weights that an owner added must not take along the ones that came with rtva: it becomes
    ``user.toml.bad``, where the disk lets it."""
    own = models.home() / "models" / "user.toml"
    try:
        load(own)
    except ConfigError as error:
        _log.error("%s: kept aside; what was added to the store must be added again", error)
        with contextlib.suppress(OSError):
            own.replace(own.with_name("user.toml.bad"))
    except Unavailable:
        pass


def chosen(config: Config) -> list[Path]:
    """The files that the configuration names by their path."""
    named = [Path(name) for name in (config.stt.model, config.tts.voice) if "/" in name]
    return [*named, *(path.with_name(f"{path.name}.json") for path in named)]


def snapshot(files: Sequence[Path] = ()) -> Snapshot:
    """Size, times and inode of every file of the store, of what came with the release, and of ``files``."""
    found: Snapshot = {}
    own = models.home() / "models"
    for path in (*_files(own), *_files(bundled()), own / "user.toml", *files):
        try:
            stat = path.stat()
        except OSError:
            continue
        found[str(path)] = stat.st_size, stat.st_ctime_ns, stat.st_ino
    return found


def _files(root: Path) -> list[Path]:
    try:
        return [path for kind in ("stt", "tts") for path in (root / kind).rglob("*") if path.is_file()]
    except OSError:
        return []
