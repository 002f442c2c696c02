"""The tables of ``bench_room.py``."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from tables import table

Rows = list[dict[str, Any]]


def report(rows: Rows) -> str:
    """Markdown, of what was measured so far."""
    lines = ["# Hearing in a room", "", "By `bench/bench_room.py`, which says what it means."]
    for part, title, made in (
        ("ends", "The end of a turn with a television on", ends),
        ("starts", "The begin of an utterance in kitchen noise", starts),
        ("words", "Orders wholly right, in kitchen noise", words),
    ):
        chosen = [row for row in rows if row["part"] == part]
        if chosen:
            lines += ["", f"## {title}", "", *made(chosen)]
    return "\n".join(lines) + "\n"


def grouped(rows: Rows, *keys: str) -> dict[tuple[Any, ...], Rows]:
    found: dict[tuple[Any, ...], Rows] = defaultdict(list)
    for row in rows:
        found[tuple(row[key] for key in keys)].append(row)
    return found


def ends(rows: Rows) -> list[str]:
    head = ("television below", "in front", "sentences", "end after, ms, 50 / 95 / 100 %", "more than 1 s late", "cut")
    lines = []
    for (level_db, arm), found in sorted(grouped(rows, "level_db", "arm").items(), key=lambda i: -(i[0][0] or 99)):
        delays = [14_000 if row["delay_ms"] is None else row["delay_ms"] for row in found]
        spread = " / ".join(f"{np.percentile(delays, p):.0f}" for p in (50, 95, 100))
        late, cut = sum(d > 1000 for d in delays), sum(row["cut"] for row in found)
        lines.append(["none" if level_db is None else f"{level_db} dB", arm, len(found), spread, late, cut])
    return table(head, lines)


def starts(rows: Rows) -> list[str]:
    head = ("sound", "dB", "in front", "recordings", "heard", "utterances", "begun after, ms, 50 / 95 %")
    lines = []
    for (of, snr, arm), found in grouped(rows, "of", "snr", "arm").items():
        late = [row["late_ms"] for row in found if row["late_ms"] is not None]
        spread = " / ".join(f"{np.percentile(late, p):.0f}" for p in (50, 95)) if late else ""
        heard = sum(row["begun"] > 0 for row in found)
        lines.append([of, snr, arm, len(found), heard, sum(row["begun"] for row in found), spread])
    return table(head, lines)


def words(rows: Rows) -> list[str]:
    found = grouped(rows, "snr", "arm")
    lines = []
    for snr, arm in found:
        right = sum(row["right"] for row in found[snr, arm])
        lines.append([snr, arm, len(found[snr, arm]), right, f"{100 * right / len(found[snr, arm]):.1f} %"])
    return table(("kitchen, dB", "in front", "orders", "wholly right", ""), lines)
