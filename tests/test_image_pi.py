"""``deploy/image/test/pi.py``: what judges the Raspberry Pi image, judged with made-up consoles."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.test_image import IMAGE, load

GOOD = (
    "rtva set-up: hostname, time_zone, volume\r\n"
    "look model Raspberry Pi 3 Model B.\r\n"
    "look root /dev/mmcblk0p2 ro,noatime, 0 sectors written.\r\n"
    "look watchdog Broadcom BCM2835 Watchdog timer.\r\n"
    "look name parlour CET.\r\nstate idle\r\nrtva READY\r\nlook failed 0.\r\n"
)


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load(IMAGE / "test" / "pi.py", monkeypatch)


def judged(pi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> list[str]:
    """What the checks say of a board whose console says this."""
    read, write = os.pipe()
    os.write(write, said.encode())
    os.close(write)
    console = pi.run.Channel(read, write, tmp_path / "console.log")
    board: Any = SimpleNamespace(console=console, age_s=lambda: 99.0, cut=lambda: None)
    monkeypatch.setattr(pi, "Pi", lambda card: board)
    proof = pi.Proof(tmp_path / "card.img", tmp_path / "none.wav")
    try:
        return [proof.comes_up(), proof.keeps_its_rules(), proof.is_ready()]
    finally:
        os.close(read)


def test_a_board_as_it_shall_be(pi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came_up, rules, ready = judged(pi, tmp_path, monkeypatch, GOOD)
    assert "99 s" in came_up and "Raspberry Pi 3 Model B: root /dev/mmcblk0p2" in rules and "no failed unit" in ready


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (", time_zone", ""),
        ("/dev/mmcblk0p2", "/dev/ram0"),
        (" ro,", " rw,"),
        (", 0 sectors", ", 8 sectors"),
        ("Broadcom BCM2835", "Software"),
        ("parlour CET", "rtva UTC"),
        ("rtva READY", "rtva"),
        ("failed 0", "failed 1"),
    ],
)
def test_a_board_that_is_not(
    pi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    assert old in GOOD
    with pytest.raises(pi.Failed):
        judged(pi, tmp_path, monkeypatch, GOOD.replace(old, new))


def test_the_card_names_no_status_line(pi: ModuleType) -> None:
    """That the image's own stays is what is asked of it."""
    assert "status" not in yaml.safe_load(pi.CONFIG)


def test_where_there_is_no_image_it_is_a_skip(
    pi: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pi, "WORK", tmp_path / "work")
    monkeypatch.setattr(pi, "IMAGE", tmp_path / "rtva-rpi.img")
    monkeypatch.setattr(pi, "bring", lambda wanted: None)
    monkeypatch.setattr("sys.argv", ["pi.py"])
    assert pi.main() == 77
    assert capsys.readouterr().err == f"image-test skipped: no {tmp_path}/rtva-rpi.img (make image BOARD=rpi)\n"
