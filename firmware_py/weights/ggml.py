"""Writes the ggml container that whisper.cpp loads.

Layout, all little-endian: magic, the ten int32 of ``Dims`` and the file type; the mel filter bank (rows, columns,
float32); the token table (count, then length and bytes of each); then every tensor as number of dimensions, name
length, element type, dimensions from the fastest on, name, data. The result is a function of the checkpoint
alone, and byte for byte the file that whisper.cpp's own tools make from OpenAI's checkpoint.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadWeights
from firmware_py.weights import mel
from firmware_py.weights.whisper import Checkpoint, Tensor, is_conv_bias

MAGIC = 0x67676D6C
BLOCK = 32
QUANT_VERSION = 2
"""GGML_QNT_VERSION: a quantised file's type is 1000 * version + type."""

_BATCH = 1 << 14
"""Blocks that are quantised at a time: 2 MiB of float32 stay in the cache, and memory stays small."""


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def _f16(value: Tensor) -> bytes:
    return np.ascontiguousarray(value, "<f2").tobytes()


def _f32(value: Tensor) -> bytes:
    return np.ascontiguousarray(value, "<f4").tobytes()


def _inverse(scale: NDArray[np.float32]) -> NDArray[np.float32]:
    inverse = np.zeros_like(scale)
    np.divide(np.float32(1), scale, out=inverse, where=scale != 0)
    return inverse


def _q8_0(x: NDArray[np.float32]) -> bytes:
    scale = np.abs(x).max(axis=1, keepdims=True) / np.float32(127)
    scaled = x * _inverse(scale)
    whole = np.trunc(scaled)
    whole += np.copysign(np.abs(scaled - whole) >= np.float32(0.5), scaled)
    out = np.empty(len(x), np.dtype([("d", "<f2"), ("qs", "i1", BLOCK)]))
    out["d"], out["qs"] = scale[:, 0], whole.astype(np.int8)
    return out.tobytes()


def _q4_0(x: NDArray[np.float32]) -> bytes:
    largest = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1) + np.float32(0)  # no negative zero
    scale = largest / np.float32(-8)
    nibbles = np.minimum(15, (x * _inverse(scale) + np.float32(8.5)).astype(np.int8)).astype(np.uint8)
    out = np.empty(len(x), np.dtype([("d", "<f2"), ("qs", "u1", BLOCK // 2)]))
    out["d"], out["qs"] = scale[:, 0], nibbles[:, :16] | (nibbles[:, 16:] << 4)
    return out.tobytes()


def _batches(value: Tensor, encode: Callable[[NDArray[np.float32]], bytes]) -> bytes:
    blocks = value.reshape(-1, BLOCK)
    batches = (blocks[i : i + _BATCH].astype(np.float32) for i in range(0, len(blocks), _BATCH))
    return b"".join(map(encode, batches))


def q8_0(value: Tensor) -> bytes:
    """Blocks of 32 values: a float16 scale ``max|x| / 127``, then 32 int8. Rounds halves away from zero."""
    return _batches(value, _q8_0)


def q4_0(value: Tensor) -> bytes:
    """Blocks of 32 values: a float16 scale (the value of largest magnitude over -8), then 32 nibbles, 8 being zero.

    Byte j holds value j in its low and value j + 16 in its high nibble.
    """
    return _batches(value, _q4_0)


@dataclass(frozen=True)
class Format:
    """One kind of ggml file: its type number, that of its 2-D weights, and their encoder."""

    file_type: int
    weight_type: int
    encode: Callable[[Tensor], bytes]


F32, F16 = 0, 1
FORMATS = {
    "f16": Format(1, F16, _f16),
    "q4_0": Format(1000 * QUANT_VERSION + 2, 2, q4_0),
    "q8_0": Format(1000 * QUANT_VERSION + 7, 8, q8_0),
}
"""No f32: whisper.cpp cannot run such a file (see :data:`firmware_py.weights.library.FORMAT_OF`)."""


def _header(checkpoint: Checkpoint, file_type: int) -> bytes:
    bank = mel.filter_bank(checkpoint.dims.n_mels)
    numbers = [MAGIC, *astuple(checkpoint.dims), file_type, *bank.shape]
    words = b"".join(struct.pack("<i", len(word)) + word for word in checkpoint.tokens)
    return struct.pack("<14i", *numbers) + _f32(bank) + struct.pack("<i", len(checkpoint.tokens)) + words


def _fits(value: Tensor) -> bool:
    """Whether all values are finite in float16, which itself is judged by its bits: its arithmetic is slow."""
    if value.dtype == np.float16:
        return not bool((np.ascontiguousarray(value).view(np.uint16) & 0x7C00 == 0x7C00).any())
    return bool((np.abs(value) <= np.finfo(np.float16).max).all())


def _encode(name: str, value: Tensor, form: Format, origin: str) -> tuple[int, bytes]:
    """Element type and data of one tensor: biases, norms and positions stay float32, as whisper.cpp expects them."""
    if not _fits(value):
        raise BadWeights(f"{origin}: {name} holds values that are not finite or too large: refused")
    if value.ndim == 1 or name.endswith("positional_embedding"):
        return F32, _f32(value)
    if value.ndim == 3:
        return F16, _f16(value)
    if form.weight_type > F16 and value.shape[1] % BLOCK:
        raise BadWeights(f"{origin}: {name} has rows of {value.shape[1]}, not a multiple of {BLOCK}: use float16")
    return form.weight_type, form.encode(value)


def write(checkpoint: Checkpoint, kind: str, out: Sink) -> None:
    """Writes a checkpoint as ``kind`` (a key of :data:`FORMATS`). Raises BadWeights when the checkpoint is bad."""
    form = FORMATS[kind]
    out.write(_header(checkpoint, form.file_type))
    for name, value in checkpoint.tensors():
        element, data = _encode(name, value, form, checkpoint.origin)
        shape = (*value.shape, 1) if is_conv_bias(name) else value.shape
        label = name.encode()
        out.write(struct.pack(f"<{3 + len(shape)}i", len(shape), len(label), element, *reversed(shape)))
        out.write(label)
        out.write(data)
