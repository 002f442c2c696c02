"""What crosses to a worker and back: values, messages, samples."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py import errors
from firmware_py.errors import BadInput, RtvaError
from firmware_py.events import Kind, State, Transcript, Understood
from firmware_py.worker import wire
from firmware_py.worker.arena import IN_BYTES, OUT_BYTES, Arena
from firmware_py.worker.channel import MOST_BYTES, Channel, ChannelBroken, ChannelClosed

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_subnormal=False) | st.text()
KEYS = st.text() | st.integers()
VALUES = st.recursive(
    PLAIN | st.builds(Path, st.text(alphabet="abc/.", min_size=1)) | st.sampled_from([State.IDLE, Kind.PAUSE]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(Transcript, text=st.text(), guards=st.lists(st.text(), max_size=2).map(tuple))
        | st.builds(Understood, text=st.text(), slots=st.dictionaries(st.text(), inner, max_size=2))
    ),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    assert wire.decode(json.loads(json.dumps(wire.encode(value)))) == value


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", lambda: None, Transcript, np.zeros(3)])
def test_what_cannot_cross_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot cross"):
        wire.encode([value])


@pytest.mark.parametrize(
    "lie",
    [
        {"data": ["os:system", {}]},
        {"data": ["subprocess:Popen", {"args": "true"}]},
        {"data": ["firmware_py.worker.arena:Arena", {}]},
        {"enum": ["firmware_py.events:Transcript", "text"]},
        {"enum": ["enum:Enum", "x"]},
        {"pickle": "gASVAA=="},
        {"tuple": [], "map": []},
        {},
        {"audio": ["int16", 0, 4]},
    ],
)
def test_only_our_own_plain_types_are_made(lie: Any) -> None:
    with pytest.raises(ValueError):
        wire.decode(lie)


@pytest.mark.parametrize("name", [n for n in dir(errors) if isinstance(getattr(errors, n), type)])
def test_every_error_of_ours_crosses(name: str) -> None:
    kind = getattr(errors, name)
    again = wire.decode_error(wire.encode_error(kind("what, where, what is allowed")))
    assert type(again) is kind and str(again) == "what, where, what is allowed"


def test_errors_of_others_keep_their_class_or_its_name() -> None:
    assert type(wire.decode_error(wire.encode_error(ZeroDivisionError("by 0")))) is ZeroDivisionError
    foreign = type("OrtFail", (Exception,), {})("node 3")
    assert str(wire.decode_error(wire.encode_error(foreign))) == "OrtFail: node 3"
    assert isinstance(wire.decode_error(wire.encode_error(SystemExit(2))), RtvaError)
    assert isinstance(wire.decode_error({"class": "eval", "text": "1"}), RtvaError)


def pair() -> tuple[Channel, Channel, socket.socket]:
    one, other = socket.socketpair()
    return Channel(one), Channel(other), other


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=200), max_size=3), max_size=20))
@settings(max_examples=30)
def test_messages_arrive_whole_and_in_order(messages: list[dict[str, str]]) -> None:
    one, other, _ = pair()
    for message in messages:
        one.send(message)
    assert [other.receive(0) for _ in messages] == messages
    assert other.receive(0) is None
    one.close(), other.close()


def test_a_message_larger_than_the_sockets_buffer_arrives() -> None:
    one, other, _ = pair()
    got: list[Any] = []
    reader = threading.Thread(target=lambda: got.append(other.receive(20)))
    reader.start()
    one.send({"text": "x" * (MOST_BYTES - 100)}, 20)
    reader.join()
    assert len(got[0]["text"]) == MOST_BYTES - 100
    one.close(), other.close()


def test_a_message_that_is_too_long_is_not_begun() -> None:
    one, other, _ = pair()
    with pytest.raises(ValueError, match="at most"):
        one.send({"text": "x" * MOST_BYTES})
    one.send({"short": 1})
    assert other.receive(0) == {"short": 1}
    one.close(), other.close()


def test_a_peer_that_does_not_read_is_not_waited_for() -> None:
    one, other, _ = pair()
    with pytest.raises(ChannelBroken, match="not taken"):
        for _ in range(100):
            one.send({"text": "x" * 100_000}, 0.01)
    one.close(), other.close()


def test_the_end_of_the_peer_is_seen_at_both_calls_and_after_close() -> None:
    one, other, _ = pair()
    other.close()
    with pytest.raises(ChannelClosed):
        one.receive(5)
    with pytest.raises(ChannelClosed):
        one.send({})
    one.close()
    with pytest.raises(ChannelClosed):
        one.receive(5)


@pytest.mark.parametrize("length", [MOST_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_lies_is_refused_before_anything_is_kept(length: int) -> None:
    one, other, raw = pair()
    raw.send(struct.pack("<I", length) + b"x" * 1000)
    with pytest.raises(ChannelBroken, match="claims"):
        one.receive(1)
    one.close(), other.close()


@pytest.mark.parametrize("body", [b"", b"[]", b"6", b"{", b"\xff\xfe", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    one, other, raw = pair()
    raw.send(struct.pack("<I", len(body)) + body)
    with pytest.raises(ChannelBroken):
        one.receive(1)
    one.close(), other.close()


def test_random_bytes_never_raise_anything_else() -> None:
    chance = random.Random(3)
    for _ in range(300):
        one, other, raw = pair()
        raw.send(chance.randbytes(chance.randrange(1, 60)))
        raw.close()
        with pytest.raises((ChannelBroken, ChannelClosed)):
            while True:
                one.receive(1)
        one.close(), other.close()


def both_ends() -> tuple[Arena, Arena]:
    service = Arena()
    return service, Arena(os.dup(service.fd))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_arguments_lie_where_they_were_said_to(dtype: Any) -> None:
    service, worker = both_ends()
    arrays = [np.arange(n).astype(dtype) for n in (1, 160, 48_000, 0, 7)]
    for _ in range(3):
        service.begin()
        places = [service.put(a) for a in arrays]
        for array, place in zip(arrays, json.loads(json.dumps(places)), strict=True):
            got = worker.get(place)
            assert got.dtype == dtype and np.array_equal(got, array)
    service.close(), worker.close()


def test_other_samples_become_float32_and_strided_ones_whole() -> None:
    service, worker = both_ends()
    assert worker.get(service.put(np.arange(5))).dtype == np.float32
    assert worker.get(service.put(np.arange(10, dtype=np.int16)[::2])).tolist() == [0, 2, 4, 6, 8]
    service.close(), worker.close()


def test_long_audio_makes_the_memory_grow_and_too_long_is_refused() -> None:
    service, worker = both_ends()
    long = np.arange(IN_BYTES // 2, dtype=np.float32)
    assert np.array_equal(worker.get(service.put(long)), long)
    with pytest.raises(BadInput, match="MiB"):
        service.put(np.broadcast_to(np.float32(0), (80 << 20,)))
    service.close(), worker.close()


@pytest.mark.parametrize("place", [["int16", 0, 4], ["int16", OUT_BYTES, 1 << 40], ["int16", OUT_BYTES, -1]])
def test_arguments_that_lie_elsewhere_are_refused(place: list[Any]) -> None:
    arena = Arena()
    with pytest.raises(ValueError):
        arena.get(place)
    arena.close()


def test_other_bytes_lie_there_too_and_not_elsewhere() -> None:
    service, worker = both_ends()
    for data in (b"", b"x", os.urandom(IN_BYTES + 5)):
        service.begin()
        assert worker.get_bytes(service.put_bytes(data)) == data
        assert worker.get(service.put(np.arange(9, dtype=np.int16))).tolist() == list(range(9))
    for place in ([0, 4], [OUT_BYTES, 1 << 40], [OUT_BYTES, -1]):
        with pytest.raises(ValueError):
            worker.get_bytes(place)
    service.close(), worker.close()


def test_chunks_come_back_and_a_place_outside_is_refused() -> None:
    service, worker = both_ends()
    chunk = np.arange(1000, dtype=np.int16)
    for position in (0, 2000, OUT_BYTES - 2000, 5 * OUT_BYTES + 64):
        worker.write_out(position, chunk)
        assert np.array_equal(service.read_out(position, 1000), chunk)
    for position, count in ((OUT_BYTES - 2, 2), (-2, 1), (0, -1), (0, OUT_BYTES)):
        with pytest.raises(ValueError):
            service.read_out(position, count)
    with pytest.raises(ValueError):
        worker.write_out(OUT_BYTES - 2, chunk)
    service.close(), worker.close()


def test_a_worker_cannot_take_the_memory_away() -> None:
    service = Arena()
    with pytest.raises(PermissionError):
        os.ftruncate(service.fd, 0)
    service.close()
    service.close()
