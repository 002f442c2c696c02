"""Just enough of the protobuf wire format to take an ONNX file apart and put it together again.

A message is a list of fields; a field is kept as the bytes it came in, so what is not understood is carried
over unchanged. Source: protobuf.dev/programming-guides/encoding; ONNX field numbers from onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Field:
    """One field of a message: its number, its payload (an int for a varint) and all its bytes, tag included."""

    number: int
    payload: memoryview
    value: int
    raw: memoryview

    def text(self) -> str:
        return bytes(self.payload).decode()


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message in order. Raises ValueError when it is cut short or not a message."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _varint(message, at)
        kind, value = tag & 7, 0
        begin = at
        if kind == VARINT:
            value, at = _varint(message, at)
        elif kind == BYTES:
            size, begin = _varint(message, at)
            at = begin + size
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {start}")
        if at > len(message):
            raise ValueError(f"field {tag >> 3} ends after the end of the message")
        yield Field(tag >> 3, message[begin:at], value, message[start:at])


def field(number: int, payload: bytes | memoryview) -> bytes:
    """A length-delimited field."""
    return _encode(number << 3 | BYTES) + _encode(len(payload)) + bytes(payload)


def integer(number: int, value: int) -> bytes:
    """A varint field; ``value`` is not negative."""
    return _encode(number << 3 | VARINT) + _encode(value)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError(f"broken integer at byte {at}")
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _encode(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
