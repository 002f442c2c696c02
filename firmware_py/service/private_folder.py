"""A bounded folder of sound with its JSON that only its user may open, and that empties itself."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_py.audio.wav import write_wav
from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, Pcm16

KEEP_S = 24 * 3600.0
"""Whatever was stored is deleted this long after it was written, by the wall clock."""


@dataclass(frozen=True)
class Bounds:
    """The most that lies on the disk; the oldest make room for a new one."""

    turns: int = 200
    size_bytes: int = 100 << 20


class PrivateFolder:
    """One thread writes pairs ``PREFIX-TIME-N.wav`` and ``.json`` of the same name, each whole or absent, mode 0600.

    The folder is made with mode 0700. With ``is_ours`` it must be this user's, and is closed to others if it was open.
    """

    def __init__(
        self, path: Path, prefix: str, bounds: Bounds, wall: Callable[[], float] = time.time, is_ours: bool = True
    ) -> None:
        self.path = path
        self._prefix, self._bounds, self._wall, self._is_ours = prefix, bounds, wall, is_ours
        self._number = 0

    def write_pair(self, sound: Iterable[Pcm16], told: Callable[[], bytes]) -> Path:
        """Stores sound and then what ``told()`` says, both or neither; returns the JSON file.

        Raises OSError or RtvaError, as on a full disk.
        """
        self.prepare()
        self._number += 1
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._wall()))
        name = f"{self._prefix}-{stamp}-{os.getpid()}-{self._number:06d}"
        try:
            with self._appearing(f"{name}.wav") as part:
                write_wav(part, RATE_HZ, sound)
            with self._appearing(f"{name}.json") as part:
                part.write_bytes(told())
        except BaseException:
            for ending in (".wav", ".json"):
                (self.path / f"{name}{ending}").unlink(missing_ok=True)
            raise
        return self.path / f"{name}.json"

    def purge(self) -> int:
        """Deletes what is older than :data:`KEEP_S` and what a power cut left half written; returns how many files.

        A file from further in the future than that was dated by a clock that was wrong, and goes too.
        """
        now = self._wall()
        old = [f for f, s in self._files("*") if f.name.startswith(".") or abs(now - s.st_mtime) >= KEEP_S]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def prepare(self) -> None:
        """Makes the folder. Raises OSError, Unavailable."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._is_ours:
            return
        found = self.path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise Unavailable(f"{self.path}: not a folder of this user")
        self.path.chmod(0o700)

    @contextlib.contextmanager
    def _appearing(self, name: str) -> Any:
        """A hidden file of mode 0600 that gets its name when the block ends well, so that no reader sees half of it."""
        part = self.path / f".{name}"
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            yield part
            part.replace(self.path / name)
        finally:
            part.unlink(missing_ok=True)

    def make_room(self, size_bytes: int) -> None:
        """Deletes the oldest until another pair of this size is within the bounds."""
        self.prepare()
        pairs: dict[str, list[tuple[Path, os.stat_result]]] = {}
        for file, found in sorted(self._files("*"), key=lambda f: (f[1].st_mtime_ns, f[0].name)):
            pairs.setdefault(file.stem, []).append((file, found))
        total = size_bytes + sum(found.st_size for files in pairs.values() for _, found in files)
        while pairs and (len(pairs) >= self._bounds.turns or total > self._bounds.size_bytes):
            for file, found in pairs.pop(next(iter(pairs))):
                file.unlink(missing_ok=True)
                total -= found.st_size

    def _files(self, pattern: str) -> list[tuple[Path, os.stat_result]]:
        """Files of ours; what somebody else put there is left alone."""
        files: list[tuple[Path, os.stat_result]] = []
        if self.path.is_symlink():
            return files
        for start in (f"{self._prefix}-", f".{self._prefix}-", ".rtva-"):
            for file in self.path.glob(start + pattern):
                with contextlib.suppress(FileNotFoundError):
                    files.append((file, file.lstat()))
        return files
