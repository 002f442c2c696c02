"""The serial line on a real pty: what it says, what it answers, and what it survives."""

from __future__ import annotations

import itertools
import os
import pty
import select
import termios
import threading
import tty
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from status_lab import NotedControls, eventually

from firmware_py.errors import BadInput
from firmware_py.status import serial_text
from firmware_py.status.hub import Hub, Notice
from firmware_py.status.serial_line import Allowance, SerialLine, SerialSettings

TURN = {
    "transcript": "set volume to 40",
    "intent": "volume_set",
    "slots": {"percent": 40, "room": "living room"},
    "score": 1.0,
    "reply": "Volume 40.",
    "answer_ms": 212.34,
}


class End:
    """The other end of the line, behind a name that stays."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self.text = b""
        self.plug()

    def plug(self) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        self.name.unlink()
        os.close(self._slave)
        os.close(self.master)

    def lines(self) -> list[str]:
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536)
        return [line.decode() for line in self.text.split(b"\r\n")[:-1]]

    def expect(self, line: str) -> None:
        eventually(lambda: line in self.lines(), f"{line!r}; there is {self.lines()}")

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.master, data[:1024]) :]


@pytest.fixture
def end(tmp_path: Path) -> End:
    return End(tmp_path / "serial")


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def controls() -> NotedControls:
    return NotedControls()


@pytest.fixture
def line(end: End, hub: Hub, controls: NotedControls) -> Iterator[SerialLine]:
    face = SerialLine(SerialSettings(end.name, heartbeat_s=0), controls, hub)
    end.expect("state idle")
    yield face
    face.close()


def test_it_greets_and_tells_changes(line: SerialLine, end: End, hub: Hub) -> None:
    hub.publish("state", state="listening", previous="idle")
    hub.publish("turn", **TURN)
    hub.publish("volume", percent=40, is_silent=False)
    hub.publish("alert", name="latency", is_on=True, value=812.0)
    hub.publish("failure", error="the worker died")
    end.expect("failed the worker died")
    assert end.lines() == [
        "rtva protocol=1 version=1.2.3",
        "state idle",
        "state listening",
        "heard set volume to 40",
        "intent name=volume_set score=1.00 answer_ms=212.3 slot.percent=40 slot.room=living_room",
        "said Volume 40.",
        "speaker percent=40 silent=no",
        "alert name=latency on=yes value=812.0",
        "failed the worker died",
    ]


def test_commands_and_their_answers(line: SerialLine, end: End, controls: NotedControls) -> None:
    end.send(
        b"PING 7\rversion\nvolume 40\r\nvolume +5\nvolume 400\nsay Hello you\nmute\nunmute\nstop\nnonsense\nstatus\n"
    )
    end.expect("health state=idle microphone=open alerts=0 turns=3 lost_samples=0")
    assert end.lines()[2:] == [
        "pong 7",
        "ok version version=1.2.3",
        "ok volume percent=40",
        "ok volume percent=45",
        "error volume '400': allowed: 0 to 100, or +N or -N",
        *("ok say", "ok mute", "ok unmute", "ok stop"),
        "error no such command; try help",
        "health state=idle microphone=open alerts=0 turns=3 lost_samples=0",
    ]
    assert controls.calls == [("say", "Hello you"), ("mute", "user"), ("unmute", "user"), ("stop",)]


def test_an_ok_says_so_when_the_disk_does_not_have_it(line: SerialLine, end: End, controls: NotedControls) -> None:
    controls.why_unkept = "the state file cannot be written: disk is full"
    end.send(b"volume 40\nclock 2027-05-02T07:30\nvolume\nping done\n")
    end.expect("pong done")
    assert end.lines()[2:] == [
        "ok volume percent=40 kept=no",
        "ok clock time=2027-05-02T07:30:00+02:00 is_set=yes kept=no",
        "ok volume percent=40",
        "pong done",
    ]


def test_the_clock_is_asked_and_set(line: SerialLine, end: End, controls: NotedControls) -> None:
    end.send(b"clock\nclock 7:30\nclock 2027-05-02T07:30\nclock 24:00\nping done\n")
    end.expect("pong done")
    answer = "ok clock time=2027-05-02T07:30:00+02:00 is_set=yes"
    refused = "error clock '24:00': allowed: a time like 2027-05-02T07:30 or 07:30"
    assert end.lines()[2:] == [answer, answer, answer, refused, "pong done"]
    assert controls.calls == [("clock", None), ("clock", 450), ("clock", datetime(2027, 5, 2, 7, 30))]


def test_levels_come_only_when_asked(line: SerialLine, end: End) -> None:
    end.send(b"levels on\n")
    end.expect("level db=-120.0 floor=-120.0")
    end.send(b"levels off\nping done\n")
    end.expect("pong done")
    assert end.lines()[-1] == "pong done"


def test_a_heartbeat_has_health_with_it(end: End, hub: Hub, controls: NotedControls) -> None:
    face = SerialLine(SerialSettings(end.name, heartbeat_s=0.05), controls, hub)
    end.expect("beat 2")
    assert end.lines()[2:5] == ["beat 1", "health state=idle microphone=open alerts=0 turns=3 lost_samples=0", "beat 2"]
    face.close()


def test_unplugged_and_back_again(line: SerialLine, end: End, hub: Hub) -> None:
    for number in range(3):
        end.unplug()
        hub.publish("state", state="thinking", previous="idle")
        end.text = b""
        end.plug()
        end.expect("state idle")
        assert end.lines() == ["rtva protocol=1 version=1.2.3", "state idle"], "what nobody could read is no news"
        assert line.opened == number + 2


def test_a_flood_of_garbage_is_not_answered_by_a_flood(line: SerialLine, end: End) -> None:
    end.send(b"\x00\xff\xfe garbage \r\n" * 3000 + b"x" * 100_000 + b"\n")
    eventually(lambda: line.ignored > 2500)
    answers = [text for text in end.lines() if text.startswith("error")]
    assert 1 <= len(answers) < 200
    eventually(lambda: (end.send(b"ping alive\n"), "pong alive" in end.lines())[1], "answers again")
    eventually(lambda: any("more lines were not answered" in text for text in end.lines()))


def test_an_echo_cannot_start_a_storm(line: SerialLine, end: End, hub: Hub) -> None:
    """A terminal that echoes, or a plug that joins both wires."""
    hub.publish("turn", **TURN)
    end.send(b"ping 1\nhelp\nfoo\nvolume\nstatus\n")
    end.expect("health state=idle microphone=open alerts=0 turns=3 lost_samples=0")
    end.expect("said Volume 40.")
    whole, end.text = end.text, b""
    end.send(whole + b"ping last\n")
    end.expect("pong last")
    assert end.lines() == ["pong last"], "what came back was not answered"


def test_a_reader_that_sleeps_costs_lines_never_the_service(line: SerialLine, end: End, hub: Hub) -> None:
    eventually(lambda: (hub.publish("failure", error="y" * 240), line.dropped)[1], "a line is dropped", 20)
    end.lines()
    eventually(lambda: (end.send(b"ping awake\n"), "pong awake" in end.lines())[1], "speaks again")
    told = [text for text in end.lines() if text.startswith("failed ")]
    assert all(len(text) <= 254 for text in told)


def test_close_lets_go_of_a_device_that_is_not_there(tmp_path: Path, hub: Hub, controls: NotedControls) -> None:
    face = SerialLine(SerialSettings(tmp_path / "nothing"), controls, hub)
    face.close()
    assert face.opened == 0


@given(st.text())
def test_a_line_is_one_line_and_bounded(text: str) -> None:
    raw = serial_text.encode(text)
    assert len(raw) <= serial_text.LINE_BYTES and raw.endswith(b"\r\n")
    assert raw[:-2].decode().isprintable()


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=5))
def test_lines_do_not_depend_on_how_they_arrive(data: bytes, cuts: list[int]) -> None:
    whole, pieces = serial_text.LineReader(), serial_text.LineReader()
    expected = whole.feed(data)
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    got = [line for a, b in itertools.pairwise(edges) for line in pieces.feed(data[a:b])]
    assert got == expected and pieces.too_long == whole.too_long
    assert all(0 < len(line) < serial_text.LINE_BYTES for line in got)


@given(st.binary(max_size=300))
def test_any_line_is_a_command_or_bad_input(line: bytes) -> None:
    try:
        name, argument = serial_text.parse(line)
    except BadInput:
        return
    assert name in serial_text.ASKS and argument == argument.strip()


def test_no_line_of_ours_is_a_command() -> None:
    assert not set(serial_text.SAYS) & set(serial_text.ASKS)


@given(
    st.sampled_from(["state", "turn", "volume", "alert", "failure", "level", "ear", "flow", "shed"]),
    st.text(),
    st.integers(),
)
def test_every_notice_can_be_said(topic: str, text: str, number: int) -> None:
    told = {
        **TURN,
        "transcript": text,
        "slots": {"a b": text},
        "state": "idle",
        "percent": number,
        "is_silent": True,
        "name": text,
        "is_on": False,
        "value": None,
        "error": text,
        "ear": "lost",
        "reason": text,
        "level_db": -1.0,
        "floor_db": -2.0,
    }
    for line in serial_text.lines_for(Notice(topic, told)):
        assert line.split(" ")[0] in serial_text.SAYS


def test_replies_are_rationed() -> None:
    now = [0.0]
    allowance = Allowance(10.0, 3, clock=lambda: now[0])
    assert [allowance.take() for _ in range(5)] == [True, True, True, False, False]
    now[0] += 0.1
    assert [allowance.take() for _ in range(2)] == [True, False]


def test_the_line_of_health_counts_what_the_microphone_healed_by_itself() -> None:
    status = {"state": "idle", "microphone": "open", "alerts": {}, "counts": {}, "faults": {"overrun": 2, "rate": 1}}
    status["capture"] = {"is_on": False}
    assert serial_text.health(status) == "health state=idle microphone=open alerts=0 capture=no faults=3"


@pytest.mark.parametrize(
    "error",
    [termios.error(5, "Input/output error"), RuntimeError("what nobody expected")],
    ids=["gone while it is opened", "unexpected"],
)
def test_a_line_that_fails_in_a_new_way_is_opened_again(
    end: End, hub: Hub, controls: NotedControls, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import serial

    failures, is_mended, real = [], threading.Event(), serial.Serial

    def open_it(*args: object, **options: object) -> object:
        if not is_mended.is_set():
            failures.append(error)
            raise error
        return real(*args, **options)

    monkeypatch.setattr(serial, "Serial", open_it)
    face = SerialLine(SerialSettings(end.name, heartbeat_s=0), controls, hub)
    try:
        eventually(lambda: len(failures) > 2, "it is tried again")
        assert str(error.args[-1]) in face.problem
        is_mended.set()
        end.expect("state idle")
        assert face.problem == ""
        end.unplug()
        eventually(lambda: face.problem, "what is wrong")
    finally:
        face.close()
