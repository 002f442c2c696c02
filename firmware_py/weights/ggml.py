"""Writes and reads the ggml container that whisper.cpp loads.

Layout, all little-endian: magic, the eleven int32 of ``Dims`` and the file type; the mel filter bank (rows, columns,
float32); the token table (count, then length and bytes of each); then every tensor as number of dimensions, name
length, element type, dimensions from the fastest on, name, data. The result is a function of the checkpoint
alone, so its sha256 can be pinned.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadWeights
from firmware_py.weights import mel
from firmware_py.weights.whisper import Checkpoint, Tensor

MAGIC = 0x67676D6C
BLOCK = 32
QUANT_VERSION = 2
"""GGML_QNT_VERSION: a quantised file's type is 1000 * version + type."""


def _f16(value: Tensor) -> bytes:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(value, "<f2").tobytes()


def _f32(value: Tensor) -> bytes:
    return np.ascontiguousarray(value, "<f4").tobytes()


def _blocks(value: Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(value, np.float32).reshape(-1, BLOCK)


def _inverse(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale != 0)


def q8_0(value: Tensor) -> bytes:
    """Blocks of 32 values: a float16 scale ``max|x| / 127``, then 32 int8. Rounds halves away from zero."""
    x = _blocks(value)
    scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    scaled = x * _inverse(scale)
    whole = np.trunc(scaled)
    whole += np.copysign(np.abs(scaled - whole) >= np.float32(0.5), scaled)
    out = np.empty(len(x), np.dtype([("d", "<f2"), ("qs", "i1", BLOCK)]))
    out["d"], out["qs"] = scale[:, 0], whole.astype(np.int8)
    return out.tobytes()


def q4_0(value: Tensor) -> bytes:
    """Blocks of 32 values: a float16 scale (the value of largest magnitude over -8), then 32 nibbles, 8 being zero.

    Byte j holds value j in its low and value j + 16 in its high nibble.
    """
    x = _blocks(value)
    largest = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
    scale = largest / np.float32(-8)
    nibbles = np.minimum(15, (x * _inverse(scale) + np.float32(8.5)).astype(np.int8)).astype(np.uint8)
    out = np.empty(len(x), np.dtype([("d", "<f2"), ("qs", "u1", BLOCK // 2)]))
    out["d"], out["qs"] = scale[:, 0], nibbles[:, :16] | (nibbles[:, 16:] << 4)
    return out.tobytes()


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of ggml file: its type number, that of its 2-D weights and of its convolutions, and their encoder."""

    file_type: int
    weight_type: int
    conv_type: int
    encode: Callable[[Tensor], bytes]


F32, F16 = 0, 1
FORMATS = {
    "f32": Format(0, F32, F32, _f32),
    "f16": Format(1, F16, F16, _f16),
    "q4_0": Format(1000 * QUANT_VERSION + 2, 2, F16, q4_0),
    "q8_0": Format(1000 * QUANT_VERSION + 7, 8, F16, q8_0),
}


def _header(checkpoint: Checkpoint, file_type: int) -> bytes:
    bank = mel.filter_bank(checkpoint.dims.n_mels)
    numbers = [MAGIC, *dataclasses.astuple(checkpoint.dims), file_type, *bank.shape]
    words = b"".join(struct.pack("<i", len(word)) + word for word in checkpoint.tokens)
    return struct.pack("<14i", *numbers) + _f32(bank) + struct.pack("<i", len(checkpoint.tokens)) + words


def _encode(name: str, value: Tensor, form: Format, origin: str) -> tuple[int, bytes]:
    """Element type and data of one tensor: biases, norms and positions stay float32, as whisper.cpp expects them."""
    if value.ndim == 1 or name.endswith("positional_embedding"):
        return F32, _f32(value)
    if value.ndim == 3:
        return form.conv_type, _f16(value) if form.conv_type == F16 else _f32(value)
    if form.weight_type > F16 and value.shape[1] % BLOCK:
        raise BadWeights(f"{origin}: {name} has rows of {value.shape[1]}, not a multiple of {BLOCK}: use float16")
    return form.weight_type, form.encode(value)


def write(checkpoint: Checkpoint, kind: str, out: BinaryIO) -> None:
    """Writes a checkpoint as ``kind`` (a key of :data:`FORMATS`). Raises BadWeights when the checkpoint is bad."""
    form = FORMATS[kind]
    out.write(_header(checkpoint, form.file_type))
    for name, value in checkpoint.tensors():
        element, data = _encode(name, value, form, checkpoint.origin)
        shape = (*value.shape, 1) if ".conv" in name and value.ndim == 1 else value.shape
        label = name.encode()
        out.write(struct.pack(f"<{3 + len(shape)}i", len(shape), len(label), element, *reversed(shape)))
        out.write(label)
        out.write(data)
