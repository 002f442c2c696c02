"""The microphone as a service needs it: it can be shut, and a device that goes away is opened again.

To the walk it is one microphone that never ends. Shut means that the capture device is closed. When sound stops for
either reason the walk gets a tail of silence, at the pace of time, so that an open utterance comes to its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from firmware_py.errors import RtvaError
from firmware_py.events import RATE_HZ, Pcm16
from firmware_py.ports import Microphone
from firmware_py.status.board import Ear

TAIL_BLOCK = 320
FIRST_RETRY_S = 0.25
LAST_RETRY_S = 5.0


class MicrophoneGate:
    """Fills the Microphone port. ``read`` belongs to the capture thread, the rest to anyone.

    ``on_change(ear, reason)`` is called in the capture thread: CLOSED after the device is closed, so it is a fact that
    no sample flows. ``absent`` are samples (16 kHz) of the time without a device; ``lost`` has them too, so that
    ``frames in + lost = rate * time`` holds. ``ticks`` rises as long as the thread lives, with a device or without.
    """

    def __init__(
        self,
        open_device: Callable[[], Microphone],
        *,
        tail_ms: int = 1000,
        on_change: Callable[[Ear, str], None] = lambda ear, reason: None,
        device: Microphone | None = None,
    ) -> None:
        self.ticks = 0
        self.lost = 0
        self.absent = 0
        self.reopened = 0
        self.why_lost = ""
        self._open_device, self._on_change = open_device, on_change
        self._tail_samples = tail_ms * RATE_HZ // 1000
        self._device = device
        self._reasons: dict[str, str] = {}
        self._tail = 0
        self._lost_before = 0
        self._gone_ns: int | None = None
        self._retry_s = FIRST_RETRY_S
        self._ear: Ear | None = None
        self._wake = threading.Event()
        self._is_closing = threading.Event()

    @property
    def is_shut(self) -> bool:
        """Whether anyone wants it shut; that it is, ``on_change`` tells."""
        return bool(self._reasons)

    @property
    def why_shut(self) -> str:
        """In words, "" when nobody wants it shut."""
        return ", ".join(self._reasons.values())

    def shut(self, by: str, reason: str) -> None:
        """Closes the device as soon as the read in progress is over; what that read brings is thrown away."""
        self._reasons = {**self._reasons, by: reason}
        self._wake.set()

    def open(self, by: str) -> None:
        """Takes back what ``by`` asked; the device opens when nobody wants it shut."""
        self._reasons = {name: why for name, why in self._reasons.items() if name != by}
        self._wake.set()

    def read(self) -> Pcm16 | None:
        """The next block; None once closed, or at the end of a recording."""
        while not self._is_closing.is_set():
            self.ticks += 1
            block = self._tail_block()
            if block is not None:
                return block
            if self._reasons:
                self._stand_by()
            elif self._device is not None or self._try_open():
                block, is_over = self._read_device()
                if block is not None or is_over:
                    return block
        self._put_away()
        return None

    def adopt(self, device: Microphone) -> None:
        """Reads this open device first; only before the first ``read``."""
        self._device = device

    def close(self) -> None:
        """Lets ``read`` return; the device is closed by the thread that reads it."""
        self._is_closing.set()
        self._wake.set()

    def _read_device(self) -> tuple[Pcm16 | None, bool]:
        assert self._device is not None
        try:
            block = self._device.read()
        except (RtvaError, OSError) as error:
            self._put_away()
            self._say(Ear.LOST, str(error))
            return None, False
        if self._reasons and block is not None:
            return None, False
        if block is not None:
            self._count_absence(block.size)
            self.lost = self._lost_before + self.absent + self._device.lost
            self._say(Ear.OPEN, "")
        return block, block is None

    def _stand_by(self) -> None:
        self._put_away()
        self._say(Ear.CLOSED, self.why_shut)
        if not self._tail:
            self._pause(0.5)

    def _try_open(self) -> bool:
        try:
            device = self._open_device()
        except (RtvaError, OSError) as error:
            self._say(Ear.LOST, str(error))
            self._pause(self._retry_s)
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
            return False
        self._device = device
        self.reopened += 1
        return True

    def _put_away(self) -> None:
        """Closes the device; the utterance that was open gets its tail."""
        device, self._device = self._device, None
        if device is None:
            return
        self._lost_before += device.lost
        device.close()
        self._gone_ns = time.monotonic_ns()
        self._retry_s = FIRST_RETRY_S
        self._tail = 0 if self._is_closing.is_set() else self._tail_samples

    def _tail_block(self) -> Pcm16 | None:
        if self._tail <= 0:
            return None
        self._tail -= TAIL_BLOCK
        self._is_closing.wait(TAIL_BLOCK / RATE_HZ)
        if self._gone_ns is not None:
            self._gone_ns += TAIL_BLOCK * 1_000_000_000 // RATE_HZ
        return np.zeros(TAIL_BLOCK, np.int16)

    def _count_absence(self, samples: int) -> None:
        """The time between the last sample (or tail) and the first of this block."""
        self._retry_s = FIRST_RETRY_S
        if self._gone_ns is not None:
            gap = (time.monotonic_ns() - self._gone_ns) * RATE_HZ // 1_000_000_000 - samples
            self.absent += max(0, gap)
            self._gone_ns = None

    def _pause(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def _say(self, ear: Ear, reason: str) -> None:
        self.why_lost = reason if ear is Ear.LOST else ""
        if ear is not self._ear:
            self._ear = ear
            self._on_change(ear, reason)
