"""A GPIO chip that comes back under another number is found again; another chip is never taken for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from firmware_py.status.gpio_chip import Chip


class Machine:
    """A sysfs with chips under their devices, and what the kernel does with them."""

    def __init__(self, root: Path) -> None:
        self.root, self.sysfs = root, root / "bus" / "gpio" / "devices"
        self.sysfs.mkdir(parents=True)

    def bind(self, device: str, number: int) -> None:
        chip = self.root / "devices" / device / f"gpiochip{number}"
        chip.mkdir(parents=True)
        (chip.parent / "gpio" / f"gpiochip{512 + number}").mkdir(parents=True, exist_ok=True)
        (self.sysfs / chip.name).symlink_to(chip)

    def unbind(self, device: str, number: int) -> None:
        (self.sysfs / f"gpiochip{number}").unlink()
        shutil.rmtree(self.root / "devices" / device / f"gpiochip{number}")

    def chip(self, number: int) -> Chip:
        return Chip(Path(f"/dev/gpiochip{number}"), self.sysfs)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.bind("9030000.pl061", 0)
    machine.bind("expander", 1)
    return machine


def test_it_is_found_under_its_new_number(machine: Machine) -> None:
    chip = machine.chip(0)
    assert chip.find() == Path("/dev/gpiochip0")
    machine.unbind("9030000.pl061", 0)
    with pytest.raises(OSError, match=r"gpiochip0: the chip of 9030000\.pl061 is away"):
        chip.find()
    machine.bind("9030000.pl061", 2)
    assert chip.find() == Path("/dev/gpiochip2")
    machine.unbind("9030000.pl061", 2)
    machine.bind("9030000.pl061", 0)
    assert chip.find() == Path("/dev/gpiochip0")


def test_another_chip_under_its_number_is_not_taken(machine: Machine) -> None:
    chip = machine.chip(0)
    chip.find()
    machine.unbind("9030000.pl061", 0)
    machine.bind("usb-bridge", 0)
    with pytest.raises(OSError, match="is away"):
        chip.find()
    machine.bind("9030000.pl061", 3)
    assert chip.find() == Path("/dev/gpiochip3")


def test_one_that_is_not_there_yet_is_learned_when_it_comes(machine: Machine) -> None:
    chip = machine.chip(5)
    assert chip.find() == Path("/dev/gpiochip5"), "opening it says what is wrong"
    machine.bind("late", 5)
    chip.find()
    machine.unbind("late", 5)
    machine.bind("late", 6)
    assert chip.find() == Path("/dev/gpiochip6")


def test_of_two_under_one_device_only_the_number_is_known(machine: Machine) -> None:
    machine.bind("expander", 7)
    chip = machine.chip(1)
    chip.find()
    machine.unbind("expander", 1)
    assert chip.find() == Path("/dev/gpiochip1"), "never the sibling"


def test_a_link_of_udev_is_followed(machine: Machine, tmp_path: Path) -> None:
    link = tmp_path / "gpio-main"
    link.symlink_to("/dev/gpiochip0")
    chip = Chip(link, machine.sysfs)
    assert chip.find() == link
    machine.unbind("9030000.pl061", 0)
    machine.bind("9030000.pl061", 2)
    assert chip.find() == Path("/dev/gpiochip2")
    link.unlink()
    link.symlink_to("/dev/gpiochip2")
    assert chip.find() == link


def test_without_sysfs_the_place_is_all_there_is(tmp_path: Path) -> None:
    chip = Chip(Path("/dev/gpiochip0"), tmp_path / "none")
    assert chip.find() == chip.find() == Path("/dev/gpiochip0")


def test_the_face_opens_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    from types import ModuleType

    from gpio_fake import FakeLines
    from status_lab import NotedControls, eventually

    from firmware_py.config import Config
    from firmware_py.service import faces
    from firmware_py.status.gpio_lines import Wiring
    from firmware_py.status.hub import Hub

    monkeypatch.setitem(sys.modules, "gpiod", ModuleType("gpiod"))
    opened: list[Path] = []

    def lines(chip: Path, wiring: Wiring) -> FakeLines:
        opened.append(chip)
        return FakeLines(wiring)

    monkeypatch.setattr(faces, "GpiodLines", lines)
    monkeypatch.setattr(faces.Chip, "find", lambda self: Path("/dev/gpiochip9"))
    config = Config.default().with_values({"status.gpio.chip": "/dev/gpiochip0", "status.gpio.led": 1})
    face = faces._gpio(config, NotedControls(), Hub())  # type: ignore[arg-type]
    try:
        eventually(lambda: opened == [Path("/dev/gpiochip9")], "the chip that was found")
    finally:
        face.close()
