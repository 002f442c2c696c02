"""The report of ``bench_matrix.py``: the matrix, precision against the guide's claims, sizes by their shape alone."""

from __future__ import annotations

from typing import Any

from tables import BUSY, table

GUIDE = {
    "tiny": ("20-40 ms", "70-80 %", "150 MB"),
    "base": ("40-80 ms", "80-90 %", "250 MB"),
    "small": ("80-150 ms", "90-95 %", "800 MB"),
    "medium": ("150-300 ms", "95-97 %", "2500 MB"),
}
"""The guide's latency, accuracy and memory of a size (1. Model Selection)."""

CLAIMS = {"float16": "about 50 % less", "int8": "about 75 % less", "int4": "not mentioned"}
"""The guide's savings against float32 (6. Memory Optimization)."""


def report(results: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "# Model, precision, threads",
        "",
        f"`bench/bench_matrix.py`, {results['clips']} recorded orders of 2 to 6 s, {results['machine']}:",
        "compare rows with each other. Times: medians of up to four. Processor time is that of all threads; divided",
        "by their number it is about the time on an idle machine. Right: intent and slots of all orders wholly right",
        "from the open transcript. Memory: what loading and work added to the process; the first row of a model and",
        "precision heard all orders, the others four, and a retry at full context needs more of it.",
    ]
    if results["is_busy"]:
        lines += ["", BUSY]
    if results["rows"]:
        precision = _precision(results["rows"])
        lines += ["", *_matrix(results), "", "## Precision against float32", "", *precision]
    if results["sizes"]:
        lines += ["", "## Sizes by their shape alone", "", *_sizes(results)]
    return "\n".join(lines) + "\n"


def _guide(model: str) -> str:
    return ", ".join(GUIDE[model.removesuffix(".en")])


def _matrix(results: dict[str, Any]) -> list[str]:
    rows, clips = results["rows"], results["clips"]
    head = [
        "model",
        "precision",
        "threads",
        "ms",
        "processor ms",
        "right",
        "memory MB",
        "file MB",
        "the guide of this size",
    ]
    return table(
        head,
        [
            [
                *(r[key] for key in ("model", "precision", "threads")),
                "-" if results["is_busy"] else f"{r['median_ms']:.0f}",
                f"{r['cpu_ms']:.0f}",
                f"{round(r['right'] * clips)} of {clips}",
                r["memory_mb"],
                r["file_mb"],
                _guide(r["model"]),
            ]
            for r in rows
        ],
    )


def _precision(rows: list[dict[str, Any]]) -> list[str]:
    """Savings in the file and in memory; float32, which whisper.cpp cannot load, is twice float16's file.

    By the cells that heard every order: a retry at full context takes memory that the others may never have needed.
    """
    first = min(r["threads"] for r in rows)
    whole = {r["model"]: r for r in rows if r["precision"] == "float16" and r["threads"] == first}
    head = [
        "model",
        "precision",
        "file saves",
        "the guide",
        "memory / float16",
        "processor time / float16",
    ]
    return table(
        head,
        [
            [
                row["model"],
                row["precision"],
                f"{1 - row['file_mb'] / (2 * half['file_mb']):.0%}",
                CLAIMS[row["precision"]],
                f"{row['memory_mb'] / half['memory_mb']:.2f}",
                f"{row['cpu_ms'] / half['cpu_ms']:.2f}",
            ]
            for row in rows
            if row["threads"] == first and (half := whole.get(row["model"]))
        ],
    )


def _sizes(results: dict[str, Any]) -> list[str]:
    seconds, tokens = results["shape"]
    rows = results["sizes"]
    least = next((r["cpu_ms"] for r in rows if r["model"] == "tiny.en"), None)
    head = ["model, int8", "weights", "ms", "processor ms", "times tiny.en", "memory MB", "file MB", "the guide"]
    return [
        f"One encode of {seconds} s of sound and {tokens} tokens. Random weights where said: time and memory alone.",
        "",
        *table(
            head,
            [
                [
                    r["model"],
                    "random" if r["is_random"] else "real",
                    "-" if results["is_busy"] else f"{r['median_ms']:.0f}",
                    f"{r['cpu_ms']:.0f}",
                    f"{r['cpu_ms'] / least:.1f}" if least else "",
                    r["memory_mb"],
                    r["file_mb"],
                    _guide(r["model"]),
                ]
                for r in rows
            ],
        ),
    ]
