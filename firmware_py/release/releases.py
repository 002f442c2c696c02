"""The releases of a board, side by side: which are whole, which is in force, which is on trial.

``current`` is a link to the one in force. ``trial`` holds the name of the release before while a new one is being
judged: whoever finds it and no update at work goes back (``settle``, also at boot).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from firmware_py.errors import Unavailable
from firmware_py.release import disk

ROOT = Path("/opt/rtva")
COMPLETE = "complete"
"""Written last into a release; one without it is never switched to."""


AGAIN = ".again"
"""Behind the name of a release that was built anew because the one in force, of the same bundle, was damaged."""


def is_same(one: str, other: str) -> bool:
    """Whether two releases are of the same bundle."""
    return one.removesuffix(AGAIN) == other.removesuffix(AGAIN)


class Releases:
    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.folder = root / "releases"
        self._current = root / "current"
        self._previous = root / "previous"
        self._trial = root / "trial"

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Holds the lock that says an update is at work. Raises Unavailable when another one is.

        What is written meanwhile can be read by the service's user, however strict root's umask is.
        """
        with _umask(0o022), self._locked():
            yield

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unavailable(f"another update of {self.root} is at work") from None
            yield

    def path(self, name: str) -> Path:
        return self.folder / name

    def is_complete(self, name: str) -> bool:
        return bool(name) and (self.path(name) / COMPLETE).is_file()

    def names(self) -> list[str]:
        return sorted(p.name for p in self.folder.glob("*")) if self.folder.is_dir() else []

    @property
    def current(self) -> str:
        """The release in force, "" when there is none."""
        return _link(self._current)

    @property
    def previous(self) -> str:
        """The last good one before it, "" when there is none."""
        name = _link(self._previous)
        return name if self.is_complete(name) else ""

    @property
    def is_on_trial(self) -> bool:
        """Whether one is being judged, or was when an update was cut short."""
        return self._trial.exists()

    def complete(self, name: str) -> None:
        """Marks a release as whole: everything else of it is on the disk before the mark is."""
        disk.sync_tree(self.folder)
        disk.write(self.path(name) / COMPLETE, f"{name}\n")

    def try_out(self, name: str) -> None:
        """Puts a release in force on trial. Raises Unavailable when it is not whole."""
        if not self.is_complete(name):
            raise Unavailable(f"release {name} is not whole in {self.folder}")
        disk.write(self._trial, f"{self.current}\n")
        disk.link(self._current, f"releases/{name}")

    def accept(self) -> None:
        """The trial is passed: the release before becomes the one to go back to."""
        before = self._trial.read_text("utf-8").strip() if self._trial.exists() else ""
        if before and not is_same(before, self.current):
            disk.link(self._previous, f"releases/{before}")
        disk.remove(self._trial)

    def none_in_force(self) -> None:
        if self._current.is_symlink():
            disk.remove(self._current)

    def settle(self) -> str:
        """Ends a trial that nobody judges any more; returns the release that was gone back to, or "".

        What ``settle.sh`` does at boot. Call it with the lock held.
        """
        if not self._trial.exists():
            return ""
        before = self._trial.read_text("utf-8").strip()
        went_back = self.is_complete(before) and before != self.current
        if went_back:
            disk.link(self._current, f"releases/{before}")
        disk.remove(self._trial)
        return before if went_back else ""

    def sweep(self) -> None:
        """Removes every release but the one in force and the one before it, and what was left half-made."""
        keep = {self.current, self.previous}
        for name in self.names():
            if name not in keep:
                self.remove(name)

    def remove(self, name: str) -> None:
        """Its mark first: a removal that is cut short leaves nothing that looks whole."""
        with contextlib.suppress(OSError):
            (self.path(name) / COMPLETE).unlink()
        shutil.rmtree(self.path(name), ignore_errors=True)


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _link(path: Path) -> str:
    try:
        return path.readlink().name
    except OSError:
        return ""
