"""Writes 16-bit mono WAV: a file as a whole or not at all, anything else as a stream."""

from __future__ import annotations

import os
import re
import secrets
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from firmware_py.audio.riff import UNKNOWN
from firmware_py.errors import NotFound, Unavailable
from firmware_py.events import Pcm16

HOLD_BYTES = 4 << 20
"""A stream's sizes cannot be filled in later: sound up to this (95 s at 22.05 kHz) is held, so that they are right."""

MAX_BYTES = UNKNOWN - 44


def write_wav(target: str | Path, rate_hz: int, chunks: Iterable[Pcm16]) -> int:
    """Writes int16 mono chunks as WAV, whatever the name of ``target``; returns the samples written.

    A regular file appears under its name when it is complete, and not at all when anything fails. A target that
    is not a regular file (a FIFO, ``/dev/stdout``) is written directly, with sizes of 0xFFFFFFFF when there is more
    than :data:`HOLD_BYTES`. Raises NotFound when the folder is not there, Unavailable when it cannot be written.
    """
    target = Path(target)
    source = _Source(chunks)
    try:
        if _is_stream(target):
            with _open_stream(target) as file:
                return _write_stream(file, rate_hz, source)
        with _replacing(target) as file:
            return _write_file(file, rate_hz, source)
    except (OSError, ValueError) as error:
        if error is source.error:
            raise
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise NotFound(f"{target}: no such folder {str(target.parent)!r}") from error
        raise Unavailable(f"{target}: cannot be written: {getattr(error, 'strerror', None) or error}") from error


class _Source:
    """The chunks as little-endian bytes; remembers an error of theirs, which is not one of the target."""

    def __init__(self, chunks: Iterable[Pcm16]) -> None:
        self.error: Exception | None = None
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                yield chunk.astype("<i2", copy=False).tobytes()
        except Exception as error:
            self.error = error
            raise


def wav_header(rate_hz: int, data_bytes: int) -> bytes:
    """The 44 bytes in front of ``data_bytes`` of 16-bit mono; UNKNOWN for a stream."""
    riff_bytes = data_bytes if data_bytes == UNKNOWN else 36 + data_bytes
    format_chunk = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + format_chunk + struct.pack("<4sI", b"data", data_bytes)


def _is_stream(target: Path) -> bool:
    """Whether to write in place. A name under /dev or /proc is never replaced, even when it leads to a regular file."""
    if re.match(r"/(dev|proc)(/|$)", os.path.abspath(target)):  # noqa: PTH100 - must not follow links
        return True
    try:
        return not stat.S_ISREG(target.stat().st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _open_stream(target: Path) -> Iterator[BinaryIO]:
    # An inherited descriptor is duplicated: opening /dev/stdout anew fails on a socket and rewinds a file.
    own = re.fullmatch(r"/dev/(stdout|stderr)|/(?:dev|proc/self)/fd/(\d+)", str(target))
    if own:
        number = int(own[2]) if own[2] else {"stdout": 1, "stderr": 2}[own[1]]
        handle = os.dup(number)
    else:
        handle = os.open(target, os.O_WRONLY | os.O_CLOEXEC)
    with os.fdopen(handle, "wb", buffering=0) as file:
        yield file


def _write_stream(file: BinaryIO, rate_hz: int, chunks: Iterable[bytes]) -> int:
    held, count, is_open = bytearray(), 0, False
    for data in chunks:
        count += len(data)
        if is_open:
            _write_all(file, data)
            continue
        held += data
        if len(held) > HOLD_BYTES:
            _write_all(file, wav_header(rate_hz, UNKNOWN) + held)
            held, is_open = bytearray(), True
    if not is_open:
        _write_all(file, wav_header(rate_hz, count) + held)
    return count // 2


def _write_all(file: BinaryIO, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A file beside the target that takes its place when the block ends well."""
    real = Path(os.path.realpath(target))
    if real.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(target))
    part = real.with_name(f".rtva-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            if real.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(real.stat().st_mode))
            os.fsync(file.fileno())
        part.replace(real)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_file(file: BinaryIO, rate_hz: int, chunks: Iterable[bytes]) -> int:
    file.write(wav_header(rate_hz, 0))
    count = 0
    for data in chunks:
        count += len(data)
        if count > MAX_BYTES:
            raise OSError(27, "more sound than a WAV file holds (4 GiB)")
        file.write(data)
    file.seek(0)
    file.write(wav_header(rate_hz, count))
    return count // 2
