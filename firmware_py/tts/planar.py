"""Convolutions over time as convolutions over a plane of height one.

onnxruntime's blocked kernels (NCHWc) exist for planes alone; the sums are the same, added in another order. A decoder
takes 0.9 of the time, measured on x86-64 with one thread (docs/decisions/0017-cheaper-voice.md). Field numbers are
those of onnx.proto3, as in :mod:`.graph`; AttributeProto.name 1, .i 3, .s 4, .ints 8, .type 20 (7 is INTS);
OperatorSetIdProto.domain 1, .version 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from firmware_py.tts.graph import Node, packed, read_node
from firmware_py.tts.wire import BYTES, Field, field, fields, integer

AXES = "height of one"
"""The name of the constant that says where the second dimension stands."""
CONVOLUTIONS = ("Conv", "FusedConv")
AXES_AS_INPUT = 13
"""From this version of ONNX on, Unsqueeze takes its axes as an input."""
INTS, INT64 = 7, 7


def planar(model: bytes) -> bytes:
    """The same model with its one-dimensional, ungrouped convolutions written in two; as it is where none can be."""
    around = list(fields(memoryview(model)))
    version = next((_version(part) for part in around if part.number == 8), 0)
    if version < AXES_AS_INPUT:
        return model
    return b"".join(field(7, _graph(part.payload)) if part.number == 7 else bytes(part.raw) for part in around)


def _version(opset: Field) -> int:
    parts = {part.number: part for part in fields(opset.payload)}
    is_onnx = 1 not in parts or parts[1].text() in ("", "ai.onnx")
    return parts[2].value if is_onnx and 2 in parts else 0


def _graph(body: memoryview) -> bytes:
    parts = list(fields(body))
    nodes = {id(part): read_node(part.payload) for part in parts if part.number == 1}
    weights = {_name(part): part for part in parts if part.number == 5}
    chosen = {node.inputs[1] for node in nodes.values() if _is_over_time(node, weights)}
    chosen -= {name for node in nodes.values() for name in node.needs if not _is_weight_of(node, name, weights)}
    out = [field(5, _axes())]
    for part in parts:
        if part.number == 1 and nodes[id(part)].op in CONVOLUTIONS and nodes[id(part)].inputs[1] in chosen:
            out += _in_a_plane(nodes[id(part)])
        elif part.number == 5 and _name(part) in chosen:
            out.append(field(5, _with_height(part.payload)))
        else:
            out.append(bytes(part.raw))
    return b"".join(out)


def _is_over_time(node: Node, weights: dict[str, Field]) -> bool:
    """An ungrouped convolution of three-dimensional weights with plain padding."""
    if node.op not in CONVOLUTIONS or node.inputs[1] not in weights or len(_dims(weights[node.inputs[1]])) != 3:
        return False
    given = {_attribute(part): part for part in fields(node.raw) if part.number == 5}
    group, auto_pad = _value(given.get("group")), _value(given.get("auto_pad"))
    return group in (None, 1) and auto_pad in (None, b"NOTSET") and len(node.inputs) <= 3


def _is_weight_of(node: Node, name: str, weights: dict[str, Field]) -> bool:
    """Whether ``name`` is nothing to the node but the weights of a convolution over time."""
    return _is_over_time(node, weights) and list(node.inputs).index(name) == 1 and node.inputs.count(name) == 1


def _in_a_plane(node: Node) -> Iterator[bytes]:
    """Unsqueeze, the convolution, Squeeze; the names of the outermost tensors stay."""
    source, result = node.inputs[0], node.outputs[0]
    wide, found = f"{result} wide", f"{result} found"
    yield field(1, _operator("Unsqueeze", source, wide))
    parts: list[bytes] = []
    is_first_input = True
    for part in fields(node.raw):
        if part.number == 1 and is_first_input:
            parts.append(field(1, wide.encode()))
            is_first_input = False
        elif part.number == 2:
            parts.append(field(2, found.encode()))
        elif part.number == 5:
            parts.append(field(5, _with_second_dimension(part)))
        else:
            parts.append(bytes(part.raw))
    yield field(1, b"".join(parts))
    yield field(1, _operator("Squeeze", found, result))


def _operator(op: str, source: str, result: str) -> bytes:
    return field(1, source.encode()) + field(1, AXES.encode()) + field(2, result.encode()) + field(4, op.encode())


def _with_second_dimension(attribute: Field) -> bytes:
    """Kernel, strides and dilations get a 1 for the height, pads a 0 at either end; others stay."""
    name, values = _attribute(attribute), _ints(attribute.payload, 8)
    if name in ("kernel_shape", "strides", "dilations"):
        values = [1, *values]
    elif name == "pads":
        values = [0, values[0], 0, values[1]]
    else:
        return bytes(attribute.payload)
    return field(1, name.encode()) + b"".join(integer(8, value) for value in values) + integer(20, INTS)


def _with_height(weight: memoryview) -> bytes:
    """A weight's dimensions (out, in, time) as (out, in, 1, time)."""
    outs, ins, time = _ints(weight, 1)
    rest = b"".join(bytes(part.raw) for part in fields(weight) if part.number != 1)
    return b"".join(integer(1, size) for size in (outs, ins, 1, time)) + rest


def _axes() -> bytes:
    """TensorProto of the one number 2: dims 1, data_type 2, int64_data 7, name 8."""
    return integer(1, 1) + integer(2, INT64) + integer(7, 2) + field(8, AXES.encode())


def _dims(weight: Field) -> list[int]:
    return _ints(weight.payload, 1)


def _ints(message: memoryview, number: int) -> list[int]:
    """A repeated integer, packed or not."""
    found: list[int] = []
    for part in fields(message):
        if part.number == number:
            found += packed(part.payload) if part.raw[0] & 7 == BYTES else [part.value]
    return found


def _name(weight: Field) -> str:
    return next((part.text() for part in fields(weight.payload) if part.number == 8), "")


def _value(attribute: Field | None) -> int | bytes | None:
    """The integer or the text of an attribute."""
    for part in fields(attribute.payload) if attribute is not None else ():
        if part.number in (3, 4):
            return part.value if part.number == 3 else bytes(part.payload)
    return None


def _attribute(part: Field) -> str:
    return next((inner.text() for inner in fields(part.payload) if inner.number == 1), "")
