"""Reads a Hugging Face Whisper checkpoint directory: ``config.json``, a vocabulary and safetensors files.

The safetensors format is a 64-bit length, a JSON table of that length, and the data
(https://github.com/huggingface/safetensors, "Format"). Pickled checkpoints (``pytorch_model.bin``) run code when
they are opened and are refused.
"""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadWeights
from firmware_py.weights import tokens
from firmware_py.weights.whisper import Checkpoint, Dims, Tensor, check_dims

_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_MAX_TABLE = 100 << 20

_KEYS = {
    "n_vocab": "vocab_size",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
    "n_mels": "num_mel_bins",
}

_RENAME = (
    (r"^(encoder|decoder)\.positional_embedding$", r"\1.embed_positions.weight"),
    (r"^decoder\.token_embedding\.", "decoder.embed_tokens."),
    (r"^(?:encoder\.ln_post|decoder\.ln)\.", lambda m: f"{m[0][:7]}.layer_norm."),
    (r"\.blocks\.", ".layers."),
    (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."),
    (r"\.cross_attn_ln\.", ".encoder_attn_layer_norm."),
    (r"\.attn_ln\.", ".self_attn_layer_norm."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.attn\.", ".self_attn."),
    (r"\.(query|key|value)\.", lambda m: f".{m[1][0]}_proj."),
    (r"(_attn)\.out\.", r"\1.out_proj."),
)


def renamed(name: str) -> str:
    """OpenAI's tensor name in Hugging Face's words, without the ``model.`` before it."""
    for pattern, replacement in _RENAME:
        name = re.sub(pattern, replacement, name)
    return name


class SafeTensors:
    """One safetensors file, mapped read-only. Raises BadWeights naming the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
            size = struct.unpack("<Q", self._data[:8].tobytes())[0]
            if size > min(_MAX_TABLE, len(self._data) - 8):
                raise ValueError(f"a table of {size} bytes in a file of {len(self._data)}")
            table = json.loads(self._data[8 : 8 + size].tobytes())
            self._start = 8 + int(size)
            self.tensors: dict[str, dict[str, Any]] = {k: v for k, v in table.items() if k != "__metadata__"}
        except (OSError, ValueError, struct.error, AttributeError) as error:
            raise BadWeights(f"{path}: not a safetensors file ({error})") from error

    def tensor(self, name: str) -> Tensor:
        try:
            entry = self.tensors[name]
            shape = tuple(int(n) for n in entry["shape"])
            start, end = (int(n) for n in entry["data_offsets"])
            dtype = np.dtype(_DTYPES[entry["dtype"]])
        except (KeyError, TypeError, ValueError) as error:
            raise BadWeights(f"{self.path}: tensor {name} is described wrongly ({error!r})") from error
        if not 0 <= start <= end <= len(self._data) - self._start:
            raise BadWeights(f"{self.path}: truncated: tensor {name} ends after the file does")
        if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize != end - start:
            raise BadWeights(f"{self.path}: tensor {name} has {end - start} bytes, which its shape {shape} contradicts")
        flat = np.frombuffer(self._data, dtype, math.prod(shape), self._start + start)
        if entry["dtype"] == "BF16":
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        value: Tensor = flat.reshape(shape)
        return value


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadWeights(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise BadWeights(f"{path}: not JSON ({error})") from error
    if not isinstance(data, dict):
        raise BadWeights(f"{path}: not a JSON object")
    return data


def _dims(path: Path) -> Dims:
    config = _json(path)
    if config.get("model_type") != "whisper":
        raise BadWeights(f"{path}: model_type is {config.get('model_type')!r}, expected 'whisper'")
    numbers = {field: config.get(key) for field, key in _KEYS.items()}
    for field, value in numbers.items():
        if type(value) is not int:
            raise BadWeights(f"{path}: {_KEYS[field]} is {value!r}, expected a whole number")
    dims = Dims(**numbers)  # type: ignore[arg-type]
    check_dims(dims, str(path))
    return dims


def _files(directory: Path) -> list[Path]:
    index = directory / "model.safetensors.index.json"
    if not index.is_file():
        return [directory / "model.safetensors"]
    names = set(map(str, dict(_json(index).get("weight_map", {})).values()))
    if not names or any(Path(name).name != name for name in names):
        raise BadWeights(f"{index}: weight_map does not name files of this directory")
    return [directory / name for name in sorted(names)]


def open_checkpoint(directory: Path) -> Checkpoint:
    """A Hugging Face Whisper directory. Raises BadWeights naming the file that is missing or wrong."""
    dims = _dims(directory / "config.json")
    where = {name: file for file in map(SafeTensors, _files(directory)) for name in file.tensors}

    def tensor(name: str) -> Tensor:
        theirs = renamed(name)
        full = theirs if theirs in where else f"model.{theirs}"
        if full not in where:
            raise BadWeights(f"{directory}: no tensor {theirs} in its safetensors files: truncated or not Whisper")
        return where[full].tensor(full)

    return Checkpoint(str(directory), dims, tokens.read(directory), tensor)
