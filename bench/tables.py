"""Markdown tables, and the machine that a report was made on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of one table."""
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def machine() -> str:
    """``2 cores (AMD EPYC), load 3.1``: other work that ran beside the measurement."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else "processor not named"
    return f"{len(os.sched_getaffinity(0))} cores ({processor}), load {os.getloadavg()[1]:.1f}"


def is_busy() -> bool:
    """Whether other work takes so much of the machine that the time that passed says nothing about rtva."""
    return os.getloadavg()[1] > 2 * len(os.sched_getaffinity(0))


BUSY = (
    "Other work took most of this machine: the times that passed are left out, and processor time is stretched by it."
)
