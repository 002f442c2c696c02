"""Where weights lie on this machine, and how a file gets there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware_py.durable import move_in
from firmware_py.errors import BadWeights, Unavailable
from firmware_py.weights.manifest import Entry, Pin

Say = Callable[[str], None]
_CHUNK = 1 << 20


def home() -> Path:
    """``$RTVA_HOME``, else systemd's ``$STATE_DIRECTORY``, else ``${XDG_DATA_HOME:-~/.local/share}/rtva``."""
    chosen = os.environ.get("RTVA_HOME") or os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if chosen:
        return Path(chosen).absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    if not data.startswith("/"):  # the XDG specification: relative paths are invalid and ignored
        data = str(Path("~/.local/share").expanduser())
    return Path(data) / "rtva"


def bundled() -> Path:
    """The weights that came with this very release; empty for a checkout. Going back to a release takes them along."""
    return Path(sys.prefix) / "share" / "rtva" / "models"


def digest(path: Path) -> Pin:
    """Size and sha256 of a file, read whole."""
    sha = hashlib.sha256()
    size = 0
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return Pin(size, sha.hexdigest())


def check(path: Path, pin: Pin) -> None:
    """Raises BadWeights naming the file, what was expected and found, or why it cannot be read; reads it whole."""
    try:
        size = path.stat().st_size
        if size != pin.size:
            raise BadWeights(
                f"{path}: size {size}, expected {pin.size}: truncated or not the file it should be; refused"
            )
        found = digest(path).sha256
    except OSError as error:
        raise BadWeights(f"{path}: {error.strerror}: refused") from error
    if found != pin.sha256:
        raise BadWeights(f"{path}: sha256 {found[:12]}..., expected {pin.sha256[:12]}...: refused")


class Store:
    """The files under ``<home>/models``: ``<kind>/<entry>/<file>``.

    ``.incoming`` is where files grow; only whole, synced files are renamed out of it. ``.verified.json`` remembers
    size, time and sha256 of what was checked, for quick answers; it is never trusted before a load.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or home()) / "models"
        self.incoming = self.root / ".incoming"
        self._memo_path = self.root / ".verified.json"

    def path(self, entry: Entry, name: str) -> Path:
        """The owner's file, or where it would be; the release's own where there is only that."""
        own = self.root / entry.kind / entry.name / name
        came_along = bundled() / entry.kind / entry.name / name
        return came_along if not own.exists() and came_along.exists() else own

    @contextlib.contextmanager
    def writing(self, say: Say) -> Iterator[Path]:
        """Holds the store's lock and gives an empty directory for unfinished files, removed at the end.

        What a killed process left there goes first. An OSError inside becomes Unavailable, in one line.
        """
        try:
            self.incoming.mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("w") as lock:
                _lock(lock.fileno(), say)
                work = self.incoming / "work"
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir()
                try:
                    yield work
                finally:
                    shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            if error.errno is None:  # one of ours, which is a FileNotFoundError too
                raise
            raise Unavailable(f"{error.filename or self.root}: {error.strerror}") from error

    def keep(self, whole: Path, target: Path, pin: Pin) -> None:
        """Moves a finished file to its place; ``pin`` is what was measured on it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        move_in(whole, target)
        self._remember(target, pin)

    def write_text(self, target: Path, text: str) -> None:
        """A small file, written whole or not at all. Called with the lock held."""
        new = self.incoming / target.name
        new.write_text(text, encoding="utf-8")
        move_in(new, target)

    def looks_good(self, path: Path, pin: Pin) -> bool:
        """Whether a file is what it should be, believing the memo when size and time are unchanged."""
        try:
            stat = path.stat()
        except OSError:
            return False
        if stat.st_size != pin.size:
            return False
        if self._memo().get(self._key(path)) == [stat.st_size, stat.st_mtime_ns, pin.sha256]:
            return True
        if digest(path) != pin:
            return False
        with contextlib.suppress(OSError):
            self._remember(path, pin)
        return True

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def _memo(self) -> dict[str, list[object]]:
        try:
            memo = json.loads(self._memo_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return memo if isinstance(memo, dict) else {}

    def _remember(self, path: Path, pin: Pin) -> None:
        stat = path.stat()
        memo = self._memo() | {self._key(path): [stat.st_size, stat.st_mtime_ns, pin.sha256]}
        new = self.incoming / f"verified.{os.getpid()}"
        new.write_text(json.dumps(memo, indent=1), encoding="utf-8")
        new.replace(self._memo_path)


def _lock(handle: int, say: Say) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another process that is changing the weights")
        fcntl.flock(handle, fcntl.LOCK_EX)
