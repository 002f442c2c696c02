"""``rtva profile --trend``: keeps what the stages cost, and says how it compares with the weeks before.

What is kept is the cost of each stage, wherever in the turn that was: behind the endpoint a drafted turn waits for next
to nothing, however slow its recognition has become. Only profiles taken under the same conditions are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firmware_py import __version__
from firmware_py.cli import common
from firmware_py.doctor import trend
from firmware_py.errors import Unavailable

MUCH = 1.25
"""A cost this much above the weeks before is said as a warning."""
OWN_QUESTIONS = "questions"
"""Inputs: those that the voice asks when no recording is given."""
SAME = ("mode", "pace", "inputs", "preset", "turns")
"""What two profiles have in common that are compared."""


def inputs_of(files: Sequence[Path]) -> str:
    """The recordings by their content: 12 hexadecimal digits."""
    if not files:
        return OWN_QUESTIONS
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def keep(first: dict[str, Any], conditions: dict[str, Any]) -> None:
    """Adds the costs in the profile's first table to the trend, and says on stderr how they compare.

    ``conditions`` are ``pace``, ``inputs`` and ``preset``. Raises Unavailable.
    """
    costs = {row["stage"]: row["cost_p50_ms"] for row in first["stages"]}
    entry = {
        "rtva": __version__,
        "mode": first["mode"],
        **conditions,
        "turns": first["turns"],
        "total_ms": round(sum(costs.values()), 3),
        "stages_ms": costs,
    }
    try:
        entries = trend.append(entry)
    except OSError as error:
        raise Unavailable(f"{trend.path()}: {error.strerror or error}") from error
    alike = [kept for kept in entries if all(key in kept and kept[key] == entry[key] for key in SAME)]
    common.note([comparison(alike)])


def comparison(alike: list[dict[str, Any]]) -> str:
    """One line about the newest of profiles that can be compared."""
    ratio = trend.change(alike)
    if ratio is None:
        return f"the first profile of its kind ({', '.join(SAME)}) in {trend.path()}"
    stages = trend.stage_changes(alike)
    slower = [f"{stage} {times:.2f}" for stage, times in stages.items() if times > MUCH]
    word = "SLOWER: " if ratio > MUCH else ""
    which = f"; slower: {', '.join(slower)}" if slower else ""
    return f"{word}the stages cost {ratio:.2f} times the median of the profiles before it{which} ({trend.path()})"
