"""The microphone as a service needs it: it can be shut, and a device that goes away is opened again.

To the walk it is one microphone that never ends. Shut means that the capture device is closed. When sound stops for
either reason the walk gets a tail of silence, at the pace of time, so that an open utterance comes to its end.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from firmware_py.audio.health import SoundHealth
from firmware_py.errors import DeviceBusy, DeviceLost, RtvaError
from firmware_py.events import RATE_HZ, Pcm16
from firmware_py.ports import Microphone
from firmware_py.service.opening import BLOCKED, Opening
from firmware_py.status.board import Ear

TAIL_BLOCK = 320
LOOK_S = 0.2
"""How often it is looked for while there is none."""
SILENT_FIRST_S, SILENT_LAST_S = 10.0, 600.0
"""A device that delivers one and the same value for so long is opened anew; each time in vain, twice as late."""

COUNTERS = {"overrun": "xruns", "rate": "rate_changes"}
"""A fault that a device heals itself, by the name under which a device counts it."""


@dataclass
class Hearing:
    """Who is told, and what is looked for; both in the capture thread, so both return at once.

    ``on_change(ear, reason)``: CLOSED only after the device is closed and while no attempt to open it is under way, so
    it is a fact that no sample flows.
    ``on_problem(name, value)``: what is delivered cannot be speech; the value None when that is over.
    ``on_fault(name, lost)``: a device healed itself, or was replaced, which cost so many samples (16 kHz).
    """

    on_change: Callable[[Ear, str], None] = lambda ear, reason: None
    on_problem: Callable[[str, float | None], None] = lambda name, value: None
    on_fault: Callable[[str, int], None] = lambda name, lost: None
    health: SoundHealth = field(default_factory=SoundHealth)


class MicrophoneGate:
    """Fills the Microphone port. ``read`` belongs to the capture thread, the rest to anyone.

    ``absent`` are samples (16 kHz) of the time without a device; ``lost`` has them too, so that
    ``frames in + lost = rate * time`` holds, and ``dropped`` has what devices lost alone; ``surplus`` are samples that
    came too many, from a device that runs faster than it said, and are to be taken off. ``ticks`` rises as long as the
    thread lives, with a device or without. ``faults`` counts what went wrong by name.
    """

    def __init__(
        self, open_device: Callable[[], Microphone], *, tail_ms: int = 1000, hearing: Hearing | None = None
    ) -> None:
        self.ticks = 0
        self.lost = self.surplus = self.dropped = 0
        self.reopened = 0
        self.why_lost = ""
        self.faults: Counter[str] = Counter()
        self.hearing = hearing or Hearing()
        self._opening: Opening[Microphone] = Opening(open_device)
        self._tail_samples = tail_ms * RATE_HZ // 1000
        self._device: Microphone | None = None
        self._reasons: dict[str, str] = {}
        self._tail = 0
        self._lost_before = self._surplus_before = 0
        self._seen: Counter[str] = Counter()
        self._absence: tuple[int, int | None] = 0, None  # samples of those that are over; since when there is one (ns)
        self._last_ns: int | None = None
        self._replace_at_s = self._replace_step_s = SILENT_FIRST_S
        self._said: tuple[Ear | None, str] = (None, "")
        self._wake = threading.Event()
        self._is_closing = threading.Event()

    @property
    def absent(self) -> int:
        return self._absence[0]

    def absent_by_now(self) -> int:
        """``absent``, and what of an absence that goes on is certain: a second less. For anyone; never falls."""
        absent, gone_ns = self._absence
        if gone_ns is None:
            return absent
        return absent + max(0, (time.monotonic_ns() - gone_ns) * RATE_HZ // 1_000_000_000 - RATE_HZ)

    @property
    def is_shut(self) -> bool:
        """Whether anyone wants it shut; that it is, ``on_change`` tells."""
        return bool(self._reasons)

    @property
    def why_shut(self) -> str:
        """In words, "" when nobody wants it shut."""
        return ", ".join(self._reasons.values())

    @property
    def why_blocked(self) -> str:
        """For how long opening it has not returned, in words; "" when nothing is blocked."""
        blocked = self._opening.is_blocked
        return f"the microphone: {blocked}" if blocked else ""

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
            if self._reasons:
                self._stand_by()
            elif self._device is not None:
                block, is_over = self._read_device()
                if block is not None or is_over:
                    return block
                continue
            elif self._look_for_device():
                continue
            if self._tail > 0:
                return self._tail_block()
        self._put_away()
        if (late := self._opening.give_up()) is not None:
            late.close()
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
            self._lose(error)
            return None, False
        if self._reasons and block is not None:
            return None, False
        if block is not None:
            self._take(block, self._device)
        return block, block is None

    def _take(self, block: Pcm16, device: Microphone) -> None:
        self._last_ns = self._count_absence(block.size)
        self.dropped = self._lost_before + device.lost
        lost, self.lost = self.lost, self.dropped + self.absent
        self.surplus = self._surplus_before + getattr(device, "surplus", 0)
        for fault, counter in COUNTERS.items():
            count = getattr(device, counter, 0)
            if count != self._seen[fault]:
                self.faults[fault] += count - self._seen[fault]
                self._seen[fault] = count
                self.hearing.on_fault(fault, self.lost - lost)
        self._say(Ear.OPEN, "")
        hearing = self.hearing
        for name, value in hearing.health.look(block):
            self.faults[name] += value is not None
            hearing.on_problem(name, value)
        self._replace_silent(hearing.health.silent_s)

    def _replace_silent(self, silent_s: float) -> None:
        """A driver that delivers nothing but one value may be well after it is opened anew."""
        if not silent_s:
            self._replace_at_s, self._replace_step_s = SILENT_FIRST_S, SILENT_FIRST_S
        elif silent_s > self._replace_at_s:
            self._replace_step_s = min(2 * self._replace_step_s, SILENT_LAST_S)
            self._replace_at_s = silent_s + self._replace_step_s
            self.faults["replaced"] += 1
            self.hearing.on_fault("replaced", 0)
            self._put_away(is_replaced=True)

    def _lose(self, error: Exception) -> None:
        self.faults[error.kind if isinstance(error, DeviceLost) else "failed"] += 1
        self._put_away()
        self._say(Ear.LOST, str(error))

    def _stand_by(self) -> None:
        self._put_away()
        if (late := self._opening.settle(0.0 if self._tail else LOOK_S)) is not None:
            late.close()
            self._opening.at_once()
        if self._opening.is_under_way:  # it may bring one yet
            self._say_blocked()
            return
        self._say(Ear.CLOSED, self.why_shut)
        if not self._tail:
            self._pause(0.5)

    def _look_for_device(self) -> bool:
        """Whether there is one now; at the pace of the tail while that is due."""
        wait_s = TAIL_BLOCK / RATE_HZ if self._tail > 0 else LOOK_S
        until = time.monotonic() + wait_s
        device = self._opening.poll(wait_s)
        if device is not None:
            self._device, self._tail = device, 0
            self._seen.clear()
            self.reopened += 1
            return True
        error = self._opening.why
        if not self._say_blocked() and error is not None:
            self._say_lost("busy" if isinstance(error, DeviceBusy) else "absent", str(error))
        self._pause(max(0.0, until - time.monotonic()))
        return False

    def _say_blocked(self) -> bool:
        is_blocked = bool(self._opening.is_blocked)
        if is_blocked:
            self._say_lost("blocked", f"the microphone: {BLOCKED}")
        return is_blocked

    def _say_lost(self, kind: str, reason: str) -> None:
        if self._said != (Ear.LOST, reason):
            if kind != "absent":  # that is what follows every loss
                self.faults[kind] += 1
            self._say(Ear.LOST, reason)

    def _put_away(self, is_replaced: bool = False) -> None:
        """Closes the device; the utterance that was open gets its tail, unless another device follows at once."""
        device, self._device = self._device, None
        if device is None:
            return
        self._lost_before += device.lost
        self._surplus_before += getattr(device, "surplus", 0)
        device.close()
        # Not now: a device that stalled has been silent for a while.
        self._absence = self.absent, self._last_ns if self._last_ns is not None else time.monotonic_ns()
        self._opening.at_once()
        if not is_replaced:
            for name, value in self.hearing.health.forget():
                self.hearing.on_problem(name, value)
        self._tail = 0 if self._is_closing.is_set() or is_replaced else self._tail_samples

    def _tail_block(self) -> Pcm16:
        """The next piece of silence, its time having passed."""
        self._tail -= TAIL_BLOCK
        if self._reasons:
            self._is_closing.wait(TAIL_BLOCK / RATE_HZ)
        absent, gone_ns = self._absence
        if gone_ns is not None:
            self._absence = absent, gone_ns + TAIL_BLOCK * 1_000_000_000 // RATE_HZ
        return np.zeros(TAIL_BLOCK, np.int16)

    def _count_absence(self, samples: int) -> int:
        """The time between the last sample (or tail) and the first of this block; returns the time."""
        now_ns = time.monotonic_ns()
        absent, gone_ns = self._absence
        if gone_ns is not None:
            self._absence = absent + max(0, (now_ns - gone_ns) * RATE_HZ // 1_000_000_000 - samples), None
        return now_ns

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._wake.wait(seconds)
        self._wake.clear()

    def _say(self, ear: Ear, reason: str) -> None:
        self.why_lost = reason if ear is Ear.LOST else ""
        if (ear, reason) != self._said:
            self._said = (ear, reason)
            self.hearing.on_change(ear, reason)
