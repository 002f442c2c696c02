"""Noise behind a question that is open answers nothing: a slice of ``bench/bench_open_question.py``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))


def test_kitchen_noise_is_no_yes_and_no_number(weights: Path, recordings: Path) -> None:
    """The detector that noise sets off, behind a risky command and behind a timer without a time."""
    from bench_open_question import measured

    rows = measured("webrtc", ["Clear the shopping list.", "Set a timer."], 1, 12.0, levels=(-35.0,), folder=recordings)
    assert [row.asked for row in rows] == [1, 1]
    assert sum(row.utterances for row in rows) > 0, "no noise came as far as recognition"
    assert [row.answered for row in rows] == [0, 0]
