"""What is measured on: the user's recordings, or questions that the voice itself asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware_py.config import Config

QUESTIONS = (
    "What time is it?",
    "What is the date today?",
    "What is twelve times seven?",
    "Set the volume to forty percent.",
)


def uncached(config: Config) -> Config:
    """For measurements, which say the same again and again: every first chunk is made, none is kept speech."""
    return config.with_values({"tts.cache.enabled": False})


def ask_aloud(pipeline: Any, folder: Path) -> list[Path]:
    """Synthesises the questions into WAV files in ``folder``."""
    from firmware_py.audio.wav import write_wav

    files = [folder / f"{number}.wav" for number in range(len(QUESTIONS))]
    for file, question in zip(files, QUESTIONS, strict=True):
        write_wav(file, pipeline.tts.rate_hz, pipeline.tts.synthesize(question))
    return files
