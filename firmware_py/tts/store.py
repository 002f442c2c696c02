"""Rendered speech kept in memory and in a folder, bounded in both, the least recently used going first."""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import tempfile
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_py.events import Pcm16

LOG = logging.getLogger(__name__)
SUFFIX = ".speech"
_HEADER = struct.Struct("<8sII")
_MAGIC = b"rtvaSP1\n"
_REMEMBER_USE_S = 86_400
"""A use is written to the file's time at most once a day: a hit must not wear out an SD card."""


@dataclass(frozen=True)
class Bounds:
    """How much is kept: bytes of sound in memory and of files in the folder."""

    memory_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20

    @classmethod
    def of_megabytes(cls, memory_mb: float, disk_mb: float) -> Bounds:
        """From the numbers of a configuration."""
        return cls(int(memory_mb * (1 << 20)), int(disk_mb * (1 << 20)))


@dataclass(frozen=True)
class StoreStats:
    """What is in a store now."""

    memory_entries: int
    memory_bytes: int
    disk_entries: int
    disk_bytes: int
    disk_errors: int


def key_of(*parts: str) -> str:
    """The name of a rendering: sha256 over its parts, each with its length, so that no two lists collide."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


class SpeechStore:
    """Sound by name (hex digits, :func:`key_of`). Never raises for a disk that is full, missing or wrong: such a
    file is a miss, is counted in ``disk_errors``, and the first is logged. ``folder`` None keeps everything in
    memory. Thread-safe; the disk is never touched under the lock.
    """

    def __init__(self, folder: Path | None = None, bounds: Bounds | None = None) -> None:
        self.folder = folder
        self.bounds = bounds or Bounds()
        self._memory: OrderedDict[str, Pcm16] = OrderedDict()
        self._memory_bytes = 0
        self._disk_errors = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Pcm16 | None:
        """The sound under ``key``, read-only, or None."""
        with self._lock:
            pcm = self._memory.get(key)
            if pcm is not None:
                self._memory.move_to_end(key)
                return pcm
        pcm = self._read(key)
        if pcm is not None:
            self._remember(key, pcm)
        return pcm

    def put(self, key: str, pcm: Pcm16, *, persist: bool = True) -> None:
        """Keep a copy of ``pcm`` instead of what was there; in the folder too when ``persist``. What is beyond the
        bounds by itself is not kept."""
        copy = np.array(pcm, np.int16)
        copy.flags.writeable = False
        self._remember(key, copy)
        if not persist or self.folder is None:
            return
        if copy.nbytes <= self.bounds.disk_bytes:
            self._write(self.folder, key, copy)
        elif (old := self.folder / (key + SUFFIX)).exists():
            self._remove(old)

    def stats(self) -> StoreStats:
        """Counts and sizes; reads the folder."""
        sizes = [size for _, size, _ in self._files()]
        with self._lock:
            return StoreStats(len(self._memory), self._memory_bytes, len(sizes), sum(sizes), self._disk_errors)

    def memory_counts(self) -> dict[str, int]:
        """The part of :meth:`stats` that costs no look at the disk."""
        with self._lock:
            return {
                "memory_entries": len(self._memory),
                "memory_bytes": self._memory_bytes,
                "disk_errors": self._disk_errors,
            }

    def clear(self) -> int:
        """Forget everything; returns how many files were removed."""
        with self._lock:
            self._memory.clear()
            self._memory_bytes = 0
        return sum(self._remove(path) for path, _, _ in self._files())

    def _remember(self, key: str, pcm: Pcm16) -> None:
        with self._lock:
            self._memory_bytes -= getattr(self._memory.pop(key, None), "nbytes", 0)
            if pcm.nbytes > self.bounds.memory_bytes:
                return
            self._memory_bytes += pcm.nbytes
            self._memory[key] = pcm
            while self._memory_bytes > self.bounds.memory_bytes:
                self._memory_bytes -= self._memory.popitem(last=False)[1].nbytes

    def _read(self, key: str) -> Pcm16 | None:
        if self.folder is None:
            return None
        path = self.folder / (key + SUFFIX)
        try:
            pcm = _decode(path.read_bytes())
            if pcm is not None and time.time() - path.stat().st_mtime > _REMEMBER_USE_S:
                os.utime(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._fault("read", path, error)
            return None
        if pcm is None:
            self._fault("use", path, ValueError("it is damaged"))
            self._remove(path)
        return pcm

    def _write(self, folder: Path, key: str, pcm: Pcm16) -> None:
        name = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
                name = file.name
                file.write(_encode(pcm))
            Path(name).replace(folder / (key + SUFFIX))
        except OSError as error:
            self._fault("write", folder, error)
            if name is not None:
                self._remove(Path(name))
            return
        self._evict()

    def _evict(self) -> None:
        files = sorted(self._files(), key=lambda f: f[2])
        total = sum(size for _, size, _ in files)
        for path, size, _ in files:
            if total <= self.bounds.disk_bytes:
                return
            total -= size * self._remove(path)

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Path, bytes and time of use of each file, left-over parts of a killed writer included."""
        try:
            found = sorted(self.folder.iterdir()) if self.folder is not None else []
        except OSError:
            return
        for path in found:
            if path.suffix in (SUFFIX, ".part"):
                try:
                    state = path.stat()
                except OSError:
                    continue
                yield path, state.st_size, state.st_mtime

    def _remove(self, path: Path) -> bool:
        try:
            path.unlink()
        except OSError:
            return False
        return True

    def _fault(self, what: str, path: Path, error: Exception) -> None:
        with self._lock:
            self._disk_errors += 1
            is_first = self._disk_errors == 1
        reason = getattr(error, "strerror", None) or error
        LOG.log(logging.WARNING if is_first else logging.DEBUG, "rendered speech: cannot %s %s: %s", what, path, reason)


def _encode(pcm: Pcm16) -> bytes:
    data = pcm.astype("<i2", copy=False).tobytes()
    return _HEADER.pack(_MAGIC, pcm.size, zlib.crc32(data)) + data


def _decode(data: bytes) -> Pcm16 | None:
    if len(data) < _HEADER.size:
        return None
    magic, size, checksum = _HEADER.unpack_from(data)
    body = data[_HEADER.size :]
    if magic != _MAGIC or len(body) != size * 2 or zlib.crc32(body) != checksum:
        return None
    return np.frombuffer(body, "<i2").astype(np.int16, copy=False)
