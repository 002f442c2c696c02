"""What a Whisper checkpoint is, whatever file it came from: dimensions, token bytes, named tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import BadWeights

Shape = tuple[int, ...]
Tensor = NDArray[np.float16] | NDArray[np.float32]


@dataclass(frozen=True)
class Dims:
    """Whisper's hyper-parameters, in the order in which a ggml file stores them."""

    n_vocab: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int
    n_mels: int

    @property
    def is_multilingual(self) -> bool:
        """whisper.cpp's own rule: English-only vocabularies have 51864 entries, all others more."""
        return self.n_vocab >= 51865


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint opened for reading.

    ``tokens`` are the bytes of the plain vocabulary, in order of their numbers. ``tensor(name)`` gives float16 or
    float32 by OpenAI's tensor name, in OpenAI's shape, and raises BadWeights when the file lacks it.
    """

    origin: str
    dims: Dims
    tokens: tuple[bytes, ...]
    tensor: Callable[[str], Tensor]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every tensor, in :func:`layout` order; a wrong shape raises BadWeights naming file and tensor."""
        for name, shape in layout(self.dims):
            value = self.tensor(name)
            if value.shape != shape:
                raise BadWeights(f"{self.origin}: tensor {name} has shape {value.shape}, expected {shape}")
            yield name, value


def is_conv_bias(name: str) -> bool:
    """ggml files store the biases of the convolutions as columns."""
    return name.startswith("encoder.conv") and name.endswith(".bias")


def check_dims(dims: Dims, origin: str) -> None:
    """Raises BadWeights unless whisper.cpp can work with these dimensions."""
    limits = Dims(1 << 17, 1 << 14, 1 << 13, 1 << 7, 1 << 7, 1 << 14, 1 << 13, 1 << 7, 1 << 7, 1 << 8)
    for each in fields(Dims):
        value, limit = getattr(dims, each.name), getattr(limits, each.name)
        if not 0 < value <= limit:
            raise BadWeights(f"{origin}: {each.name} is {value}, expected 1..{limit}")
    if dims.n_vocab < 51864:
        raise BadWeights(f"{origin}: a vocabulary of {dims.n_vocab}; Whisper's have 51864 entries or more")
    if dims.n_audio_state != dims.n_text_state:
        raise BadWeights(f"{origin}: encoder width {dims.n_audio_state} and decoder width {dims.n_text_state} differ")
    for state, head in ((dims.n_audio_state, dims.n_audio_head), (dims.n_text_state, dims.n_text_head)):
        if state % head:
            raise BadWeights(f"{origin}: width {state} does not split into {head} heads")


def _pair(name: str, out: int) -> list[tuple[str, Shape]]:
    return [(f"{name}.weight", (out,)), (f"{name}.bias", (out,))]


def _linear(name: str, out: int, into: int) -> list[tuple[str, Shape]]:
    return [(f"{name}.weight", (out, into)), (f"{name}.bias", (out,))]


def _attention(name: str, state: int) -> list[tuple[str, Shape]]:
    """Whisper's key projection has no bias."""
    parts = _pair(f"{name}_ln", state) + _linear(f"{name}.query", state, state)
    parts.append((f"{name}.key.weight", (state, state)))
    return parts + _linear(f"{name}.value", state, state) + _linear(f"{name}.out", state, state)


def _block(name: str, state: int, *, is_decoder: bool) -> list[tuple[str, Shape]]:
    parts = _pair(f"{name}.mlp_ln", state)
    parts += _linear(f"{name}.mlp.0", 4 * state, state) + _linear(f"{name}.mlp.2", state, 4 * state)
    parts += _attention(f"{name}.attn", state)
    return parts + _attention(f"{name}.cross_attn", state) if is_decoder else parts


def layout(dims: Dims) -> list[tuple[str, Shape]]:
    """Names and shapes of all tensors, in the order of OpenAI's checkpoints and of the upstream ggml files."""
    audio, text = dims.n_audio_state, dims.n_text_state
    parts: list[tuple[str, Shape]] = [
        ("decoder.positional_embedding", (dims.n_text_ctx, text)),
        ("encoder.positional_embedding", (dims.n_audio_ctx, audio)),
        ("decoder.token_embedding.weight", (dims.n_vocab, text)),
    ]
    for i in range(dims.n_text_layer):
        parts += _block(f"decoder.blocks.{i}", text, is_decoder=True)
    parts += _pair("decoder.ln", text)
    parts += [("encoder.conv1.weight", (audio, dims.n_mels, 3)), ("encoder.conv1.bias", (audio,))]
    parts += [("encoder.conv2.weight", (audio, audio, 3)), ("encoder.conv2.bias", (audio,))]
    for i in range(dims.n_audio_layer):
        parts += _block(f"encoder.blocks.{i}", audio, is_decoder=False)
    return parts + _pair("encoder.ln_post", audio)
