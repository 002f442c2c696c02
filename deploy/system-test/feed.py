#!/usr/bin/env python3
"""Speaks recordings into a FIFO at the pace of time, as a sound card would: ``feed.py FIFO ORDERS``.

alsa-lib's ``file`` plugin reads the FIFO as a capture device. A quiet room flows until a line of ORDERS names a raw
recording (mono int16, 16 kHz); then that. Both ends stay open here, so that the device may be closed and opened again;
what nobody reads is thrown away.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

BLOCK_BYTES = 2048
"""One period of 1024 samples, and less than PIPE_BUF: a block arrives whole or not at all."""
QUIET = bytes(2 * [1, 0, 0, 0, 255, 255, 0, 0, 2, 0, 254, 255, 0, 0, 0, 0]) * (BLOCK_BYTES // 32)
"""A step or two of noise: what delivers one value for seconds is taken for a dead microphone."""
BLOCK_S = BLOCK_BYTES / 2 / 16_000


def put(fifo: int, block: bytes) -> None:
    """Writes a block; makes room by dropping the oldest."""
    while True:
        try:
            os.write(fifo, block)
            return
        except BlockingIOError:
            os.read(fifo, BLOCK_BYTES)


def main() -> None:
    fifo = os.open(sys.argv[1], os.O_RDWR | os.O_NONBLOCK)
    orders, done, waiting = Path(sys.argv[2]), 0, b""
    due = time.monotonic()
    while True:
        lines = orders.read_text("utf-8").splitlines() if orders.exists() else []
        if not waiting and len(lines) > done:
            waiting = Path(lines[done]).read_bytes()
            done += 1
        block, waiting = waiting[:BLOCK_BYTES], waiting[BLOCK_BYTES:]
        put(fifo, block + QUIET[len(block) :])
        due += BLOCK_S
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
