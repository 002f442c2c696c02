"""An ONNX graph taken apart: which nodes a tensor needs, and the model that computes only that.

No dependency on the ``onnx`` package: nodes and weights are moved as the bytes they are. Field numbers are
those of onnx.proto3 (ModelProto.graph 7; GraphProto.node 1, .name 2, .initializer 5, .input 11, .output 12;
NodeProto.input 1, .output 2, .op_type 4, .attribute 5; AttributeProto.g 6, .graphs 11; TensorProto.dims 1,
.name 8; ValueInfoProto.name 1, .type 2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firmware_py.tts.wire import BYTES, Field, field, fields, integer

FLOAT = 1


@dataclass(frozen=True)
class Node:
    """An operator: ``needs`` are its inputs and what the graphs in its attributes use from outside."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    needs: frozenset[str]
    raw: memoryview


class Graph:
    """A parsed model. ``nodes`` are in the file's order, which ONNX requires to be topological.

    Raises ValueError when ``model`` is not an ONNX model.
    """

    def __init__(self, model: bytes) -> None:
        self._around: list[bytes] = []
        self.nodes: list[Node] = []
        self.weights: dict[str, memoryview] = {}
        self.inputs: dict[str, memoryview] = {}
        self.outputs: dict[str, memoryview] = {}
        self._name = b""
        body = None
        for part in fields(memoryview(model)):
            if part.number == 7:
                body = part.payload
            else:
                self._around.append(bytes(part.raw))
        if body is None:
            raise ValueError("no graph in it")
        for part in fields(body):
            self._take(part)
        self.producer = {name: node for node in self.nodes for name in node.outputs if name}

    def _take(self, part: Field) -> None:
        if part.number == 1:
            self.nodes.append(read_node(part.payload))
        elif part.number == 2:
            self._name = bytes(part.raw)
        elif part.number == 5:
            self.weights[_text(part.payload, 8)] = part.payload
        elif part.number in (11, 12):
            (self.inputs if part.number == 11 else self.outputs)[_text(part.payload, 1)] = part.payload

    def needed(self, target: str, given: Iterable[str] = ()) -> set[str]:
        """Every tensor that ``target`` depends on, itself included; what is ``given`` is not followed."""
        given, found, todo = set(given), set(), [target]
        while todo:
            name = todo.pop()
            if name in found or not name:
                continue
            found.add(name)
            if name not in given and name in self.producer:
                todo += self.producer[name].needs
        return found

    def extract(self, outputs: dict[str, bytes], given: dict[str, bytes]) -> bytes:
        """The model that computes ``outputs`` when ``given`` are fed; both map a tensor to its ValueInfo."""
        needed: set[str] = set().union(*(self.needed(name, given) for name in outputs))
        nodes = [n for n in self.nodes if needed & set(n.outputs) and not set(n.outputs) <= set(given)]
        feeds = {name: bytes(raw) for name, raw in self.inputs.items() if name in needed} | given
        parts = [
            *(field(1, node.raw) for node in nodes),
            self._name,
            *(field(5, raw) for name, raw in self.weights.items() if name in needed and name not in given),
            *(field(11, raw) for raw in feeds.values()),
            *(field(12, raw) for raw in outputs.values()),
        ]
        return b"".join([*self._around, field(7, b"".join(parts))])

    def with_output(self, name: str, info: bytes) -> bytes:
        """The whole model with one more output."""
        return self.extract({**{n: bytes(raw) for n, raw in self.outputs.items()}, name: info}, {})

    def dims(self, weight: str) -> list[int]:
        """The shape of a weight. Raises KeyError when it is not one of the model's."""
        shape: list[int] = []
        for part in fields(self.weights[weight]):
            if part.number == 1:
                shape += packed(part.payload) if part.raw[0] & 7 == BYTES else [part.value]
        return shape


def tensor_info(name: str, dims: Sequence[int | str]) -> bytes:
    """ValueInfoProto of a float tensor; a str is the name of an axis of any length."""
    shape = b"".join(field(1, integer(1, d) if isinstance(d, int) else field(2, d.encode())) for d in dims)
    return field(1, name.encode()) + field(2, field(1, integer(1, FLOAT) + field(2, shape)))


def read_node(raw: memoryview) -> Node:
    """A NodeProto taken apart."""
    op, inputs, outputs, needs = "", [], [], set()
    for part in fields(raw):
        if part.number == 1:
            inputs.append(part.text())
        elif part.number == 2:
            outputs.append(part.text())
        elif part.number == 4:
            op = part.text()
        elif part.number == 5:
            needs |= _used_inside(part.payload)
    return Node(op, tuple(inputs), tuple(outputs), frozenset([*inputs, *needs]), raw)


def _used_inside(attribute: memoryview) -> set[str]:
    """Names that the sub-graphs of an attribute (If, Loop) may take from outside."""
    used: set[str] = set()
    for part in fields(attribute):
        if part.number in (6, 11) and part.raw[0] & 7 == BYTES:
            for inner in fields(part.payload):
                if inner.number == 1:
                    used |= read_node(inner.payload).needs
                elif inner.number == 12:
                    used.add(_text(inner.payload, 1))
    return used


def _text(message: memoryview, number: int) -> str:
    return next((part.text() for part in fields(message) if part.number == number), "")


def packed(payload: memoryview) -> list[int]:
    """The integers of a packed field."""
    values, value, shift = [], 0, 0
    for byte in payload:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    return values
