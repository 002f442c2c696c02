"""Opens a Whisper checkpoint in whatever form it comes."""

from __future__ import annotations

from pathlib import Path

from firmware_py.errors import BadWeights, NotFound
from firmware_py.weights import ct2, hf
from firmware_py.weights.ggml_reader import GgmlFile
from firmware_py.weights.whisper import Checkpoint


def open_source(form: str, folder: Path) -> Checkpoint:
    """A checkpoint from the files of a manifest source of that form. Raises BadWeights naming the file."""
    if form == "ctranslate2":
        return ct2.open_checkpoint(folder)
    return GgmlFile(next(folder.iterdir())).checkpoint()


def open_directory(directory: Path) -> Checkpoint:
    """A Hugging Face or CTranslate2 Whisper directory, told apart by its files. Raises BadWeights or NotFound."""
    if not directory.is_dir():
        raise NotFound(f"{directory}: no such file or directory")
    if not (directory / "config.json").is_file():
        raise BadWeights(f"{directory}/config.json: missing; a Whisper checkpoint directory has one")
    if (directory / "model.bin").is_file():
        return ct2.open_checkpoint(directory)
    if any(directory.glob("model*.safetensors*")):
        return hf.open_checkpoint(directory)
    if (directory / "pytorch_model.bin").is_file():
        raise BadWeights(f"{directory}/pytorch_model.bin: a pickle, which runs code when opened; save as safetensors")
    raise BadWeights(f"{directory}: neither model.bin (CTranslate2) nor model.safetensors (Hugging Face) is there")
