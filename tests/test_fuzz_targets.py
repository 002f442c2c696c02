"""Hypothesis twins of the fuzzers, and the corpus through every target: nothing of a stranger's is an exception."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parent / "fuzz"))

import targets
from targets import CORPUS, TARGETS

SEEDS = {name: [file.read_bytes() for file in sorted((CORPUS / name).iterdir())] for name in TARGETS}
FILES = [(name, file) for name in TARGETS for file in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize(("name", "file"), FILES, ids=lambda value: getattr(value, "name", value))
def test_the_corpus(name: str, file: Path) -> None:
    TARGETS[name](file.read_bytes())


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """A seed with some pieces cut, doubled, replaced or put in: what a fuzzer does, without its memory."""
    data = bytearray(draw(st.sampled_from(SEEDS[name])))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 24))
        new = draw(st.sampled_from([b"", bytes(data[at : at + length]) * 2]) | st.binary(max_size=12))
        data[at : at + length] = new
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_nearly_right(name: str) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated(name))
    def twin(data: bytes) -> None:
        TARGETS[name](data)

    twin()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_anything(name: str) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
    def twin(data: bytes) -> None:
        TARGETS[name](data)

    twin()


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"RIFF", b"RIFX", b"RF64"]),
    st.lists(
        st.tuples(
            st.sampled_from([b"fmt ", b"data", b"ds64", b"LIST", b"fact"]),
            st.integers(0, 80) | st.sampled_from([0xFFFFFFFF, 0x80000000]),
            st.binary(max_size=60),
        ),
        max_size=6,
    ),
    st.integers(0, 400) | st.just(0xFFFFFFFF),
)
def test_wav_files_of_chunks_whose_sizes_lie(magic: bytes, chunks: list[tuple[bytes, int, bytes]], size: int) -> None:
    order = ">" if magic == b"RIFX" else "<"
    body = b"".join(name + struct.pack(f"{order}I", length) + data for name, length, data in chunks)
    targets.wav_reader(magic + struct.pack(f"{order}I", size) + b"WAVE" + body)


WORDS = ["status", "say ", "volume ", "+5", "\r", "\n", "\0", "é", "x" * 300, "mute", "capture on "]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_serial_lines_of_known_words(words: list[str]) -> None:
    targets.serial_line("".join(words).encode())
