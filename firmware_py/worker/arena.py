"""The memory that a worker shares with the service: samples cross here and nowhere else.

::

    0 ............ OUT_BYTES ............................ size
    worker -> service    service -> worker
    chunks, a ring       the arguments of one call; grows for long audio

Each worker has an arena of its own, made for it and gone with it, so one that is being killed cannot write
into its successor's. The file is sealed against shrinking: no access can ever fault.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadInput

OUT_BYTES = 4 << 20
"""95 s of speech at 22.05 kHz: an answer is made ahead of its playing without waiting for room."""
IN_BYTES = 4 << 20
"""65 s of float32 at 16 kHz, 131 s of int16."""
IN_BYTES_MOST = 256 << 20
"""An hour of float32 and some: what a whole recording may take."""

ALIGN = 64
DTYPES: dict[str, np.dtype[Any]] = {"int16": np.dtype(np.int16), "float32": np.dtype(np.float32)}


class Arena:
    """One end's view of the memory. ``fd`` None makes it; the worker attaches to the one it inherited."""

    def __init__(self, fd: int | None = None) -> None:
        self.fd = _make() if fd is None else fd
        self._map = mmap.mmap(self.fd, os.fstat(self.fd).st_size)
        self._put_at = OUT_BYTES

    def begin(self) -> None:
        """Forgets the arguments of the last call."""
        self._put_at = OUT_BYTES

    def put(self, samples: NDArray[Any]) -> list[Any]:
        """Copies an argument in and says where it lies. int16 stays, all else becomes float32.

        Raises BadInput for more than :data:`IN_BYTES_MOST`.
        """
        dtype = DTYPES["int16" if samples.dtype == np.int16 else "float32"]
        start, end = self._put_at, self._put_at + samples.size * dtype.itemsize
        self._grow(end)
        self._put_at = -(-end // ALIGN) * ALIGN
        np.frombuffer(self._map, dtype, samples.size, start)[:] = samples.reshape(-1)
        return [dtype.name, start, samples.size]

    def put_bytes(self, data: bytes) -> list[int]:
        """Copies anything else in, too long for a message, and says where it lies."""
        start, end = self._put_at, self._put_at + len(data)
        self._grow(end)
        self._put_at = -(-end // ALIGN) * ALIGN
        self._map[start:end] = data
        return [start, len(data)]

    def get_bytes(self, place: Any) -> bytes:
        """What :meth:`put_bytes` was given. ValueError if it cannot lie there."""
        start, size = int(place[0]), int(place[1])
        self._follow()
        if start < OUT_BYTES or size < 0 or start + size > len(self._map):
            raise ValueError(f"{size} bytes at {start} do not lie in the shared memory")
        return self._map[start : start + size]

    def get(self, place: Any) -> NDArray[Any]:
        """An argument, read-only and in place: it is valid until the call is answered. ValueError if it lies."""
        dtype, start, size = DTYPES[place[0]], int(place[1]), int(place[2])
        self._follow()
        if start < OUT_BYTES or size < 0 or start + size * dtype.itemsize > len(self._map):
            raise ValueError(f"samples at {start} do not lie in the shared memory")
        view: NDArray[Any] = np.frombuffer(self._map, dtype, size, start)
        view.flags.writeable = False
        return view

    def write_out(self, position: int, chunk: NDArray[np.int16]) -> None:
        """The worker's side of a chunk; ``position`` counts all bytes of a stream and wraps in the ring."""
        start = position % OUT_BYTES
        if start + chunk.nbytes > OUT_BYTES:
            raise ValueError("a chunk must not wrap")
        np.frombuffer(self._map, np.int16, chunk.size, start)[:] = chunk

    def read_out(self, position: int, count: int) -> NDArray[np.int16]:
        """A copy of ``count`` samples; ValueError when they cannot lie there."""
        start = position % OUT_BYTES
        if position < 0 or count < 0 or start + 2 * count > OUT_BYTES:
            raise ValueError(f"a chunk of {count} samples at {position} does not lie in the shared memory")
        chunk: NDArray[np.int16] = np.frombuffer(self._map, np.int16, count, start).copy()
        return chunk

    def close(self) -> None:
        """Safe to call twice. A view that is still held keeps the memory until it goes."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        with contextlib.suppress(BufferError):
            self._map.close()

    def _follow(self) -> None:
        if os.fstat(self.fd).st_size > len(self._map):
            self._map = mmap.mmap(self.fd, os.fstat(self.fd).st_size)

    def _grow(self, size: int) -> None:
        if size <= len(self._map):
            return
        if size - OUT_BYTES > IN_BYTES_MOST:
            raise BadInput(f"{(size - OUT_BYTES) >> 20} MiB of samples; at most {IN_BYTES_MOST >> 20} are allowed")
        os.ftruncate(self.fd, size)
        self._map = mmap.mmap(self.fd, size)


def _make() -> int:
    fd = os.memfd_create("rtva-worker", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, OUT_BYTES + IN_BYTES)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    return fd
