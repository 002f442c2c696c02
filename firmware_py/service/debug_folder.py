"""Where a debug capture lies: a bounded folder that only the service's user may open, and that empties itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from firmware_py.events import TurnEvent, TurnTrace
from firmware_py.service.private_folder import KEEP_S, Bounds, PrivateFolder

__all__ = ["KEEP_S", "Bounds", "DebugFolder", "plain", "trace_fields", "turn_fields"]


class DebugFolder(PrivateFolder):
    """One thread writes. A turn is ``turn-TIME-N.wav`` and ``.json`` of the same name, each whole or absent."""

    def __init__(self, path: Path, bounds: Bounds | None = None, wall: Callable[[], float] = time.time) -> None:
        super().__init__(path, "turn", bounds or Bounds(), wall)

    def write(self, event: TurnEvent, trace: TurnTrace | None, error: str = "") -> None:
        """Stores a turn, both files or neither. Raises OSError or RtvaError, as on a full disk."""
        text = json.dumps(turn_fields(event, trace, error), ensure_ascii=False, indent=1, default=plain).encode()
        self.make_room(event.audio.nbytes + len(text) + 44)
        self.write_pair([event.audio], lambda: text)


def turn_fields(event: TurnEvent, trace: TurnTrace | None, error: str = "") -> dict[str, Any]:
    """What the JSON beside the sound says; positions are samples at 16 kHz since the capture began."""
    return {
        "kind": event.kind.value,
        "start": event.start,
        "at": event.at,
        "speech_start": event.speech_start,
        "speech_end": event.speech_end,
        "error": error or None,
        "trace": trace_fields(trace) if trace else None,
    }


def trace_fields(trace: TurnTrace) -> dict[str, Any]:
    """Plain values; of actions their names alone, for their arguments may hold a key."""
    told = {f.name: getattr(trace, f.name) for f in fields(trace)}
    return {**told, "actions": [action.name for action in trace.actions], "marks_ms": trace.marks_ms()}


def plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
