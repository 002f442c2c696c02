"""Taking an ONNX file apart without the onnx package: judged by onnxruntime, which must load what comes out."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.tts.cut import cut
from firmware_py.tts.graph import Graph, tensor_info
from firmware_py.tts.wire import field, fields, integer


def node(op: str, inputs: list[str], output: str) -> bytes:
    return b"".join([*(field(1, i.encode()) for i in inputs), field(2, output.encode()), field(4, op.encode())])


def weight(name: str, values: list[float]) -> bytes:
    data = np.array(values, "<f4").tobytes()
    return integer(1, len(values)) + integer(2, 1) + field(8, name.encode()) + field(9, data)


def model(nodes: list[bytes], weights: list[bytes], inputs: list[str], outputs: list[str]) -> bytes:
    graph = b"".join(
        [
            *(field(1, n) for n in nodes),
            field(2, b"test"),
            *(field(5, w) for w in weights),
            *(field(11, tensor_info(name, ["n"])) for name in inputs),
            *(field(12, tensor_info(name, ["n"])) for name in outputs),
        ]
    )
    return integer(1, 8) + field(7, graph) + field(8, integer(2, 15))


CHAIN = model(
    [
        node("Add", ["x", "one"], "a"),
        node("Mul", ["a", "two"], "b"),
        node("Add", ["b", "a"], "c"),
        node("Neg", ["x"], "unused"),
    ],
    [weight("one", [1.0]), weight("two", [2.0])],
    ["x"],
    ["c"],
)


def run(data: bytes, **feeds: list[float]) -> list[list[float]]:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {name: np.array(values, np.float32) for name, values in feeds.items()})
    return [output.tolist() for output in outputs]


def test_the_hand_written_model_is_one() -> None:
    assert run(CHAIN, x=[1.0, 2.0]) == [[6.0, 9.0]]


def test_a_graph_is_cut_before_and_behind_a_tensor() -> None:
    graph = Graph(CHAIN)
    info = {"a": tensor_info("a", ["n"])}
    front = graph.extract(info, {})
    back = graph.extract({"c": bytes(graph.outputs["c"])}, info)
    assert run(front, x=[1.0, 2.0]) == [[2.0, 3.0]]
    assert run(back, a=[2.0, 3.0]) == [[6.0, 9.0]]
    assert set(Graph(front).weights) == {"one"}
    assert set(Graph(back).weights) == {"two"}
    assert [n.op for n in Graph(front).nodes] == ["Add"]


def test_a_graph_tells_what_is_inside_on_the_way() -> None:
    graph = Graph(CHAIN)
    seen = graph.extract({"c": bytes(graph.outputs["c"]), "b": tensor_info("b", ["n"])}, {})
    assert run(seen, x=[1.0]) == [[6.0], [4.0]]
    assert graph.dims("two") == [1]


def test_a_branch_in_an_attribute_keeps_what_it_takes_from_outside() -> None:
    def branch(op: str) -> bytes:
        return field(1, node(op, ["a"], op)) + field(2, op.encode()) + field(12, tensor_info(op, ["n"]))

    attributes = b"".join(
        field(5, field(1, name) + field(6, branch(op)) + integer(20, 5))
        for name, op in ((b"then_branch", "Neg"), (b"else_branch", "Abs"))
    )
    choose = node("If", ["yes"], "out") + attributes
    whole = model([node("Neg", ["x"], "a"), choose], [], ["x"], ["out"])
    body = field(1, b"yes") + field(2, field(1, integer(1, 9) + field(2, b"")))
    graph = Graph(whole)
    graph.inputs["yes"] = memoryview(body)
    cut_out = graph.extract({"out": bytes(graph.outputs["out"])}, {})
    assert [n.op for n in Graph(cut_out).nodes] == ["Neg", "If"]
    session = onnxruntime.InferenceSession(cut_out, providers=["CPUExecutionProvider"])
    for yes, expected in ((True, [3.0]), (False, [3.0 * 1.0])):
        assert session.run(None, {"x": np.array([3.0], np.float32), "yes": np.array(yes)})[0].tolist() == expected


@given(st.binary(max_size=200))
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    try:
        parts = list(fields(memoryview(data)))
    except ValueError:
        return
    assert b"".join(bytes(part.raw) for part in parts) == data


@given(st.integers(1, len(CHAIN) - 1))
def test_a_model_cut_short_is_refused_or_has_fewer_parts(length: int) -> None:
    try:
        graph = Graph(CHAIN[:length])
    except (ValueError, UnicodeDecodeError):
        return
    assert len(graph.nodes) <= 4


@pytest.mark.parametrize("data", [b"", b"not a model at all", CHAIN])
def test_what_is_not_a_voice_is_not_cut(data: bytes) -> None:
    with pytest.raises(ValueError):
        cut(data)
