"""Readings of the board from a made-up /sys and /proc, and what is said where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_py.events import Understood
from firmware_py.respond.board import Board
from firmware_py.respond.responder import Responder
from firmware_py.respond.skills.board_status import duration
from firmware_py.respond.world import LocalWorld

FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     +-- 192.168.1.0/24 2 0 2
        |-- 192.168.1.0
           /24 link UNICAST
        |-- 192.168.1.40
           /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
     |-- 169.254.3.4
        /32 host LOCAL
"""
IF_INET6 = """00000000000000000000000000000001 01 80 10 80       lo
fe80000000000000ba27ebfffe000001 02 40 20 80     eth0
20010db8000000000000000000000007 02 40 00 80     eth0
"""


def put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number, (kind, temperature) in enumerate((("gpu-thermal", "71000"), ("cpu-thermal", "48312"))):
        put(tmp_path, f"sys/class/thermal/thermal_zone{number}/type", f"{kind}\n")
        put(tmp_path, f"sys/class/thermal/thermal_zone{number}/temp", f"{temperature}\n")
    put(tmp_path, "proc/uptime", "93784.05 180000.00\n")
    put(tmp_path, "proc/net/fib_trie", FIB_TRIE)
    put(tmp_path, "proc/net/if_inet6", IF_INET6)
    return tmp_path


def ask(board: Board, aspect: str) -> str:
    responder = Responder(world=LocalWorld(board=board))
    return responder.prepare(Understood("?", "board_status", {"aspect": aspect}, 1.0)).text


def test_readings(root: Path) -> None:
    board = Board(root)
    assert board.temperature_c() == pytest.approx(48.312)
    assert board.uptime_s() == pytest.approx(93784.05)
    assert board.addresses() == ["192.168.1.40", "2001:db8::7"]
    disk = board.disk()
    assert disk is not None and 0 < disk.free_bytes <= disk.total_bytes


@pytest.mark.parametrize(
    ("aspect", "said"),
    [
        ("temperature", "The processor is at 48 degrees Celsius."),
        ("uptime", "I have been running for 1 day and 2 hours."),
        ("address", "My address is 192.168.1.40."),
    ],
)
def test_what_is_said(root: Path, aspect: str, said: str) -> None:
    assert ask(Board(root), aspect) == said
    assert said in ask(Board(root), "all")


@pytest.mark.parametrize(
    ("aspect", "said"),
    [
        ("temperature", "This board has no temperature sensor I can read."),
        ("uptime", "I can't tell how long this board has been running."),
        ("address", "This board has no network address."),
        ("disk", "I can't read how full the disk is."),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, aspect: str, said: str) -> None:
    assert ask(Board(tmp_path, tmp_path / "gone"), aspect) == said


@pytest.mark.parametrize("temperature", ["", "hot", "-274000", "999999", "\x00"])
def test_a_sensor_that_reads_nonsense_is_none(tmp_path: Path, temperature: str) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", temperature)
    assert Board(tmp_path).temperature_c() is None


def test_the_warmest_sensor_where_none_is_named_after_the_processor(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "41000")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", "44000")
    assert Board(tmp_path).temperature_c() == 44.0


def test_only_an_ipv6_address(tmp_path: Path) -> None:
    put(tmp_path, "proc/net/if_inet6", IF_INET6)
    assert "IPv6" in ask(Board(tmp_path), "address")


def test_this_board_answers_without_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert ask(Board(), "all")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "1 minute and 1 second"),
        (3600, "1 hour"),
        (3661, "1 hour and 1 minute"),
        (86_400 + 59, "1 day"),
        (2 * 86_400 + 3 * 3600 + 5, "2 days and 3 hours"),
    ],
)
def test_durations(seconds: int, said: str) -> None:
    assert duration(seconds) == said
