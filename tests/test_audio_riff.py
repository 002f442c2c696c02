"""The WAV header reader: any bytes are a recording or a BadInput, and a header that lies is found out."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.audio.recording import load
from firmware_py.audio.riff import MAX_CHUNKS, UNKNOWN, WavHeader, read_wav_header
from firmware_py.errors import BadInput

SOUND = np.arange(1000, dtype="<i2").tobytes()


def chunk(name: bytes, data: bytes, size: int | None = None, order: str = "<") -> bytes:
    return struct.pack(f"{order}4sI", name, len(data) if size is None else size) + data + b"\0" * (len(data) % 2)


def fmt(coding: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16, frame: int | None = None) -> bytes:
    frame = channels * bits // 8 if frame is None else frame
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, channels, rate, rate * frame, frame, bits))


def riff(*chunks: bytes, size: int | None = None, magic: bytes = b"RIFF", order: str = "<") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return struct.pack(f"{order}4sI", magic, len(body) if size is None else size) + body


def header(data: bytes) -> WavHeader:
    return read_wav_header(io.BytesIO(data), len(data))


GOOD = riff(fmt(), chunk(b"data", SOUND))


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        GOOD + b"garbage behind the end",
        riff(chunk(b"LIST", b"odd"), fmt(), chunk(b"fact", b"1234"), chunk(b"data", SOUND), chunk(b"LIST", b"x" * 30)),
        riff(fmt(), chunk(b"data", SOUND, UNKNOWN), size=UNKNOWN),
        riff(fmt(), chunk(b"data", SOUND + b"\1"))[:-1],
        riff(
            chunk(b"ds64", struct.pack("<QQQI", 4 + 36 + 24 + 8 + 2000, 2000, 1000, 0)),
            fmt(),
            chunk(b"data", SOUND, UNKNOWN),
            magic=b"RF64",
            size=UNKNOWN,
        ),
    ],
    ids=["plain", "garbage behind", "other chunks", "a stream", "no padding", "RF64"],
)
def test_a_good_header_is_read_and_the_sound_found(tmp_path: Path, data: bytes) -> None:
    found = header(data)
    assert (found.coding, found.channels, found.rate_hz, found.bits, found.frames) == (1, 1, 16000, 16, 1000)
    assert data[found.data_start :][:2000] == SOUND
    (tmp_path / "a.wav").write_bytes(data)
    np.testing.assert_array_equal(load(tmp_path / "a.wav"), np.arange(1000))


def test_a_big_endian_file_is_read(tmp_path: Path) -> None:
    sound = np.arange(1000, dtype=">i2").tobytes()
    format_chunk = chunk(b"fmt ", struct.pack(">HHIIHH", 1, 1, 16000, 32000, 2, 16), order=">")
    (tmp_path / "a.wav").write_bytes(riff(format_chunk, chunk(b"data", sound, order=">"), magic=b"RIFX", order=">"))
    np.testing.assert_array_equal(load(tmp_path / "a.wav"), np.arange(1000))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"RIFF", "cut off in its header"),
        (GOOD[:11], "cut off in its header"),
        (GOOD[:30], "cut off in its header"),
        (GOOD[:36], "cut off in its header"),
        (riff(chunk(b"LIST", b"", 5000)), "cut off in its header, in the chunk 'LIST'"),
        (GOOD[:-1], "1 bytes are missing: the header promises 2000 bytes of sound, the file holds 1999"),
        (GOOD[:1000], "1044 bytes are missing"),
        (riff(fmt(), chunk(b"data", SOUND, 10**9)), "999998000 bytes are missing"),
        (riff(fmt(), chunk(b"data", SOUND, UNKNOWN)), "bytes are missing"),
        (riff(fmt(), chunk(b"data", SOUND, UNKNOWN - 1), size=UNKNOWN), "bytes are missing"),
        (riff(fmt(), chunk(b"data", SOUND), size=10**9), "bytes are missing: the file is cut off"),
        (riff(fmt(), chunk(b"data", SOUND), size=100), "contradicts itself"),
        (riff(fmt(), chunk(b"data", SOUND), size=0), "contradicts itself"),
        (riff(fmt(), chunk(b"data", SOUND, 100)), "contradicts itself: its sound ends at byte 144"),
        (riff(fmt(), chunk(b"data", b"")), "holds no sound"),
        (riff(fmt(), chunk(b"data", b"\1")), "holds no sound"),
        (riff(fmt(), chunk(b"data", SOUND, 0)), "holds no sound, though 2000 bytes follow"),
        (riff(chunk(b"data", SOUND), fmt()), "before its format"),
        (riff(fmt()), "cut off in its header"),
        (riff(chunk(b"fmt ", b"short"), chunk(b"data", SOUND)), "format chunk is too short"),
        (riff(fmt(coding=17), chunk(b"data", SOUND)), "coding 0x0011"),
        (riff(fmt(bits=12), chunk(b"data", SOUND)), "of 12 bit"),
        (riff(fmt(channels=0), chunk(b"data", SOUND)), "0 channels"),
        (riff(fmt(frame=3), chunk(b"data", SOUND)), "frames of 3 bytes"),
        (riff(*[chunk(b"JUNK", b"")] * (MAX_CHUNKS + 1), fmt(), chunk(b"data", SOUND)), "no sound within its first"),
    ],
)
def test_a_header_that_lies_is_found_out(data: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        header(data)
    assert "\n" not in str(caught.value)


CHUNK_NAMES = st.sampled_from([b"fmt ", b"data", b"LIST", b"ds64", b"fact"])
FORMATS = st.builds(
    fmt,
    coding=st.sampled_from([1, 3, 6, 7, 17, 0xFFFE]),
    channels=st.integers(0, 40),
    rate=st.integers(0, 400_000),
    bits=st.sampled_from([0, 8, 12, 16, 24, 32, 64]),
)
CHUNKS = st.builds(chunk, CHUNK_NAMES, st.binary(max_size=300), st.none() | st.integers(0, 2**32 - 1))
FILES = st.builds(
    lambda parts, size, magic, end: riff(*parts, size=size, magic=magic) + end,
    st.lists(FORMATS | CHUNKS, max_size=6),
    st.none() | st.integers(0, 2**32 - 1),
    st.sampled_from([b"RIFF", b"RIFX", b"RF64"]),
    st.binary(max_size=40),
)


@settings(max_examples=400, deadline=None)
@given(data=FILES | st.binary(max_size=200) | st.builds(lambda cut: GOOD[:cut], st.integers(0, len(GOOD))))
def test_any_bytes_are_a_header_or_bad_input(data: bytes) -> None:
    try:
        found = header(data)
    except BadInput as error:
        assert "\n" not in str(error)
        return
    assert 0 < found.data_start <= found.data_start + found.data_bytes <= len(data)
    assert found.frames > 0


@settings(max_examples=150, deadline=None)
@given(data=FILES | st.binary(min_size=1, max_size=100).map(lambda tail: b"fLaC" + tail))
def test_any_file_is_decoded_or_bad_input(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(data)
    try:
        samples = load(path)
    except BadInput as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)
        return
    assert samples.dtype == np.int16
    assert samples.size > 0


def test_a_terabyte_of_chunks_costs_nothing(tmp_path: Path) -> None:
    """A sparse file whose chunks lead on for ever: the reader gives up after a fixed number of them."""
    path = tmp_path / "sparse.wav"
    with path.open("wb") as file:
        file.write(riff(size=UNKNOWN - 1))
        file.truncate(1 << 40)
    with pytest.raises(BadInput, match="no sound within"), path.open("rb") as file:
        try:
            read_wav_header(file, 1 << 40)
        finally:
            assert file.tell() <= 12 + 8 * MAX_CHUNKS
