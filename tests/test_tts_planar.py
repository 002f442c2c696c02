"""Convolutions in a plane: the same numbers from onnxruntime, and only where it is allowed."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.tts.graph import Graph, tensor_info
from firmware_py.tts.planar import planar
from firmware_py.tts.wire import field, integer


def ints(name: str, values: list[int], packed: bool) -> bytes:
    body = field(8, b"".join(integer(8, v)[1:] for v in values)) if packed else b"".join(integer(8, v) for v in values)
    return field(5, field(1, name.encode()) + body + integer(20, 7))


def weights(name: str, values: np.ndarray, packed: bool) -> bytes:
    dims = field(1, bytes(values.shape)) if packed else b"".join(integer(1, d) for d in values.shape)
    return dims + integer(2, 1) + field(8, name.encode()) + field(9, values.astype("<f4").tobytes())


def convolution(
    *, kernel: int = 3, pads: tuple[int, int] = (1, 1), stride: int = 1, dilation: int = 1, group: int = 1,
    packed: bool = False, opset: int = 15, extra: bytes = b"",
) -> bytes:  # fmt: skip
    values = np.random.default_rng(kernel).standard_normal((4, 4 // group, kernel))
    node = b"".join(
        [
            *(field(1, name) for name in (b"x", b"w", b"b")),
            field(2, b"y"),
            field(4, b"Conv"),
            ints("kernel_shape", [kernel], packed),
            ints("pads", list(pads), packed),
            ints("strides", [stride], packed),
            ints("dilations", [dilation], packed),
            field(5, field(1, b"group") + integer(3, group) + integer(20, 2)),
            extra,
        ]
    )
    body = [
        field(1, node),
        field(2, b"test"),
        field(5, weights("w", values, packed)),
        field(5, weights("b", np.array([1.0, 2.0, 3.0, 4.0]), packed)),
        field(11, tensor_info("x", [1, 4, "time"])),
        field(12, tensor_info("y", [1, 4, "steps"])),
    ]
    return integer(1, 8) + field(7, b"".join(body)) + field(8, integer(2, opset))


def run(model: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@given(
    st.integers(1, 7), st.integers(0, 4), st.integers(0, 4), st.integers(1, 3), st.integers(1, 3), st.booleans()
)  # fmt: skip
def test_the_numbers_are_the_same(kernel: int, left: int, right: int, stride: int, dilation: int, packed: bool) -> None:
    model = convolution(kernel=kernel, pads=(left, right), stride=stride, dilation=dilation, packed=packed)
    x = np.random.default_rng(0).standard_normal((1, 4, 30)).astype(np.float32)
    flat = planar(model)
    assert [n.op for n in Graph(flat).nodes] == ["Unsqueeze", "Conv", "Squeeze"]
    assert Graph(flat).dims("w") == [4, 4, 1, kernel]
    expected = run(model, x)
    assert run(flat, x).shape == expected.shape
    assert np.abs(run(flat, x) - expected).max() <= 1e-5


@pytest.mark.parametrize("model", [convolution(group=2), convolution(group=4)])
def test_grouped_convolutions_stay(model: bytes) -> None:
    assert [n.op for n in Graph(planar(model)).nodes] == ["Conv"]


def test_padding_by_name_stays_unless_it_says_nothing() -> None:
    def named(kind: bytes) -> bytes:
        return field(5, field(1, b"auto_pad") + field(4, kind) + integer(20, 3))

    assert [n.op for n in Graph(planar(convolution(extra=named(b"SAME_UPPER")))).nodes] == ["Conv"]
    assert len(Graph(planar(convolution(extra=named(b"NOTSET")))).nodes) == 3


def test_an_old_model_stays_as_it_is() -> None:
    model = convolution(opset=12)
    assert planar(model) == model
