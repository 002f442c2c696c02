"""Readings of the board from /sys and /proc. A reading that is not there is None, never a guess.

Addresses come from /proc, so no socket is opened: the service forbids AF_INET and AF_NETLINK.
"""

from __future__ import annotations

import ipaddress
import shutil
from dataclasses import dataclass
from pathlib import Path

_PREFERRED_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "x86_pkg_temp", "CPU-therm", "cpu", "acpitz")


@dataclass(frozen=True)
class Disk:
    """A file system's size and what is free on it, in bytes."""

    total_bytes: int
    free_bytes: int


class Board:
    """``root`` is the file system's root (another one in tests); ``disk_path`` is where the disk is measured."""

    def __init__(self, root: Path = Path("/"), disk_path: Path | None = None) -> None:
        self._root = root
        self._disk_path = disk_path or root

    def temperature_c(self) -> float | None:
        """The processor's temperature in degrees Celsius; the warmest sensor where none is named after it."""
        readings: dict[str, float] = {}
        for zone in sorted((self._root / "sys/class/thermal").glob("thermal_zone*")):
            text = _text(zone / "temp")
            try:
                celsius = int(text) / 1000
            except ValueError:
                continue
            if -50 < celsius < 200:
                name = _text(zone / "type") or zone.name
                readings[name] = max(celsius, readings.get(name, celsius))
        for name in _PREFERRED_ZONES:
            if name in readings:
                return readings[name]
        return max(readings.values(), default=None)

    def uptime_s(self) -> float | None:
        """Seconds since the board started."""
        try:
            return float(_text(self._root / "proc/uptime").split()[0])
        except (IndexError, ValueError):
            return None

    def addresses(self) -> list[str]:
        """IPv4 addresses of this board that others can reach, then global IPv6 ones."""
        return [*_ipv4(_text(self._root / "proc/net/fib_trie")), *_ipv6(_text(self._root / "proc/net/if_inet6"))]

    def disk(self) -> Disk | None:
        """The file system of ``disk_path``."""
        try:
            usage = shutil.disk_usage(self._disk_path)
        except OSError:
            return None
        return Disk(usage.total, usage.free)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _ipv4(fib_trie: str) -> list[str]:
    """Local host entries of the kernel's routing table: an address line followed by ``/32 host LOCAL``."""
    found: dict[str, None] = {}
    address = ""
    for line in fib_trie.splitlines():
        words = line.replace("|--", " ").split()
        if len(words) == 1:
            address = words[0]
        elif words[:3] == ["/32", "host", "LOCAL"] and _is_reachable(address):
            found[address] = None
    return list(found)


def _ipv6(if_inet6: str) -> list[str]:
    """Lines are ``address index prefix scope flags device``; scope 00 is global."""
    found: list[str] = []
    for line in if_inet6.splitlines():
        fields = line.split()
        if len(fields) == 6 and fields[3] == "00":
            text = ":".join(fields[0][i : i + 4] for i in range(0, 32, 4))
            if _is_reachable(text):
                found.append(str(ipaddress.ip_address(text)))
    return found


def _is_reachable(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)
