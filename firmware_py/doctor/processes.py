"""Who uses the processors beside rtva, from two looks at ``/proc``."""

from __future__ import annotations

import time
from pathlib import Path

LOOK_S = 0.2
TICKS_A_SECOND = 100
"""``USER_HZ``: what ``/proc/PID/stat`` counts in on every Linux architecture that rtva runs on (proc(5))."""
OWN = ("rtva", "python", "stt-", "tts-", "worker")


def busiest(root: Path = Path("/"), look_s: float = LOOK_S) -> list[tuple[str, float]]:
    """The three busiest other processes as name and share of one processor, over ``look_s`` seconds."""
    before = _ticks(root)
    time.sleep(look_s)
    used = {}
    for pid, (name, ticks) in _ticks(root).items():
        was = before.get(pid)
        if was is not None and was[0] == name and not name.startswith(OWN):
            used[f"{name} ({pid})"] = (ticks - was[1]) / TICKS_A_SECOND / max(look_s, 1e-3)
    return sorted(used.items(), key=lambda item: -item[1])[:3]


def _ticks(root: Path) -> dict[int, tuple[str, int]]:
    """Process -> name and ticks used in user and kernel mode."""
    found: dict[int, tuple[str, int]] = {}
    for stat in (root / "proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text("utf-8", "replace")
            name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
            found[int(stat.parent.name)] = name, int(rest[11]) + int(rest[12])
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
    return found
