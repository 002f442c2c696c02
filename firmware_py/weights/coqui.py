"""A Coqui model on disk: which files it has, and whether they can be what they are called, before they are loaded."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from firmware_py.errors import BadWeights, Unavailable

CHECKPOINTS = (".pth", ".pt")
LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How ``torch.save`` began before it wrote ZIP archives (torch 1.6)."""
MOST_CONFIG = 16 << 20


@dataclass(frozen=True)
class CoquiFiles:
    """A checkpoint and its configuration; ``vocoder`` is another pair, for a model that makes spectrograms."""

    checkpoint: Path
    config: Path
    vocoder: tuple[Path, Path] | None = None


def checked_coqui(path: Path) -> CoquiFiles:
    """The model of a folder (one ``.pth`` beside ``config.json``, a vocoder in ``vocoder/``), or of a ``.pth``.

    Raises Unavailable when a file is missing and BadWeights when one is something else; both name the file.
    """
    checkpoint, config = _pair(path)
    vocoder = checkpoint.parent / "vocoder"
    return CoquiFiles(checkpoint, config, _pair(vocoder) if vocoder.is_dir() else None)


def _pair(path: Path) -> tuple[Path, Path]:
    checkpoint = _checkpoint(path) if path.is_dir() else path
    if checkpoint.suffix not in CHECKPOINTS or not checkpoint.is_file():
        raise Unavailable(f"{checkpoint}: no such Coqui model; a folder with a .pth and config.json, or the .pth")
    config = checkpoint.with_name("config.json")
    if not config.is_file():
        raise Unavailable(f"{config}: missing; a Coqui model has it beside its checkpoint")
    _check_config(config)
    _check_checkpoint(checkpoint)
    return checkpoint, config


def _checkpoint(folder: Path) -> Path:
    found = sorted(file for file in folder.iterdir() if file.suffix in CHECKPOINTS and not _is_speakers(file))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise Unavailable(f"{folder}: one Coqui checkpoint (.pth) is expected, there are: {names}")
    return found[0]


def _is_speakers(file: Path) -> bool:
    """Tables that lie beside a checkpoint and are none."""
    return file.stem.startswith(("speaker", "language"))


def _check_config(config: Path) -> None:
    try:
        if config.stat().st_size > MOST_CONFIG:
            raise ValueError("too large")
        data = json.loads(config.read_text("utf-8"))
        if not isinstance(data, dict) or not isinstance(data.get("model", data.get("generator_model")), str):
            raise ValueError("it names no model")
    except (ValueError, OSError) as error:
        raise BadWeights(f"{config}: not the configuration of a Coqui model ({error})") from error


def _check_checkpoint(checkpoint: Path) -> None:
    with checkpoint.open("rb") as file:
        if file.read(len(LEGACY)) == LEGACY:
            return
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            if not any(name.endswith("/data.pkl") for name in archive.namelist()):
                raise BadWeights(f"{checkpoint}: a ZIP archive, and no torch checkpoint")
    except (zipfile.BadZipFile, OSError) as error:
        raise BadWeights(f"{checkpoint}: truncated, or no torch checkpoint ({error})") from error
