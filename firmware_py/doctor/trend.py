"""The trend of the weekly profile: a bounded file with a JSON object a line, the newest last.

``total_ms`` is what the stages cost together.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_py import models

FILE = "profile-trend.jsonl"
MOST_LINES = 260
"""Five years of weeks."""
LINE_BYTES = 4096
LEAST_MS = 5.0
"""A stage below this is noise."""


def path() -> Path:
    """Beside the state."""
    return models.home() / FILE


def read(file: Path | None = None) -> list[dict[str, Any]]:
    """All entries that can be read; a torn line is left out."""
    try:
        lines = (file or path()).read_text("utf-8", "replace").splitlines()[-MOST_LINES:]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if (
            isinstance(entry, dict)
            and isinstance(entry.get("at"), int | float)
            and isinstance(entry.get("total_ms"), int | float)
        ):
            found.append(entry)
    return found


def newest(file: Path | None = None) -> dict[str, Any] | None:
    entries = read(file)
    return entries[-1] if entries else None


def append(entry: dict[str, Any], file: Path | None = None) -> list[dict[str, Any]]:
    """Adds an entry with the time, drops the oldest, and replaces the file whole. Returns all. Raises OSError."""
    file = file or path()
    entries = [*read(file), {"at": round(time.time()), **entry}][-MOST_LINES:]
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_text("".join(json.dumps(e, ensure_ascii=False)[:LINE_BYTES] + "\n" for e in entries), "utf-8")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return entries


def change(entries: list[dict[str, Any]]) -> float | None:
    """The newest total against the median of up to eight before it, as a ratio; None without any before."""
    return _against(entries, lambda entry: entry["total_ms"])


def stage_changes(entries: list[dict[str, Any]]) -> dict[str, float]:
    """The same of each stage that took at least :data:`LEAST_MS`."""
    found = {}
    for stage, ms in entries[-1]["stages_ms"].items():
        ratio = _against(entries, lambda entry, stage=stage: entry["stages_ms"].get(stage, 0.0))  # type: ignore[misc]
        if ratio is not None and ms >= LEAST_MS:
            found[stage] = ratio
    return found


def _against(entries: list[dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> float | None:
    before = sorted(value(entry) for entry in entries[-9:-1])
    middle = before[len(before) // 2] if before else 0.0
    return value(entries[-1]) / middle if middle else None
