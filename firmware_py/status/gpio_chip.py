"""Which GPIO chip is meant, after the kernel has given it another number."""

from __future__ import annotations

from pathlib import Path

SYSFS = Path("/sys/bus/gpio/devices")


class Chip:
    """The chip at ``place`` when it was first there; later the same piece of hardware, whatever its number.

    It is known by the device above it in sysfs (a driver that is bound anew registers its chip under that device
    again, not always under the old number). Where sysfs does not tell, ``place`` is all there is.
    """

    def __init__(self, place: Path, sysfs: Path = SYSFS, dev: Path = Path("/dev")) -> None:
        self._place, self._sysfs, self._dev = place, sysfs, dev
        self._hardware: Path | None = None

    def find(self) -> Path:
        """Where it is now. Raises OSError while it is away: another chip at its place is not taken for it."""
        number = self._place.resolve().name
        if self._hardware is None:
            self._hardware = self._hardware_of(number)
        if self._hardware is None or self._hardware_of(number) == self._hardware:
            return self._place
        for entry in sorted(self._sysfs.iterdir()):
            if self._hardware_of(entry.name) == self._hardware:
                return self._dev / entry.name
        raise OSError(f"{self._place}: the chip of {self._hardware.name} is away")

    def _hardware_of(self, number: str) -> Path | None:
        """The device above a chip, None where there is no such chip or several share one (their order may change)."""
        entry = self._sysfs / number
        if not entry.exists():
            return None
        above = entry.resolve().parent
        return above if len(list(above.glob("gpiochip[0-9]*"))) == 1 else None
