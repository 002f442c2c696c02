"""Where a debug capture lies: a bounded folder that only the service's user may open, and that empties itself."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from firmware_py.audio.wav import write_wav
from firmware_py.errors import Unavailable
from firmware_py.events import RATE_HZ, TurnEvent, TurnTrace

KEEP_S = 24 * 3600.0
"""Whatever was captured is deleted this long after it was written, by the wall clock."""


@dataclass(frozen=True)
class Bounds:
    """The most that lies on the disk; the oldest turns make room for a new one."""

    turns: int = 200
    size_bytes: int = 100 << 20


class DebugFolder:
    """One thread writes. A turn is ``turn-TIME-N.wav`` and ``.json`` of the same name, each whole or absent."""

    def __init__(self, path: Path, bounds: Bounds | None = None, wall: Callable[[], float] = time.time) -> None:
        self.path = path
        self._bounds, self._wall = bounds or Bounds(), wall
        self._number = 0

    def write(self, event: TurnEvent, trace: TurnTrace | None, error: str = "") -> None:
        """Stores a turn, both files or neither. Raises OSError or RtvaError, as on a full disk."""
        self._prepare()
        text = json.dumps(turn_fields(event, trace, error), ensure_ascii=False, indent=1, default=plain).encode()
        self._make_room(event.audio.nbytes + len(text) + 44)
        self._number += 1
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._wall()))
        name = f"turn-{stamp}-{os.getpid()}-{self._number:06d}"
        try:
            with self._appearing(f"{name}.wav") as part:
                write_wav(part, RATE_HZ, [event.audio])
            with self._appearing(f"{name}.json") as part:
                part.write_bytes(text)
        except BaseException:
            for ending in (".wav", ".json"):
                (self.path / f"{name}{ending}").unlink(missing_ok=True)
            raise

    def purge(self) -> int:
        """Deletes what is older than :data:`KEEP_S` and what a power cut left half written; returns how many files.

        A file from further in the future than that was dated by a clock that was wrong, and goes too.
        """
        now = self._wall()
        old = [f for f, s in self._files("*") if f.name.startswith(".") or abs(now - s.st_mtime) >= KEEP_S]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def _prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
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

    def _make_room(self, size_bytes: int) -> None:
        turns: dict[str, list[tuple[Path, os.stat_result]]] = {}
        for file, found in sorted(self._files("*"), key=lambda f: (f[1].st_mtime_ns, f[0].name)):
            turns.setdefault(file.stem, []).append((file, found))
        total = size_bytes + sum(found.st_size for files in turns.values() for _, found in files)
        while turns and (len(turns) >= self._bounds.turns or total > self._bounds.size_bytes):
            for file, found in turns.pop(next(iter(turns))):
                file.unlink(missing_ok=True)
                total -= found.st_size

    def _files(self, pattern: str) -> list[tuple[Path, os.stat_result]]:
        """Files of ours; what somebody else put there is left alone."""
        files: list[tuple[Path, os.stat_result]] = []
        if self.path.is_symlink():
            return files
        for start in ("turn-", ".turn-", ".rtva-"):
            for file in self.path.glob(start + pattern):
                with contextlib.suppress(FileNotFoundError):
                    files.append((file, file.lstat()))
        return files


def turn_fields(event: TurnEvent, trace: TurnTrace | None, error: str = "") -> dict[str, Any]:
    """What the JSON beside the sound says; positions are samples at 16 kHz since the capture began."""
    return {
        "kind": event.kind.value,
        "start": event.start,
        "at": event.at,
        "speech_start": event.speech_start,
        "speech_end": event.speech_end,
        "error": error or None,
        "trace": _trace_fields(trace) if trace else None,
    }


def _trace_fields(trace: TurnTrace) -> dict[str, Any]:
    return {**{f.name: getattr(trace, f.name) for f in fields(trace)}, "marks_ms": trace.marks_ms()}


def plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
