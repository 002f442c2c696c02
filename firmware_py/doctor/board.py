"""``rtva doctor --board``: which board this is, the preset for it, and where the configuration differs from it."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from firmware_py import cores
from firmware_py.boards import BOARDS, leaves, recognise
from firmware_py.doctor import Case, Finding, ok, warn

THREADS = "stt.optimization.num_workers"


def look(case: Case, machine: str = "") -> Iterator[Finding]:
    """The board, then a line a key of its preset."""
    model = case.read("/proc/device-tree/model").rstrip("\0") or case.read("/sys/class/dmi/id/product_name")
    name = recognise(model, machine or platform.machine())
    said = model or machine or platform.machine()
    if not name:
        advice = f"there are presets for {', '.join(BOARDS)}; the nearest by cores and memory is a start"
        yield replace(warn(f"{said}: no preset for it", advice), name="board")
        return
    board = BOARDS[name]
    yield replace(ok(f"{said}: preset {name} ({board.label}), as --preset {name} or in the file"), name="board")
    for key, value in leaves(board.values):
        yield replace(_compared(case, key, value, board.reasons.get(key, "")), name=key)


def _compared(case: Case, key: str, value: Any, reason: str) -> Finding:
    because = f": {reason}" if reason else ""
    now = case.config.value(key)
    here = cores.available()
    if key == THREADS and value > here:  # a board's preset on a machine with fewer cores, such as a small PC
        value, because = here, f": {here} cores here, and the preset has {value}"
        now = now and min(now, here)
    if now == value:
        return ok(f"{value}{because}")
    return warn(f"{now} now; the board's preset has {value}{because}", f"set {key}: {value}")
