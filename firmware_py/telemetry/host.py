"""The machine's own load, from ``/proc`` and ``/sys``: processors, memory, and a GPU where there is one."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

JETSON_LOAD = ("sys/devices/gpu.0/load", "sys/devices/platform/gpu.0/load", "sys/devices/platform/bus@0/*.gpu/load")
"""Load of a Jetson's GPU in parts of 1000."""


class Cpu:
    """Share of the processors' time that was used since the last look, 0..1."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._file = root / "proc/stat"
        self._last = self._read()

    def used(self) -> float:
        busy, total = self._read()
        last_busy, last_total = self._last
        if total <= last_total:
            return 0.0
        self._last = busy, total
        return min(max((busy - last_busy) / (total - last_total), 0.0), 1.0)

    def _read(self) -> tuple[int, int]:
        """Ticks busy and in all; guest time stands within user time already."""
        try:
            fields = [int(word) for word in self._file.read_text("ascii").split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            return 0, 0
        return sum(fields) - sum(fields[3:5]), sum(fields)


def memory_used(root: Path = Path("/")) -> float:
    """Share of the memory that is not available, 0..1; 0 where nobody says."""
    try:
        sizes = _meminfo_kb(root)
        return 1.0 - sizes["MemAvailable"] / sizes["MemTotal"]
    except (OSError, ValueError, KeyError, IndexError, ZeroDivisionError):
        return 0.0


def memory_available_mb(root: Path = Path("/")) -> float | None:
    """What programs can still have, in megabytes, None where nobody says."""
    try:
        return _meminfo_kb(root)["MemAvailable"] / 1000
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _meminfo_kb(root: Path) -> dict[str, int]:
    lines = (root / "proc/meminfo").read_text("ascii").splitlines()
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}


def memory_pressure_percent(root: Path = Path("/")) -> float | None:
    """Share of the last 10 s in which something waited for memory (PSI, ``some avg10``), None without PSI."""
    try:
        words = (root / "proc/pressure/memory").read_text("ascii").split("\n", 1)[0].split()
        return float(dict(word.split("=", 1) for word in words[1:])["avg10"]) if words[0] == "some" else None
    except (OSError, ValueError, KeyError, IndexError):
        return None


def resident_bytes(pid: int | str = "self", root: Path = Path("/")) -> int:
    """Resident memory of a process, 0 when it is gone."""
    try:
        for line in (root / f"proc/{pid}/status").read_text("ascii", "replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0


def find_gpu(root: Path = Path("/")) -> Callable[[], float] | None:
    """A reading of the GPU's load, 0..1: a Jetson's from ``/sys``, another NVIDIA's from its driver; None without."""
    for pattern in JETSON_LOAD:
        for file in root.glob(pattern):
            return lambda file=file: _jetson(file)  # type: ignore[misc]
    return _nvml() if root == Path("/") else None


def _jetson(file: Path) -> float:
    try:
        return min(int(file.read_text("ascii")) / 1000, 1.0)
    except (OSError, ValueError):
        return 0.0


class _Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


def _nvml() -> Callable[[], float] | None:
    """The first GPU through the driver's management library (nvml.h: every call returns 0 when it worked)."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    device = ctypes.c_void_p()
    if nvml.nvmlInit_v2() or nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)):
        return None

    def read() -> float:
        use = _Utilization()
        return 0.0 if nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(use)) else use.gpu / 100

    return read
