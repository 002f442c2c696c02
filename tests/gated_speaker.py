"""A loudspeaker that takes a period when the test lets it."""

from __future__ import annotations

import threading

from firmware_py.events import RATE_HZ, Pcm16


class GatedSpeaker:
    """Each of ``permits`` lets it accept one period; it remembers what it was given and told."""

    rate_hz = RATE_HZ
    period_samples = 100

    def __init__(self) -> None:
        self.written: list[Pcm16] = []
        self.calls: list[str] = []
        self.permits = threading.Semaphore(0)

    def write(self, pcm: Pcm16) -> None:
        assert self.permits.acquire(timeout=30)
        self.written.append(pcm)

    def delay_s(self) -> float:
        return 0.0

    def flush(self) -> None:
        self.calls.append("flush")

    def drain(self) -> None:
        self.calls.append("drain")
