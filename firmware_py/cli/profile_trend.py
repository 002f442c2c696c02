"""``rtva profile --trend``: keeps what was measured, and says how it compares with the weeks before."""

from __future__ import annotations

from typing import Any

from firmware_py import __version__
from firmware_py.cli import common
from firmware_py.doctor import trend
from firmware_py.errors import Unavailable

MUCH = 1.25
"""A total this much above the weeks before is said as a warning."""


def keep(first: dict[str, Any]) -> None:
    """Adds the profile's first table to the trend and prints the comparison on stderr. Raises Unavailable."""
    entry = {
        "rtva": __version__,
        "mode": first["mode"],
        "total_ms": first["total_ms"],
        "stages_ms": {row["stage"]: row["cost_p50_ms"] for row in first["stages"]},
        "turns": first["turns"],
    }
    try:
        entries = trend.append(entry)
    except OSError as error:
        raise Unavailable(f"{trend.path()}: {error.strerror or error}") from error
    ratio = trend.change(entries)
    if ratio is None:
        common.note([f"the first profile of the trend in {trend.path()}"])
    else:
        word = "SLOWER: " if ratio > MUCH else ""
        common.note([f"{word}{ratio:.2f} times the median of the profiles before it ({trend.path()})"])
