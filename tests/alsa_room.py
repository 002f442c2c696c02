#!/usr/bin/env python3
"""A room between two FIFOs at the pace of time: ``alsa_room.py SPEAKER MIC DELAY_S GAIN OFFSET``.

What alsa-lib's ``file`` plugin plays into SPEAKER (mono int16, 16 kHz) comes out of MIC ``DELAY_S`` later, times
``GAIN`` plus ``OFFSET`` (of full scale), clipped as a converter does, with noise at -60 dB.
"""

from __future__ import annotations

import array
import fcntl
import os
import sys
import termios
import time

import numpy as np

RATE_HZ, STEP = 16_000, 1024
"""A period as rtva asks for it: the plugin takes what is there, and fills a period that is not whole with silence."""
BACKLOG_BYTES = 2048
"""What may wait unread in MIC; a device's newest sound is heard, not its oldest."""


def waiting(fifo: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(fifo, termios.FIONREAD, count)
    return count[0]


def main() -> None:
    speaker, mic = (os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in sys.argv[1:3])
    delay_s, gain, offset = map(float, sys.argv[3:6])
    rng = np.random.default_rng(7)
    air = np.zeros(0)
    due = time.monotonic()
    while True:
        try:
            played = np.frombuffer(os.read(speaker, 1 << 16), "<i2").astype(float)
            if not air.size:
                air = np.zeros(int(delay_s * RATE_HZ))
            air = np.concatenate([air, played])
        except BlockingIOError:
            pass
        out, air = air[:STEP], air[STEP:]
        heard = gain * np.pad(out, (0, STEP - out.size)) + 32768 * offset + 32.8 * rng.standard_normal(STEP)
        if waiting(mic) <= BACKLOG_BYTES:
            os.write(mic, np.clip(np.rint(heard), -32768, 32767).astype("<i2").tobytes())
        due += STEP / RATE_HZ
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
