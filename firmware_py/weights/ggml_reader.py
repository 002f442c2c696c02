"""Reads a ready ggml Whisper file: as a checkpoint to convert, or to see that whisper.cpp can load it.

whisper.cpp answers a damaged file with a C++ exception or a crash, so nothing it loads may pass by here unread.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from firmware_py.errors import BadWeights
from firmware_py.weights.ggml import F16, F32, MAGIC
from firmware_py.weights.whisper import Checkpoint, Dims, Tensor, check_dims, is_conv_bias, layout

ELEMENTS = {0: (4, 1), 1: (2, 1), 2: (18, 32), 3: (20, 32), 6: (22, 32), 7: (24, 32), 8: (34, 32)}
"""Element type -> bytes a block, values a block."""

NAMES = {0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0"}
_FILE_TYPES = {0: 0, 1: 1, 2: 2, 3: 3, 7: 8, 8: 6, 9: 7}
"""File type (without the quantisation version) -> element type of the 2-D weights."""


@dataclass(frozen=True)
class _Tensor:
    element: int
    offset: int
    size: int


class GgmlFile:
    """A ggml Whisper file, checked from the first byte to the last. ``kind`` is ``f16``, ``q8_0`` and so on.

    Raises BadWeights naming the file and what is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            if path.stat().st_size < 64:
                raise self._bad("too short to be a ggml Whisper model")
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._at = 0
        if self._ints(1)[0] != MAGIC:
            raise self._bad("not a ggml file (wrong magic)")
        *numbers, file_type = self._ints(len(fields(Dims)) + 1)
        self.dims = Dims(*numbers)
        check_dims(self.dims, str(path))
        if file_type % 1000 not in _FILE_TYPES:
            raise self._bad(f"file type {file_type} is not known")
        self._weight_type = _FILE_TYPES[file_type % 1000]
        self.kind = NAMES[self._weight_type]
        self._skip_filters()
        self.tokens = self._read_tokens()
        self._tensors = self._read_tensors()

    def _bad(self, what: str) -> BadWeights:
        return BadWeights(f"{self.path}: {what}")

    def _take(self, count: int) -> int:
        """Steps over ``count`` bytes; returns where they began."""
        if count < 0 or self._at + count > len(self._data):
            raise self._bad(f"truncated: {len(self._data)} bytes, more expected at {self._at}")
        self._at += count
        return self._at - count

    def _ints(self, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}i", self._data, self._take(4 * count))

    def _skip_filters(self) -> None:
        rows, columns = self._ints(2)
        if rows != self.dims.n_mels or columns != 201:
            raise self._bad(f"a mel filter bank of {rows} x {columns}, expected {self.dims.n_mels} x 201")
        self._take(4 * rows * columns)

    def _read_tokens(self) -> tuple[bytes, ...]:
        count = self._ints(1)[0]
        if not 0 < count <= self.dims.n_vocab:
            raise self._bad(f"{count} tokens for a vocabulary of {self.dims.n_vocab}")
        words = []
        for _ in range(count):
            length = self._ints(1)[0]
            start = self._take(length)
            words.append(self._data[start : start + length])
        return tuple(words)

    def _read_tensors(self) -> dict[str, _Tensor]:
        expected = dict(layout(self.dims))
        found: dict[str, _Tensor] = {}
        while self._at < len(self._data):
            name, shape, tensor = self._read_tensor()
            if name in found or name not in expected:
                raise self._bad(f"a tensor that Whisper does not have, or has once: {name[:60]!r}")
            right = (*expected[name], 1) if is_conv_bias(name) else expected[name]
            element = self._element_of(name, right)
            if shape != right or tensor.element != element:
                found_kind, kind = NAMES[tensor.element], NAMES[element]
                raise self._bad(f"tensor {name} is {found_kind} {shape}, expected {kind} {right}")
            found[name] = tensor
        if missing := [name for name in expected if name not in found]:
            raise self._bad(f"truncated: {len(missing)} tensors are missing, the first is {missing[0]}")
        return found

    def _read_tensor(self) -> tuple[str, tuple[int, ...], _Tensor]:
        rank, length, element = self._ints(3)
        if not 0 < rank <= 4 or not 0 < length < 256 or element not in ELEMENTS:
            raise self._bad(f"no tensor at byte {self._at - 12}")
        shape = tuple(reversed(self._ints(rank)))
        start = self._take(length)
        name = self._data[start : start + length].decode("utf-8", "replace")
        size, per_block = ELEMENTS[element]
        if min(shape) <= 0 or shape[-1] % per_block:
            raise self._bad(f"tensor {name[:60]!r} has the impossible shape {shape}")
        bytes_ = math.prod(shape) // per_block * size
        return name, shape, _Tensor(element, self._take(bytes_), bytes_)

    def _element_of(self, name: str, shape: tuple[int, ...]) -> int:
        if len(shape) == 1 or is_conv_bias(name) or name.endswith("positional_embedding"):
            return F32
        return min(self._weight_type, F16) if len(shape) == 3 else self._weight_type

    def tensor(self, name: str) -> Tensor:
        """A tensor as float16 or float32; only of a file that is not quantised."""
        tensor = self._tensors[name]
        if tensor.element > F16:
            raise self._bad(f"{self.kind} cannot be converted to another type; give an f16 or f32 file")
        dtype = "<f4" if tensor.element == F32 else "<f2"
        flat = np.frombuffer(self._data, dtype, tensor.size // np.dtype(dtype).itemsize, tensor.offset)
        value: Tensor = flat.reshape(dict(layout(self.dims))[name])
        return value

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(str(self.path), self.dims, self.tokens, self.tensor)
