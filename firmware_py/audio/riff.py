"""The header of a WAV file, read without believing it.

libsndfile plays what it finds: a file cut in half, a size that points past the end. This reader refuses such
files before any sample is decoded. It reads at most :data:`MAX_CHUNKS` chunk headers, whatever the bytes say.
Source of the layout: RIFF/WAVE (Microsoft, 1991), WAVEFORMATEXTENSIBLE (Microsoft, 2001), RF64 (EBU Tech 3306).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from firmware_py.errors import BadInput

MAX_CHUNKS = 1000
UNKNOWN = 0xFFFFFFFF
"""In both size fields: a stream whose writer could not go back (what ffmpeg writes into a pipe)."""

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
BITS = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), A_LAW: (8,), MU_LAW: (8,)}


@dataclass(frozen=True)
class WavHeader:
    """What a WAV file holds. ``data_start`` and ``data_bytes`` lie within the file."""

    coding: int
    channels: int
    rate_hz: int
    bits: int
    data_start: int
    data_bytes: int

    @property
    def frames(self) -> int:
        return self.data_bytes // (self.channels * self.bits // 8)


def read_wav_header(file: BinaryIO, file_bytes: int) -> WavHeader:
    """The header of a WAV file of ``file_bytes`` bytes; ``file`` is seekable and stands at its start.

    Raises BadInput (its message begins without the file's name) for a header that is cut off, contradicts
    itself or the file's size, names a coding that is not PCM, float, A-law or mu-law, or holds no sound.
    """
    return _Reader(file, file_bytes).read()


class _Reader:
    def __init__(self, file: BinaryIO, file_bytes: int) -> None:
        self.file = file
        self.file_bytes = file_bytes
        self.order = "<"
        self.riff_end = 0
        self.is_stream = False
        self.data_64: int | None = None

    def read(self) -> WavHeader:
        self._read_riff()
        coding: tuple[int, int, int, int] | None = None
        position = 12
        for _ in range(MAX_CHUNKS):
            name, size = self._chunk_at(position)
            if name == b"data":
                if coding is None:
                    raise BadInput("not a WAV file: its sound comes before its format")
                return self._header(coding, position + 8, size)
            if position + 8 + size > self.file_bytes:
                raise BadInput(f"cut off in its header, in the chunk {name.decode('latin-1')!r}")
            if name == b"fmt ":
                coding = self._coding(size)
            elif name == b"ds64" and size >= 16:
                riff_bytes, self.data_64 = struct.unpack("<QQ", self.file.read(16))
                self.riff_end = 8 + riff_bytes
            position += 8 + size + size % 2
        raise BadInput(f"not a WAV file: no sound within its first {MAX_CHUNKS} chunks")

    def _read_riff(self) -> None:
        magic, size, form = struct.unpack("<4sI4s", self._exactly(12))
        if magic not in (b"RIFF", b"RIFX", b"RF64") or form != b"WAVE":
            raise BadInput("not a WAV file")
        if magic == b"RIFX":
            self.order, size = ">", int.from_bytes(size.to_bytes(4, "little"), "big")
        self.is_stream = magic == b"RIFF" and size == UNKNOWN
        self.riff_end = self.file_bytes if self.is_stream else 8 + size

    def _chunk_at(self, position: int) -> tuple[bytes, int]:
        self.file.seek(position)
        name, size = struct.unpack(f"{self.order}4sI", self._exactly(8))
        return name, self.data_64 if name == b"data" and size == UNKNOWN and self.data_64 is not None else size

    def _exactly(self, count: int) -> bytes:
        data = self.file.read(count)
        if len(data) < count:
            raise BadInput("cut off in its header")
        return data

    def _coding(self, size: int) -> tuple[int, int, int, int]:
        if size < 16:
            raise BadInput("not a WAV file: its format chunk is too short")
        data = self.file.read(min(size, 40))
        coding, channels, rate_hz, _, frame_bytes, bits = struct.unpack(f"{self.order}HHIIHH", data[:16])
        if coding == EXTENSIBLE and len(data) >= 26:
            coding = struct.unpack(f"{self.order}H", data[24:26])[0]
        if coding not in BITS:
            raise BadInput(f"a WAV file in coding 0x{coding:04x}; what can be read is PCM, float, A-law and mu-law")
        if bits not in BITS[coding]:
            raise BadInput(f"a WAV file of {bits} bit; what can be read is {', '.join(map(str, BITS[coding]))} bit")
        if channels == 0 or frame_bytes != channels * bits // 8:
            raise BadInput(f"contradicts itself: {channels} channels of {bits} bit in frames of {frame_bytes} bytes")
        return coding, channels, rate_hz, bits

    def _header(self, coding: tuple[int, int, int, int], start: int, size: int) -> WavHeader:
        there = self.file_bytes - start
        if self.is_stream and size == UNKNOWN:
            size = there
        if size > there:
            raise BadInput(
                f"{size - there} bytes are missing: the header promises {size} bytes of sound, the file holds {there}"
            )
        self._check_riff_size(start + size)
        header = WavHeader(*coding, data_start=start, data_bytes=size)
        if header.frames == 0:
            more = f", though {there - size} bytes follow: its header was never completed" if there > size else ""
            raise BadInput(f"holds no sound{more}")
        self._check_what_follows(start + size)
        return header

    def _check_riff_size(self, data_end: int) -> None:
        # One byte is forgiven: writers disagree on whether the last chunk's padding counts.
        if self.riff_end > self.file_bytes + 1:
            raise BadInput(f"{self.riff_end - self.file_bytes} bytes are missing: the file is cut off")
        if data_end > self.riff_end + 1:
            raise BadInput(
                f"contradicts itself: {data_end} bytes up to the end of its sound, {self.riff_end} in all by its header"
            )

    def _check_what_follows(self, data_end: int) -> None:
        """Behind the sound, inside the RIFF, stands another chunk or nothing: else the size was understated."""
        position = data_end + data_end % 2
        if self.is_stream or self.riff_end - position < 8:
            return
        name, size = self._chunk_at(position)
        if not all(32 <= c < 127 for c in name) or position + 8 + size > self.riff_end + 1:
            raise BadInput(
                f"contradicts itself: its sound ends at byte {data_end}, but {self.file_bytes - data_end} bytes"
                " that are no chunk follow"
            )
