"""The guide's seven rows out of a turn's trace, their percentiles, and their grades.

Two figures a stage. *Cost*: how long the stage took, wherever in the turn that was. *Wait*: how much of it lay behind
the endpoint, the difference of two marks: the stage's own less the later of ``endpoint`` and the stage before it.
Without drafts the two are the same but for the microseconds between stages; with a draft that was ready there is
nothing left to wait for. Audio and VAD are the cost of one device period in both: the endpoint itself waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from firmware_py.events import TurnTrace
from firmware_py.telemetry.goals import GOALS_MS, grade

__all__ = ["GOALS_MS", "MARKS", "ROWS", "Times", "by_row", "costs", "grade", "graded", "percentiles", "waits"]

ROWS = {
    "audio": "Audio Processing",
    "vad": "VAD",
    "stt": "Speech-to-Text",
    "nlu": "NLP",
    "reply": "Response Generation",
    "tts_first": "Text-to-Speech",
}
"""Stage -> the guide's name. Text-to-Speech is the first chunk, as the guide's target is."""

MARKS = {"stt": "stt_done", "nlu": "nlu_done", "reply": "reply_done", "tts_first": "tts_first"}
"""Stage -> the mark at its end."""

Times = dict[str, float]
"""Milliseconds by stage."""


def costs(trace: TurnTrace) -> Times:
    """How long each stage took; 0 for one that was not reached."""
    return {stage: trace.stages_ms.get(stage, 0.0) for stage in ROWS}


def waits(trace: TurnTrace) -> Times:
    """How much of each stage lay behind the endpoint; all but audio and VAD add up to ``tts_first - endpoint``."""
    found = costs(trace)
    reached = trace.marks["endpoint"]
    for stage, mark in MARKS.items():
        at = trace.marks.get(mark, reached)
        found[stage] = max(0, at - reached) / 1e6
        reached = max(reached, at)
    return found


def percentiles(values: Sequence[float]) -> Times:
    """``avg_ms, p50_ms, p95_ms, p99_ms``, interpolated as numpy does and so as the guide's listing does."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    found = {"avg_ms": np.mean(values), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}
    return {name: round(float(value), 3) for name, value in found.items()}


def by_row(turns: Sequence[Times]) -> dict[str, list[float]]:
    """The turns' values row by row, the turn's sum as ``total`` behind them."""
    rows = {stage: [turn[stage] for turn in turns] for stage in ROWS}
    return {**rows, "total": [sum(turn.values()) for turn in turns]}


def graded(turns: Sequence[Times], cost: Sequence[Times]) -> list[dict[str, Any]]:
    """One object a row of the guide, ``total`` last: median, share of the medians' sum, percentiles, grades, cost."""
    rows, spent = by_row(turns), by_row(cost)
    medians = {stage: float(np.median(rows[stage])) for stage in ROWS}
    total = sum(medians.values())
    found = []
    for stage, values in rows.items():
        ms, p = medians.get(stage, total), percentiles(values)
        found.append(
            {
                "stage": stage,
                "name": ROWS.get(stage, "Total End-to-End"),
                "ms": round(ms, 3),
                "share": round(ms / total, 4) if total else 0.0,
                **p,
                "grade": grade(stage, p["p50_ms"]),
                "grade_p95": grade(stage, p["p95_ms"]),
                "cost_p50_ms": percentiles(spent[stage])["p50_ms"],
                "cost_p95_ms": percentiles(spent[stage])["p95_ms"],
            }
        )
    return found
