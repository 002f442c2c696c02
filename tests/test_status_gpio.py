"""GPIO: the real lines and the recording ones pass the same contract; the face shows every state and obeys its inputs.

A real chip is used where ``RTVA_GPIO=CHIP:OUT:IN`` names one with two free lines that a wire joins, as
``RTVA_GPIO=/dev/gpiochip0:5:6``.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gpio_fake import FakeLines
from status_lab import NotedControls, eventually

from firmware_py.events import State
from firmware_py.status.board import Board, Ear
from firmware_py.status.gpio import GpioFace, GpioPins
from firmware_py.status.gpio_lines import GpiodLines, Lines, Wiring
from firmware_py.status.hub import QUEUE_NOTICES, Hub
from firmware_py.status.patterns import PATTERNS, STEADY

Case = tuple[Lines, int, int, Callable[[bool], None]]


@pytest.fixture(params=["fake", "real"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Lines, an output, an input, and something that moves the input."""
    if request.param == "fake":
        fake = FakeLines(Wiring((5,), (6,)))
        lines: Lines = fake
        yield lines, 5, 6, lambda is_on: fake.press(6, is_on)
    else:
        wired = os.environ.get("RTVA_GPIO")
        if not wired:
            pytest.skip("no GPIO chip to try; RTVA_GPIO=CHIP:OUT:IN names one whose lines OUT and IN are joined")
        pytest.importorskip("gpiod", reason="the gpiod library; pip install 'rtva[gpio]'")
        chip, out, in_ = wired.split(":")
        lines = GpiodLines(Path(chip), Wiring((int(out),), (int(in_),), inputs_active_low=False))
        yield lines, int(out), int(in_), lambda is_on: lines.set(int(out), is_on)
    lines.close()


def test_contract(case: Case) -> None:
    lines, output, input_, move = case
    assert lines.inputs() == {input_: False}
    assert not select.select([lines.fileno()], [], [], 0)[0]
    lines.set(output, False)
    move(True)
    assert select.select([lines.fileno()], [], [], 5.0)[0], "readable once an input changed"
    eventually(lambda: lines.inputs() == {input_: True})
    eventually(lambda: (lines.inputs(), not select.select([lines.fileno()], [], [], 0)[0])[1])
    move(False)
    assert select.select([lines.fileno()], [], [], 5.0)[0]
    eventually(lambda: lines.inputs() == {input_: False})
    with pytest.raises((OSError, ValueError)):
        lines.set(500, True)
    lines.close()
    lines.close()
    with pytest.raises((OSError, ValueError)):
        lines.inputs()


def test_a_chip_that_is_not_there() -> None:
    pytest.importorskip("gpiod", reason="the gpiod library; pip install 'rtva[gpio]'")
    with pytest.raises(OSError):
        GpiodLines(Path("/dev/gpiochip-none"), Wiring((5,)))


PINS = GpioPins(led=1, rgb=(2, 3, 4), mute_led=5, amplifier=6, talk=7, mute=8, ready=9)


class Rig:
    def __init__(self, pins: GpioPins = PINS) -> None:
        self.hub, self.controls = Hub(), NotedControls()
        self.opened: list[FakeLines] = []
        self.face = GpioFace(self._open, pins, self.controls, self.hub)
        eventually(lambda: self.opened and self.lines.history)

    def _open(self) -> FakeLines:
        self.opened.append(FakeLines(PINS.wiring()))
        return self.opened[-1]

    @property
    def lines(self) -> FakeLines:
        return self.opened[-1]

    def to(self, state: State) -> None:
        self.hub.publish("speaking", is_on=state is State.SPEAKING)
        self.hub.publish("state", state=state.value, previous="")

    def shows(self, line: int, is_on: bool = True) -> None:
        eventually(lambda: self.lines.outputs[line] is is_on, f"line {line} {'on' if is_on else 'off'}")


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.face.close()
    assert not any(rig.lines.outputs.values()), "everything is off in the end"


@pytest.mark.parametrize("state", list(State), ids=lambda s: s.value)
def test_every_state_has_its_colour(rig: Rig, state: State) -> None:
    rig.to(state)
    colour = PATTERNS[state].colour
    eventually(lambda: tuple(rig.lines.outputs[line] for line in (2, 3, 4)) == colour)


def test_no_two_states_look_alike() -> None:
    assert len({(p.colour, p.rhythm_ms) for p in PATTERNS.values()}) == len(PATTERNS)
    assert len({p.rhythm_ms for s, p in PATTERNS.items()}) >= len(PATTERNS) - 1, "nor on a single LED, but one pair"
    assert PATTERNS[State.MUTED].rhythm_ms == STEADY


@pytest.mark.parametrize("state", list(State), ids=lambda s: s.value)
def test_a_rhythm_says_when_it_changes(state: State) -> None:
    pattern = PATTERNS[state]
    ms = 0
    for _ in range(20):
        is_lit, change_ms = pattern.at(ms)
        if change_ms is None:
            return
        assert pattern.at(ms + change_ms - 1)[0] is is_lit and pattern.at(ms + change_ms)[0] is not is_lit
        ms += change_ms


def test_the_mute_light_follows_the_samples_not_the_state(rig: Rig) -> None:
    rig.shows(5)
    rig.hub.publish("flow", is_flowing=True)
    rig.shows(5, False)
    rig.to(State.MUTED)
    rig.shows(2)
    assert rig.lines.outputs[5] is False, "frames still flow: whatever the state says, the light stays off"
    rig.hub.publish("flow", is_flowing=False)
    rig.shows(5)


@pytest.mark.parametrize("state", list(State), ids=lambda s: s.value)
def test_the_ready_line_is_up_while_it_works(rig: Rig, state: State) -> None:
    rig.to(State.IDLE)
    rig.shows(9)
    rig.to(state)
    rig.shows(9, state not in (State.STARTING, State.STOPPING, State.NO_MICROPHONE, State.ERROR))


def test_the_amplifier_is_on_while_it_speaks_and_a_moment_longer(rig: Rig) -> None:
    assert rig.lines.outputs[6] is False
    rig.to(State.SPEAKING)
    rig.shows(6)
    rig.to(State.IDLE)
    rig.shows(3)
    assert rig.lines.outputs[6] is True
    rig.shows(6, False)


def test_the_amplifier_stays_on_where_the_microphone_goes_in_mid_answer(rig: Rig) -> None:
    board = Board(rig.hub)
    board.set_phase(State.IDLE)
    board.set_walk(State.SPEAKING)
    rig.shows(6)
    board.set_ear(Ear.LOST, "unplugged")
    eventually(lambda: rig.lines.outputs[2] and not rig.lines.outputs[4], "the light of no microphone")
    assert rig.lines.outputs[6] is True and rig.lines.outputs[9] is False
    board.set_walk(State.IDLE)
    rig.shows(6, False)


def test_button_and_switch(rig: Rig) -> None:
    assert rig.controls.calls == [("mute", "switch"), ("mute", "button"), ("unmute", "switch")], "safe until it is read"
    rig.controls.calls.clear()
    for line, is_on in ((7, True), (7, False), (8, True), (8, False)):
        before = len(rig.controls.calls)
        rig.lines.press(line, is_on)
        eventually(lambda before=before: len(rig.controls.calls) > before)  # type: ignore[misc]
    assert rig.controls.calls == [("unmute", "button"), ("mute", "button"), ("mute", "switch"), ("unmute", "switch")]


def test_a_chip_that_goes_away_leaves_the_microphone_closed(rig: Rig) -> None:
    rig.lines.press(7)
    eventually(lambda: rig.controls.calls[-1] == ("unmute", "button"))
    rig.controls.calls.clear()
    rig.lines.break_down()
    eventually(lambda: len(rig.opened) == 2)
    assert rig.controls.calls[:2] == [("mute", "switch"), ("mute", "button")]
    eventually(lambda: rig.controls.calls[-1] == ("unmute", "switch"))


def test_what_changed_while_the_chip_was_away_is_shown_when_it_comes_however_much_it_was() -> None:
    hub, controls, is_there = Hub(), NotedControls(), threading.Event()
    opened: list[FakeLines] = []

    def open_lines() -> FakeLines:
        if not is_there.is_set():
            raise OSError("no such chip")
        opened.append(FakeLines(PINS.wiring()))
        return opened[-1]

    face = GpioFace(open_lines, PINS, controls, hub)
    try:
        eventually(lambda: face.problem == "no such chip")
        hub.publish("flow", is_flowing=True)
        hub.publish("alert", name="voice", is_on=True, value=1.0)
        for _ in range(QUEUE_NOTICES):
            eventually(lambda: hub.dropped()["gpio"] or not face._subscription._notices, "room")
            hub.publish("state", state="listening", previous="")
            hub.publish("state", state="degraded", previous="")
        assert not hub.dropped()["gpio"]
        is_there.set()
        eventually(lambda: opened and opened[-1].history, "the chip")
        assert face.problem == "" and opened[-1].outputs[5] is False, "muted, it says, and is not"
        assert face._alerts == {"voice"}
    finally:
        face.close()


def test_a_chip_that_fails_in_a_new_way_is_tried_again(rig: Rig) -> None:
    def fail(line: int, is_on: bool) -> None:
        raise RuntimeError("what nobody expected")

    rig.lines.set = fail  # type: ignore[method-assign]
    rig.to(State.SPEAKING)
    eventually(lambda: len(rig.opened) == 2, "the chip opened again")


def test_nothing_wired_is_nothing_requested() -> None:
    assert GpioPins().wiring() == Wiring()
    assert GpioPins(led=4, rgb=(4, None, 5)).wiring().outputs == (4, 5)
