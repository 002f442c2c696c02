"""The microphone that can be shut and comes back: what the walk gets, what is counted, what is said."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from status_lab import eventually

from firmware_py.audio.health import SILENT
from firmware_py.errors import DeviceLost, Unavailable
from firmware_py.events import Pcm16
from firmware_py.service.gate import TAIL_BLOCK, Hearing, MicrophoneGate
from firmware_py.status.board import Ear


class Device:
    """A microphone that delivers 160 samples of 7 whenever it is let."""

    def __init__(self) -> None:
        self.lost = 0
        self.is_closed = False
        self.fails = False
        self.beats = threading.Semaphore(0)

    def read(self) -> Pcm16 | None:
        self.beats.acquire(timeout=10)
        if self.fails:
            raise DeviceLost("unplugged")
        return np.full(160, 7, np.int16)

    def close(self) -> None:
        self.is_closed = True


class Rig:
    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.heard: list[Pcm16] = []
        self.said: list[tuple[Ear, str]] = []
        self.is_there = True
        self.has_ended = False
        self.problems: list[tuple[str, float | None]] = []
        self.faults: list[tuple[str, int]] = []
        hearing = Hearing(
            lambda ear, why: self.said.append((ear, why)),
            lambda name, value: self.problems.append((name, value)),
            lambda name, lost: self.faults.append((name, lost)),
        )
        self.gate = MicrophoneGate(self._open, tail_ms=100, hearing=hearing)
        self.thread = threading.Thread(target=self._capture)
        self.thread.start()

    def _open(self) -> Device:
        if not self.is_there:
            raise Unavailable("no such device")
        self.devices.append(Device())
        return self.devices[-1]

    def _capture(self) -> None:
        while (block := self.gate.read()) is not None:
            self.heard.append(block)
        self.has_ended = True

    @property
    def device(self) -> Device:
        eventually(lambda: self.devices and not self.devices[-1].is_closed)
        return self.devices[-1]

    def sound(self, blocks: int = 1) -> None:
        device = self.device
        before = len(self.loud())
        for _ in range(blocks):
            device.beats.release()
        eventually(lambda: len(self.loud()) == before + blocks)

    def loud(self) -> list[Pcm16]:
        return [b for b in self.heard if b.any()]

    def silence(self) -> int:
        return sum(b.size for b in self.heard if not b.any())


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.gate.close()
    if rig.devices:
        rig.devices[-1].beats.release()
    rig.thread.join(10)
    assert rig.has_ended and all(d.is_closed for d in rig.devices)


def test_open_it_is_the_device(rig: Rig) -> None:
    rig.sound(3)
    assert rig.said == [(Ear.OPEN, "")] and rig.silence() == 0


def test_shut_means_closed_and_nothing_of_it_is_heard(rig: Rig) -> None:
    rig.sound()
    device = rig.device
    rig.gate.shut("user", "muted")
    device.beats.release()
    eventually(lambda: rig.said[-1] == (Ear.CLOSED, "muted"))
    assert device.is_closed and len(rig.loud()) == 1, "the block that was being read is thrown away"
    eventually(lambda: rig.silence() >= 1600)
    assert rig.silence() < 1600 + TAIL_BLOCK, "the open utterance gets its tail, once"


def test_it_opens_when_nobody_wants_it_shut(rig: Rig) -> None:
    rig.sound()
    rig.gate.shut("user", "muted")
    rig.gate.shut("switch", "the switch is on")
    rig.device.beats.release()
    eventually(lambda: rig.said[-1][0] is Ear.CLOSED)
    rig.gate.open("user")
    assert rig.gate.is_shut and rig.gate.why_shut == "the switch is on"
    rig.gate.open("switch")
    rig.sound()
    assert rig.said[-1][0] is Ear.OPEN and len(rig.devices) == 2


def test_a_lost_device_comes_back_and_the_time_is_counted(rig: Rig) -> None:
    rig.sound(2)
    device = rig.device
    device.lost = 5
    rig.is_there = False
    device.fails = True
    device.beats.release()
    eventually(lambda: (Ear.LOST, "unplugged") in rig.said)
    assert rig.gate.why_lost
    eventually(lambda: rig.silence() >= 1600)
    ticks = rig.gate.ticks
    eventually(lambda: rig.gate.ticks > ticks, "it lives while there is no device")
    rig.is_there = True
    rig.sound()
    assert rig.said[-1][0] is Ear.OPEN and rig.gate.why_lost == ""
    assert rig.gate.absent > 0 and rig.gate.lost == rig.gate.absent + 5


def test_every_tick_of_the_absence_is_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """frames in + lost = rate * time, with a clock of our own."""
    now = [0]
    monkeypatch.setattr("firmware_py.service.gate.time.monotonic_ns", lambda: now[0])
    devices: list[Device] = []

    def open_device() -> Device:
        devices.append(Device())
        return devices[-1]

    gate = MicrophoneGate(open_device, tail_ms=0)

    def read() -> int:
        now[0] += 10_000_000
        devices[-1].beats.release()
        block = gate.read()
        assert block is not None
        return block.size

    gate.adopt(open_device())
    frames = read()
    gate._put_away()
    known = []
    for _ in range(20):
        now[0] += 100_000_000
        known.append(gate.absent_by_now())
    assert known[9:] == list(range(0, 17_600, 1600)), "it grows while the device is away, a second behind"
    gate.adopt(open_device())
    frames += read()
    assert gate.absent == gate.absent_by_now() >= known[-1] and gate.dropped == 0
    assert frames + gate.lost == now[0] * 16_000 // 1_000_000_000


def test_close_ends_a_wait_at_once() -> None:
    def never() -> Device:
        raise Unavailable("no such device")

    gate = MicrophoneGate(never)
    ended: list[Pcm16 | None] = []
    read: Callable[[], None] = lambda: ended.append(gate.read())  # noqa: E731
    thread = threading.Thread(target=read)
    thread.start()
    eventually(lambda: gate.why_lost)
    gate.close()
    thread.join(10)
    assert ended == [None]


def test_a_device_that_is_back_at_once_costs_no_tail() -> None:
    rig = Rig()
    rig.sound()
    rig.device.fails = True
    rig.device.beats.release()
    eventually(lambda: len(rig.devices) == 2, "tried at once")
    rig.sound()
    assert rig.silence() < 1600, "the utterance goes on"
    assert rig.gate.faults["failed"] == 1
    rig.gate.close()
    rig.devices[-1].beats.release()
    rig.thread.join(10)


def test_a_device_that_never_opens_leaves_the_thread_alive_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.service.opening.SLOW_S", 0.0)
    blocked, said = threading.Event(), []

    def open_device() -> Device:
        blocked.wait(30)
        raise Unavailable("at last")

    gate = MicrophoneGate(open_device, hearing=Hearing(lambda ear, why: said.append((ear, why))))
    thread = threading.Thread(target=gate.read)
    thread.start()
    eventually(lambda: said and said[-1][0] is Ear.LOST and "has not returned" in said[-1][1])
    for _ in range(5):
        gate._opening._began -= 1.0  # a second passes
        ticks = gate.ticks
        eventually(lambda ticks=ticks: gate.ticks > ticks + 1)  # type: ignore[misc]
    assert gate.faults["blocked"] == 1 and len(said) == 1, "once, not every second"
    assert re.search(r"has not returned for \d+ s", gate.why_blocked), "who asks is told how long"
    gate.close()
    thread.join(10)
    blocked.set()
    assert not thread.is_alive()


def test_shut_while_it_is_being_opened_leaves_no_device_open() -> None:
    may_open, devices, said = threading.Event(), [], []  # type: threading.Event, list[Device], list[tuple[Ear, str]]

    def open_device() -> Device:
        may_open.wait(30)
        devices.append(Device())
        return devices[-1]

    gate = MicrophoneGate(open_device, hearing=Hearing(lambda ear, why: said.append((ear, why))))
    thread = threading.Thread(target=gate.read)
    thread.start()
    eventually(lambda: gate._opening.is_under_way)
    gate.shut("user", "muted")
    ticks = gate.ticks
    eventually(lambda: gate.ticks > ticks + 3)
    assert Ear.CLOSED not in [ear for ear, _ in said], "it may bring a device yet"
    may_open.set()
    eventually(lambda: (Ear.CLOSED, "muted") in said)
    assert [d.is_closed for d in devices] == [True] and Ear.OPEN not in [ear for ear, _ in said]
    gate.open("user")
    eventually(lambda: len(devices) == 2)
    devices[-1].beats.release()
    eventually(lambda: said[-1] == (Ear.OPEN, ""))
    thread.join(10)
    gate.close()
    assert gate.read() is None and devices[-1].is_closed


class Stuck(Device):
    """Delivers zeros for ever, without a pause."""

    def read(self) -> Pcm16 | None:
        return np.zeros(8000, np.int16)


def test_one_that_delivers_one_value_for_ever_is_told_and_opened_anew_ever_later() -> None:
    devices: list[Stuck] = []
    problems: list[tuple[str, float | None]] = []

    def open_device() -> Stuck:
        devices.append(Stuck())
        return devices[-1]

    gate = MicrophoneGate(open_device, hearing=Hearing(on_problem=lambda name, value: problems.append((name, value))))
    heard_s = 0.0
    while heard_s < 3600:
        block = gate.read()
        assert block is not None
        heard_s += block.size / 16_000
    assert [(name, value is not None) for name, value in problems] == [(SILENT, True)]
    assert gate.faults["replaced"] == len(devices) - 1 and 6 <= len(devices) <= 14
    gate.close()
    assert gate.read() is None


def test_what_a_device_heals_itself_is_told_with_what_it_cost(rig: Rig) -> None:
    rig.sound()
    device: Any = rig.device
    device.xruns, device.lost = 1, 4800
    rig.sound()
    device.rate_changes = 1
    rig.sound()
    assert rig.faults == [("overrun", 4800), ("rate", 0)]
