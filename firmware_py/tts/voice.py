"""What a Piper voice's JSON says about it, checked before anything is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_py.errors import BadInput, Unavailable


@dataclass(frozen=True)
class Voice:
    """The part of ``*.onnx.json`` that synthesis needs.

    ``scales`` is what the graph takes: noise, length, noise of the durations. ``speakers`` is 1 for a voice
    without a speaker table.
    """

    rate_hz: int
    espeak_voice: str
    phoneme_ids: dict[str, list[int]]
    scales: tuple[float, float, float]
    speakers: int = 1


def read_voice(path: Path) -> Voice:
    """Read and check a voice's configuration.

    Raises Unavailable when the file is missing or the voice needs something that is not here (another
    phonemiser than espeak), BadInput when it is not a Piper voice's configuration. Both name the file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unavailable(f"voice configuration {path} is missing") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"voice configuration {path} cannot be read: {error}") from error
    try:
        kind = data.get("phoneme_type") or "espeak"
        voice = _parse(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path} is not the configuration of a Piper voice ({type(error).__name__}: {error})") from error
    if kind != "espeak":
        raise Unavailable(f"voice {path} needs the phonemiser {kind!r}; only espeak voices are supported")
    return voice


def _parse(data: Any) -> Voice:
    inference = data.get("inference", {})
    rate_hz = int(data["audio"]["sample_rate"])
    if not 8_000 <= rate_hz <= 48_000:
        raise ValueError(f"audio.sample_rate {rate_hz} is not in 8000..48000")
    ids = {str(key): [int(i) for i in value] for key, value in data["phoneme_id_map"].items()}
    if not {"_", "^", "$"} <= set(ids):
        raise ValueError("phoneme_id_map lacks _, ^ or $")
    scales = tuple(float(inference.get(key, default)) for key, default in SCALES)
    if not all(0.0 <= scale <= 10.0 for scale in scales):
        raise ValueError(f"inference scales {scales} are not in 0..10")
    return Voice(rate_hz, str(data["espeak"]["voice"]), ids, (scales[0], scales[1], scales[2]), _speakers(data))


def _speakers(data: Any) -> int:
    return max(1, int(data.get("num_speakers") or 1))


SCALES = (("noise_scale", 0.667), ("length_scale", 1.0), ("noise_w", 0.8))
"""The graph's ``scales`` input in its order, with the defaults of VITS."""
