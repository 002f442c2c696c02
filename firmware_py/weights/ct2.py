"""Reads CTranslate2's ``model.bin`` (binary versions 4 to 6) of a Whisper model."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadWeights
from firmware_py.weights import tokens
from firmware_py.weights.whisper import Checkpoint, Dims, Tensor, check_dims, layout

_DTYPES = {0: "<f4", 1: "|i1", 2: "<i2", 3: "<i4", 4: "<f2", 5: "<u2"}
_BFLOAT16 = 5
_VERSIONS = (4, 5, 6)


@dataclass(frozen=True)
class _Variable:
    shape: tuple[int, ...]
    type_id: int
    offset: int


class _Reader:
    """A cursor over the bytes of a file; reading past the end raises BadWeights naming the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file() or path.stat().st_size == 0:
            raise BadWeights(f"{path}: missing or empty")
        self.data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        self.at = 0

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) < count:
            raise BadWeights(f"{self.path}: truncated at byte {len(self.data)}, {count} more expected at {self.at}")
        self.at += count
        return piece.tobytes()

    def number(self, kind: str) -> int:
        return int(struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0])

    def string(self) -> str:
        return self.take(self.number("H")).rstrip(b"\0").decode("utf-8", "replace")

    def skip(self, count: int) -> int:
        """Steps over a payload; returns where it began."""
        if self.at + count > len(self.data):
            raise BadWeights(f"{self.path}: truncated at byte {len(self.data)}, expected at least {self.at + count}")
        self.at += count
        return self.at - count


class Model:
    """The variables of one ``model.bin``, mapped read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        reader = _Reader(path)
        self._data = reader.data
        version = reader.number("I")
        if version not in _VERSIONS:
            raise BadWeights(f"{path}: not a CTranslate2 model of binary version 4 to 6 (found {version})")
        spec = reader.string()
        if spec != "WhisperSpec":
            raise BadWeights(f"{path}: a {spec or 'nameless model'}, not a Whisper model (WhisperSpec)")
        reader.number("I")  # revision of the spec: the tensors themselves are checked, by name and shape
        self._variables = dict(self._entry(reader) for _ in range(reader.number("I")))
        self._aliases = {reader.string(): reader.string() for _ in range(reader.number("I"))}

    def _entry(self, reader: _Reader) -> tuple[str, _Variable]:
        name = reader.string()
        shape = tuple(reader.number("I") for _ in range(reader.number("B")))
        type_id, size = reader.number("B"), reader.number("I")
        if type_id not in _DTYPES:
            raise BadWeights(f"{self.path}: {name} has the unknown data type {type_id}")
        if int(np.prod(shape, dtype=np.int64)) * np.dtype(_DTYPES[type_id]).itemsize != size:
            raise BadWeights(f"{self.path}: {name} has {size} bytes, which its shape {shape} contradicts")
        return name, _Variable(shape, type_id, reader.skip(size))

    def __contains__(self, name: str) -> bool:
        return name in self._variables or name in self._aliases

    def raw(self, name: str) -> NDArray[np.generic]:
        """A variable as it is stored. Raises BadWeights when there is none."""
        variable = self._variables.get(self._aliases.get(name, name))
        if variable is None:
            raise BadWeights(f"{self.path}: no variable {name}; not a Whisper model that is known here")
        dtype = np.dtype(_DTYPES[variable.type_id])
        count = int(np.prod(variable.shape, dtype=np.int64))
        flat = np.frombuffer(self._data, dtype, count, variable.offset)
        if variable.type_id == _BFLOAT16:
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        return flat.reshape(variable.shape)

    def scalar(self, name: str) -> int:
        return int(self.raw(name).reshape(-1)[0])

    def real(self, name: str) -> Tensor:
        """A variable as float16 or float32; an integer one is divided by its ``_scale``, as CTranslate2 does."""
        value = self.raw(name)
        if value.dtype.kind == "f":
            return value  # type: ignore[return-value]
        scale = np.asarray(self.raw(f"{name}_scale"), np.float32)
        return value.astype(np.float32) / scale.reshape(scale.shape + (1,) * (value.ndim - scale.ndim))


_NORM = {"weight": "gamma", "bias": "beta"}
_SELF = {"query": ("linear_0", 0, 3), "key": ("linear_0", 1, 3), "value": ("linear_0", 2, 3), "out": ("linear_1", 0, 1)}
_CROSS = {
    "query": ("linear_0", 0, 1),
    "key": ("linear_1", 0, 2),
    "value": ("linear_1", 1, 2),
    "out": ("linear_2", 0, 1),
}
_TOP = {
    "decoder.positional_embedding": "decoder/position_encodings/encodings",
    "encoder.positional_embedding": "encoder/position_encodings/encodings",
    "decoder.token_embedding.weight": "decoder/embeddings/weight",
    "decoder.ln.weight": "decoder/layer_norm/gamma",
    "decoder.ln.bias": "decoder/layer_norm/beta",
    "encoder.ln_post.weight": "encoder/layer_norm/gamma",
    "encoder.ln_post.bias": "encoder/layer_norm/beta",
}


def locate(name: str) -> tuple[str, int, int]:
    """Where an OpenAI tensor lies: the CTranslate2 variable, and which of how many equal row blocks of it.

    CTranslate2 fuses query, key and value of self-attention, and key and value of cross-attention.
    """
    if name in _TOP:
        return _TOP[name], 0, 1
    if ".conv" in name:
        return name.replace(".", "/"), 0, 1
    half, _, layer, part = name.split(".", 3)
    room, _, leaf = part.partition(".")
    base = f"{half}/layer_{layer}"
    places = {"attn_ln": "self_attention", "cross_attn_ln": "attention", "mlp_ln": "ffn"}
    if room in places:
        return f"{base}/{places[room]}/layer_norm/{_NORM[leaf]}", 0, 1
    which, _, kind = leaf.partition(".")
    if room == "mlp":
        return f"{base}/ffn/linear_{0 if which == '0' else 1}/{kind}", 0, 1
    linear, index, parts = (_SELF if room == "attn" else _CROSS)[which]
    return f"{base}/{'self_attention' if room == 'attn' else 'attention'}/{linear}/{kind}", index, parts


def _dims(model: Model) -> Dims:
    def layers(half: str) -> int:
        count = 0
        while f"{half}/layer_{count}/ffn/linear_0/weight" in model:
            count += 1
        return count

    def shape(name: str, rank: int) -> tuple[int, ...]:
        found = model.raw(name).shape
        if len(found) != rank:
            raise BadWeights(f"{model.path}: {name} has {len(found)} dimensions, expected {rank}")
        return found

    n_vocab, n_text_state = shape("decoder/embeddings/weight", 2)
    n_audio_state, n_mels, _ = shape("encoder/conv1/weight", 3)
    dims = Dims(
        n_vocab=n_vocab,
        n_audio_ctx=shape("encoder/position_encodings/encodings", 2)[0],
        n_audio_state=n_audio_state,
        n_audio_head=model.scalar("encoder/num_heads"),
        n_audio_layer=layers("encoder"),
        n_text_ctx=shape("decoder/position_encodings/encodings", 2)[0],
        n_text_state=n_text_state,
        n_text_head=model.scalar("decoder/num_heads"),
        n_text_layer=layers("decoder"),
        n_mels=n_mels,
    )
    check_dims(dims, str(model.path))
    return dims


def open_checkpoint(directory: Path) -> Checkpoint:
    """A CTranslate2 Whisper directory (``model.bin`` and a vocabulary). Raises BadWeights naming the file."""
    model = Model(directory / "model.bin")
    dims = _dims(model)

    def tensor(name: str) -> Tensor:
        variable, index, parts = locate(name)
        value = model.real(variable)
        if value.ndim == 0 or len(value) % parts:
            raise BadWeights(f"{model.path}: {variable} does not split into {parts}")
        rows = len(value) // parts
        return value[index * rows : (index + 1) * rows]

    for name, _ in layout(dims):
        if name.endswith(".key.weight") and tensor(name.replace(".weight", ".bias")).any():
            raise BadWeights(f"{model.path}: {name} has a bias; Whisper's keys have none")
    return Checkpoint(str(model.path), dims, tokens.read(directory), tensor)
