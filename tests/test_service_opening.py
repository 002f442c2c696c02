"""A device that is not there, is busy or never answers is looked for without waiting and without a busy loop."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from status_lab import eventually

from firmware_py.errors import DeviceBusy, DeviceLost, Unavailable
from firmware_py.events import Pcm16
from firmware_py.service.opening import FIRST_RETRY_S, Opening
from firmware_py.service.speaker_gate import ALERT, SpeakerGate


def test_the_first_attempt_is_made_at_once_and_the_next_after_a_while() -> None:
    tries: list[float] = []

    def never() -> int:
        tries.append(time.monotonic())
        raise DeviceBusy("in use")

    opening = Opening(never, nodes=lambda: None)
    assert opening.poll(1.0) is None and len(tries) == 1 and isinstance(opening.why, DeviceBusy)
    assert opening.poll(0.0) is None and len(tries) == 1
    eventually(lambda: opening.poll(0.01) or len(tries) == 2)
    assert tries[1] - tries[0] >= FIRST_RETRY_S


def test_when_the_sound_devices_change_it_does_not_wait() -> None:
    nodes, device = ["none"], object()

    def open_device() -> object:
        if nodes == ["none"]:
            raise Unavailable("no such device")
        return device

    opening = Opening(open_device, nodes=lambda: tuple(nodes))
    opening._due = time.monotonic() + 3600
    assert opening.poll(0.1) is None and opening.attempts == 0
    nodes[:] = ["pcmC1D0c"]
    assert opening.poll(5.0) is device


def test_an_attempt_that_never_returns_is_alone_and_said() -> None:
    gate = threading.Event()
    opening = Opening(lambda: gate.wait(30), nodes=lambda: None)
    assert opening.poll(0.05) is None and opening.is_blocked == ""
    opening._began -= 5
    assert "not returned for 5 s" in opening.is_blocked
    for _ in range(10):
        opening.poll(0.0)
    assert opening.attempts == 1
    gate.set()
    assert opening.poll(5.0) is True and opening.is_blocked == ""


def test_looking_costs_less_than_its_share() -> None:
    def costly() -> int:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        raise Unavailable("no such device")

    opening = Opening(costly, nodes=lambda: None)
    opening.poll(5.0)
    assert opening._retry_s() == pytest.approx(4.0, rel=0.3)


def test_an_error_that_is_none_of_ours_is_one_of_a_device() -> None:
    def broken() -> int:
        raise ValueError("what a library raises")

    opening = Opening(broken, nodes=lambda: None)
    opening.poll(5.0)
    assert "what a library raises" in str(opening.why)


class Device:
    """A speaker that keeps what it is given, or fails."""

    rate_hz, period_samples = 16_000, 256

    def __init__(self) -> None:
        self.heard: list[Pcm16] = []
        self.fails = self.is_closed = False

    def write(self, pcm: Pcm16) -> None:
        if self.fails:
            raise DeviceLost("unplugged", "unplugged")
        self.heard.append(pcm)

    def delay_s(self) -> float:
        return 0.1

    def flush(self) -> None: ...
    def drain(self) -> None: ...
    def close(self) -> None:
        self.is_closed = True


class Rig:
    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.is_there = True
        self.alerts: list[tuple[str, float | None]] = []
        self.gate = SpeakerGate(self._open, 16_000, lambda name, value: self.alerts.append((name, value)))

    def _open(self) -> Device:
        if not self.is_there:
            raise Unavailable("no such device")
        self.devices.append(Device())
        return self.devices[-1]


SOUND = np.ones(256, np.int16)


def test_a_lost_speaker_is_opened_again_in_the_middle_of_an_answer() -> None:
    rig = Rig()
    rig.gate.begin(must=True)
    rig.gate.write(SOUND)
    rig.devices[0].fails = True
    rig.gate.write(SOUND)
    assert len(rig.devices) == 2 and len(rig.devices[1].heard) == 1 and rig.devices[0].is_closed
    assert (rig.gate.lost, rig.alerts[-2:]) == (1, [(ALERT, 1.0), (ALERT, None)])
    rig.gate.close()
    assert rig.devices[1].is_closed


def test_without_one_an_answer_fails_and_it_comes_back_by_itself() -> None:
    rig = Rig()
    rig.is_there = False
    with pytest.raises(Unavailable, match="no such device"):
        rig.gate.begin(must=True)
    rig.gate.begin(must=False)
    with pytest.raises(Unavailable, match="no such device"):
        rig.gate.write(SOUND)
    assert rig.alerts[-1] == (ALERT, 1.0) and rig.gate.delay_s() == 0.0
    rig.gate.flush()
    rig.gate.drain()
    rig.is_there = True
    eventually(lambda: rig.gate.look() or rig.devices)
    eventually(lambda: rig.gate.look() or rig.alerts[-1] == (ALERT, None))
    rig.gate.write(SOUND)
    assert rig.gate.period_samples == 256 and rig.devices[0].heard
    rig.gate.close()
    with pytest.raises(Unavailable):
        rig.gate.write(SOUND)


def test_a_speaker_whose_opening_never_returns_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("firmware_py.service.opening.SLOW_S", 0.0)
    blocked, alerts = threading.Event(), []

    def open_device() -> Device:
        blocked.wait(30)
        return Device()

    gate = SpeakerGate(open_device, 16_000, lambda name, value: alerts.append((name, value)))
    for _ in range(5):
        gate.look()
        gate._opening._began -= 1.0  # a second passes
    said = [record.getMessage() for record in caplog.records if record.name == "rtva"]
    assert said == ["the speaker: opening it has not returned"] and alerts == [(ALERT, 1.0)]
    blocked.set()
    eventually(lambda: gate.look() or alerts[-1] == (ALERT, None))
    gate.close()
