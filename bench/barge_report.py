"""The tables of ``bench_barge.py``."""

from __future__ import annotations

from typing import Any

from tables import table

ALONE = (
    "delay, ms",
    "level of the echo, dB",
    "drift, ppm",
    "reverberation, s",
    "bent",
    "noise",
    "speaking, s",
    "ERLE first 2 s, then, dB",
    "left, dB",
    "speech believed at the end",
    "false interruptions",
    "self-answers",
)
OVER = (
    "delay, ms",
    "drift, ppm",
    "noise",
    "louder than the echo by, dB",
    "interrupted",
    "after, ms (median, P95)",
    "words wrong",
    "understood as in a quiet room",
)


def report(found: dict[str, dict[str, Any]]) -> str:
    """Markdown, of what was measured so far."""
    alone = [row for name, row in found.items() if name.startswith("alone")]
    over = [row for name, row in found.items() if name.startswith(("over", "without"))]
    lines = ["# Speech over an answer, in simulated rooms", "", "By `bench/bench_barge.py`, which says what it means."]
    if alone:
        lines += ["", "## The assistant alone", "", *table(ALONE, map(alone_row, alone)), "", rate(alone)]
    if over:
        lines += ["", "## A person over the second answer", "", *table(OVER, map(over_row, over))]
    return "\n".join(lines) + "\n"


def rate(rows: list[dict[str, Any]]) -> str:
    """How often an hour, with the 95 % bound where there was none (the rule of three)."""
    hours = sum(row["speaking_s"] for row in rows) / 3600
    count, answers = (sum(row[key] for row in rows) for key in ("interruptions", "self_answers"))
    an_hour = f"{count / hours:.1f} an hour" if count else f"95 %: fewer than {3 / hours:.1f} an hour"
    return (
        f"{hours * 60:.1f} minutes of speaking in {len(rows)} rooms: {count} false interruptions ({an_hour}), "
        f"{answers} self-answers."
    )


def noise(row: dict[str, Any]) -> str:
    return f"{row['noise']} {row['noise_db']:g} dB" if row["noise"] else "-72 dB"


def alone_row(row: dict[str, Any]) -> list[Any]:
    return [
        *(f"{row[key]:g}" for key in ("delay_ms", "gain_db", "drift_ppm", "rt60_s", "drive")),
        noise(row),
        f"{row['speaking_s']:.0f}",
        f"{row['erle_first_db']:g}, {row['erle_db']:g}",
        f"{row['left_db']:g}",
        "yes" if row["is_trusted"] else "no",
        row["interruptions"],
        row["self_answers"],
    ]


def over_row(row: dict[str, Any]) -> list[Any]:
    kept = f"{row['wer_percent']:g} %", f"{row['understood']} of {row['people']}"
    if "ratio_db" not in row:
        return ["", "", noise(row), "nothing plays", "", "", *kept]
    middle, most, _ = row["delay_ms_p50_p95_max"]
    return [
        f"{row['delay_ms']:g}",
        f"{row['drift_ppm']:g}",
        noise(row),
        row["ratio_db"],
        f"{row['interrupted']} of {row['people']}",
        f"{middle:.0f}, {most:.0f}",
        *kept,
    ]
