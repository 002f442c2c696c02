"""Opens a Whisper checkpoint in whatever form it comes."""

from __future__ import annotations

from pathlib import Path

from firmware_py.weights import ct2
from firmware_py.weights.whisper import Checkpoint


def open_source(form: str, folder: Path) -> Checkpoint:
    """A checkpoint from the files of a manifest source of that form. Raises BadWeights naming the file."""
    return ct2.open_checkpoint(folder)
