"""The guide's three Best Configurations, as it writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PRESETS: dict[str, Mapping[str, Any]] = {
    "low-latency": {
        "stt": {"model": "tiny.en", "streaming": True},
        "tts": {"engine": "pyttsx3"},
        "audio": {"input": {"chunk_size": 512}, "output": {"buffer_size": 1024}},
    },
    "balanced": {
        "stt": {"model": "base.en", "streaming": True},
        "tts": {"engine": "piper"},
        "audio": {"input": {"chunk_size": 1024}, "output": {"buffer_size": 2048}},
    },
    "high-quality": {
        "stt": {"model": "small.en", "streaming": False},
        "tts": {"engine": "coqui"},
        "audio": {"input": {"chunk_size": 2048}, "output": {"buffer_size": 4096}},
    },
}
