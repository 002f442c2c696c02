"""Log lines go out beside whoever logs: a reader that stands still costs lines, never the walk."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator

import pytest
from status_lab import eventually

from firmware_py.telemetry.line_writer import FLUSH_S, LineWriter

MOST = 50


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for number in (reader, writer):
        with contextlib.suppress(OSError):
            os.close(number)


def fill(writer: int) -> int:
    """Until nothing more goes in; how many bytes that took."""
    os.set_blocking(writer, False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writer, b"x" * 512)
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writer, b"x")
    os.set_blocking(writer, True)
    return filled


@contextlib.contextmanager
def writing(writer: int) -> Iterator[LineWriter]:
    handler = LineWriter(writer, lambda count: f"{count} dropped", MOST)
    try:
        yield handler
    finally:
        handler.close()


def log(handler: LineWriter, words: str) -> None:
    handler.emit(logging.LogRecord("rtva", logging.INFO, "", 0, words, None, None))


def test_lines_come_in_their_order_long_ones_whole(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with writing(writer) as handler:
        for number in range(5):
            log(handler, f"{number}" + "y" * 9000 * (number == 2))
        handler.flush()
        said = os.read(reader, 1 << 16).decode().split()
    assert [line[0] for line in said] == list("01234") and len(said[2]) == 9001 and handler.dropped == 0


def test_nobody_waits_for_a_full_pipe_and_what_was_dropped_is_told(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    filled = fill(writer)
    with writing(writer) as handler:
        for number in range(3 * MOST):
            log(handler, f"line-{number}")  # would never return if it wrote
        assert 2 * MOST - 1 <= handler.dropped <= 2 * MOST
        heard = bytearray()

        def has_told() -> bool:
            heard.extend(os.read(reader, 1 << 16))
            return b"dropped" in heard

        eventually(has_told, "how many were dropped", 10)
        said = heard[filled:].decode().splitlines()
    assert said[:-1] == [f"line-{n}" for n in range(3 * MOST - handler.dropped)]
    assert said[-1] == f"{handler.dropped} dropped"


def test_the_end_waits_a_moment_for_who_reads_and_no_longer(pipe: tuple[int, int]) -> None:
    fill(pipe[1])
    with writing(pipe[1]) as handler:
        log(handler, "unread")
        started = time.monotonic()
        handler.close()
        assert time.monotonic() - started < FLUSH_S + 20
    eventually(lambda: not handler._thread.is_alive(), "the end of its thread", 10)


def test_a_reader_that_left_costs_the_lines_alone(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    with writing(pipe[1]) as handler:
        for _ in range(3):
            log(handler, "for nobody")
        handler.flush()
        assert handler.dropped == 3 and handler._thread.is_alive()
