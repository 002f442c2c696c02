"""A turn as a waterfall: what began and ended when, counted from the last spoken word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STAGES = (("stt", "stt_done"), ("nlu", "nlu_done"), ("reply", "reply_done"), ("tts_first", "tts_first"))
"""A stage of ``stages_ms`` and the mark at its end; it began its duration earlier."""


@dataclass(frozen=True)
class Bar:
    """``start_ms`` and ``end_ms`` since ``speech_end``; negative is before it."""

    name: str
    start_ms: float
    end_ms: float


def waterfall(marks_ms: Mapping[str, float | None], stages_ms: Mapping[str, float]) -> list[Bar]:
    """The bars of one turn in the order of their names; what was not reached is left out.

    ``silence`` runs from the last word to the endpoint (the hangover), ``wait`` from the endpoint to the first sound
    handed to the device, ``device`` from there until it is heard.
    """
    zero = marks_ms.get("speech_end")
    if zero is None:
        return []
    at = {name: ms - zero for name, ms in marks_ms.items() if ms is not None}
    bars = _between(at, "silence", "speech_end", "endpoint")
    for stage, mark in STAGES:
        if mark in at and stage in stages_ms:
            bars.append(Bar(stage, at[mark] - stages_ms[stage], at[mark]))
    return [*bars, *_between(at, "wait", "endpoint", "play_first"), *_between(at, "device", "play_first", "heard")]


def _between(at: Mapping[str, float], name: str, first: str, last: str) -> list[Bar]:
    return [Bar(name, at[first], at[last])] if first in at and last in at else []


def drawn(bars: list[Bar], cells: int, mark: str = "#") -> list[str]:
    """A line a bar of ``cells`` characters on one common scale."""
    if not bars:
        return []
    left, right = min(b.start_ms for b in bars), max(b.end_ms for b in bars)
    scale = cells / max(right - left, 1e-9)
    lines = []
    for bar in bars:
        start = min(int((bar.start_ms - left) * scale), cells - 1)
        length = max(1, min(round((bar.end_ms - bar.start_ms) * scale), cells - start))
        lines.append((" " * start + mark * length).ljust(cells))
    return lines
