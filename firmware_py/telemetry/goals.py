"""The guide's Latency Goals."""

from __future__ import annotations

GOALS_MS = {
    "audio": (10.0, 20.0),
    "vad": (5.0, 10.0),
    "stt": (50.0, 100.0),
    "nlu": (30.0, 50.0),
    "reply": (40.0, 80.0),
    "tts_first": (80.0, 150.0),
    "total": (200.0, 500.0),
}
"""Stage -> below which it is "target" and "acceptable" (the guide's Latency Goals)."""


def grade(stage: str, ms: float) -> str:
    """The guide's word for ``ms`` in this row."""
    target, acceptable = GOALS_MS[stage]
    return "target" if ms < target else "acceptable" if ms < acceptable else "needs improvement"
