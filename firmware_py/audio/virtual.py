"""A speaker where there is none: it takes sound as a device of the configured size would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from firmware_py.audio.clock import MONOTONIC, SECOND_NS, Clock
from firmware_py.events import Pcm16

PERIODS = 4


class VirtualSpeaker:
    """Plays into ``on_samples``, which gets each int16 block once it can no longer be flushed.

    At pace ``real`` a device of ``buffer_size`` samples is imitated: a write is accepted at once while there is
    room, and then waits for the sound to be played. At ``fast`` nothing waits. ``underruns`` counts the times the
    buffer ran empty between two writes; ``played`` the samples that were heard, ``flushed`` those that were not.
    """

    def __init__(
        self,
        rate_hz: int,
        *,
        pace: Literal["real", "fast"] = "real",
        buffer_size: int = 2048,
        on_samples: Callable[[Pcm16], object] | None = None,
        clock: Clock = MONOTONIC,
    ) -> None:
        self.rate_hz = rate_hz
        self.buffer_size = buffer_size
        self.period_samples = max(1, buffer_size // PERIODS)
        self.underruns = 0
        self.played = 0
        self.flushed = 0
        self._is_paced = pace == "real"
        self._on_samples = on_samples or (lambda pcm: None)
        self._clock = clock
        self._queue: list[Pcm16] = []
        self._queued = 0
        self._since_ns = 0

    def write(self, pcm: Pcm16) -> None:
        if self._is_paced:
            for start in range(0, pcm.size, self.period_samples):
                self._accept(pcm[start : start + self.period_samples])
        else:
            self._hear(pcm)

    def delay_s(self) -> float:
        """The configured buffer while anything is playing, 0 when nothing is: what a device kept full would say."""
        self._advance()
        return max(self._queued, self.buffer_size) / self.rate_hz if self._queued else 0.0

    def flush(self) -> None:
        self._advance()
        self.flushed += self._queued
        self._queue.clear()
        self._queued = 0

    def drain(self) -> None:
        self._advance()
        while self._queued:
            self._sleep_for(self._queued)
            self._advance()

    def close(self) -> None:
        self.flush()

    def _accept(self, piece: Pcm16) -> None:
        was_playing = self._queued > 0
        self._advance()
        while self._queued + piece.size > self.buffer_size:
            self._sleep_for(self._queued + piece.size - self.buffer_size)
            self._advance()
        if not self._queued:
            self.underruns += was_playing
            self._since_ns = self._clock.now_ns()
        self._queue.append(piece.copy())
        self._queued += piece.size

    def _advance(self) -> None:
        """Hands on what has been played since the last look."""
        if not self._queued:
            return
        passed = (self._clock.now_ns() - self._since_ns) * self.rate_hz // SECOND_NS
        passed = min(passed, self._queued)
        self._since_ns += passed * SECOND_NS // self.rate_hz
        self._queued -= passed
        while passed:
            first = self._queue.pop(0)
            if first.size > passed:
                self._queue.insert(0, first[passed:])
                first = first[:passed]
            passed -= first.size
            self._hear(first)

    def _hear(self, pcm: Pcm16) -> None:
        self.played += pcm.size
        self._on_samples(pcm)

    def _sleep_for(self, samples: int) -> None:
        self._clock.sleep(samples / self.rate_hz)
