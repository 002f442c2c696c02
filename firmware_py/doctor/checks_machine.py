"""The board: processor, memory, disk, heat, clock, and what the process is permitted."""

from __future__ import annotations

import os
import resource
import shutil
import time
from pathlib import Path

from firmware_py import models
from firmware_py.doctor import Case, Finding, check, ok, skip, warn

MB = 1024 * 1024
GUIDE_MEMORY_MB = {"tiny": 150, "base": 250, "small": 800, "medium": 2500}
"""The guide's memory of a model (1. Model Selection)."""

VOICE_MEMORY_MB = 171
"""Resident memory of a process with a medium Piper voice, measured."""

FREE_DISK_MB = 500
"""What fetching and converting the base model needs at its peak, rounded up."""

HOT_C = 80
"""Where the firmware of a Raspberry Pi begins to throttle (Raspberry Pi documentation, frequency management)."""

THROTTLED_NOW = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
"""Bits of the Raspberry Pi firmware's ``get_throttled``; the same 16 bits higher: since boot."""

RELEASED = 1_767_225_600
"""2026-01-01: no right clock is earlier than the program."""

RT_PRIORITY = 10
CAP_IPC_LOCK, CAP_SYS_NICE = 14, 23
LOCKED_MB = 64

SPEEDY = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI", "asimd": "NEON", "asimddp": "dot product",
          "i8mm": "int8 matrices"}  # fmt: skip


@check("processor")
def processor(case: Case) -> Finding:
    cores = len(os.sched_getaffinity(0))
    flags = case.cpu_flags()
    has = [label for flag, label in SPEEDY.items() if flag in flags]
    said = f"{cores} core{'s' if cores > 1 else ''}, {', '.join(has) or 'no vector instructions that help'}"
    governor = case.read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    if governor == "powersave":
        return warn(
            f"{said}; governor powersave", "echo performance > /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
    return ok(said + (f"; governor {governor}" if governor else ""))


@check("memory")
def memory(case: Case) -> Finding:
    fields = dict(line.split(":", 1) for line in case.read("/proc/meminfo").splitlines() if ":" in line)
    if "MemAvailable" not in fields:
        return skip("no /proc/meminfo")
    free_mb = int(fields["MemAvailable"].split()[0]) // 1024
    model = case.config.stt.model
    need_mb = GUIDE_MEMORY_MB.get(model.removesuffix(".en"), 0) + VOICE_MEMORY_MB
    if free_mb < need_mb:
        return warn(
            f"{free_mb} MB available; {model} and a voice take about {need_mb} MB", "use a smaller model or int8"
        )
    return ok(f"{free_mb} MB available; {model} and a voice take about {need_mb} MB")


@check("disk")
def disk(case: Case) -> Finding:
    home = models.home()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free_mb = shutil.disk_usage(there).free // MB
    if not os.access(there, os.W_OK):
        return warn(f"{there} cannot be written", "'rtva models fetch' needs it; set RTVA_HOME to another folder")
    if free_mb < FREE_DISK_MB:
        return warn(f"{free_mb} MB free in {home}", f"fetching weights needs up to {FREE_DISK_MB} MB")
    return ok(f"{free_mb} MB free in {home}")


@check("temperature")
def temperature(case: Case) -> Finding:
    throttled = case.read("/sys/devices/platform/soc/soc:firmware/get_throttled")
    bits = int(throttled, 16) if throttled else 0
    now = [name for bit, name in THROTTLED_NOW.items() if bits >> bit & 1]
    if now:
        return warn(
            f"the firmware says: {', '.join(now)}", "better cooling, or a stronger power supply for under-voltage"
        )
    zones = sorted((case.root / "sys/class/thermal").glob("thermal_zone*/temp"))
    degrees = [int(value) / 1000 for zone in zones if (value := _text(zone)).lstrip("-").isdigit()]
    if not degrees:
        return skip("no sensor")
    if max(degrees) >= HOT_C:
        return warn(f"{max(degrees):.0f} °C", f"boards slow down from {HOT_C} °C on: better cooling")
    earlier = [name for bit, name in THROTTLED_NOW.items() if bits >> (16 + bit) & 1]
    if earlier:
        return warn(
            f"{max(degrees):.0f} °C; since the start there was: {', '.join(earlier)}", "see to cooling and power"
        )
    return ok(f"{max(degrees):.0f} °C")


@check("clock")
def clock(case: Case) -> Finding:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(now))
    if now < RELEASED:
        return warn(f"{shown}: the clock is wrong, and so is the time that is spoken", "set it, or add a clock module")
    return ok(shown)


@check("real-time")
def real_time(case: Case) -> Finding:
    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    if _has_capability(case, CAP_SYS_NICE):
        return ok("permitted (CAP_SYS_NICE)")
    if limit >= RT_PRIORITY or limit == resource.RLIM_INFINITY:
        return ok(f"permitted (RLIMIT_RTPRIO {_limit(limit)})")
    return warn(
        f"not permitted (RLIMIT_RTPRIO {limit}); audio runs at ordinary priority",
        f"LimitRTPRIO={RT_PRIORITY} in the unit, or '@audio - rtprio {RT_PRIORITY}' in /etc/security/limits.d",
    )


@check("locked memory")
def locked_memory(case: Case) -> Finding:
    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    if _has_capability(case, CAP_IPC_LOCK):
        return ok("permitted (CAP_IPC_LOCK)")
    if limit == resource.RLIM_INFINITY or limit >= LOCKED_MB * MB:
        return ok(f"permitted (RLIMIT_MEMLOCK {_limit(limit)})")
    return warn(
        f"RLIMIT_MEMLOCK is {limit // 1024} KiB; audio buffers may be paged out",
        f"LimitMEMLOCK={LOCKED_MB}M in the unit, or '@audio - memlock {LOCKED_MB * 1024}' in /etc/security/limits.d",
    )


def _has_capability(case: Case, number: int) -> bool:
    for line in case.read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def _limit(value: int) -> str:
    return "unlimited" if value == resource.RLIM_INFINITY else str(value)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""
