"""A worker's two threads: one reads messages, the main one runs the engine, a call at a time.

::

    service -> worker   prepare(kind, name, spec, libraries)   import the adapter and its libraries
                        load(arguments, and_warm)               make the engine
                        call(id, method, args, kwargs, is_cancellable)
                        cancel(id)    room(bytes)
    worker -> service   imported   ready(methods, attributes, load_ms)   began(id)
                        chunk(id, at, samples)   item(id, value)   result(id, value)   error(id, class, text)

Nobody waits for this process for ever, so it may do what it likes to itself: crash, hang, leak.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from firmware_py import backends
from firmware_py.errors import Cancelled
from firmware_py.worker import wire
from firmware_py.worker.arena import OUT_BYTES, Arena
from firmware_py.worker.channel import Channel, ChannelClosed

CHUNK_SAMPLES = 1 << 18
"""The largest chunk that is sent in one piece: an eighth of the ring."""


class Server:
    """Serves one service until its end of the channel is closed."""

    def __init__(self, channel: Channel, arena: Arena) -> None:
        self._channel = channel
        self._arena = arena
        self._work: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._room = threading.Condition()
        self._taken = 0
        self._cancelled = -1
        self._class: Any = None
        self._engine: Any = None

    def run(self) -> None:
        """Never returns."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        steps = {"prepare": self._prepare, "load": self._load, "call": self._call}
        while True:
            message = self._work.get()
            try:
                steps[message["is"]](message)
            except ChannelClosed:
                os._exit(0)

    def _read(self) -> None:
        try:
            while True:
                message = self._channel.receive()
                if message is not None:
                    self._take(message)
        finally:
            # The service is gone or talks nonsense. The engine may be in the middle of a native call, and
            # destructors of native libraries under a running call crash: no interpreter shutdown.
            os._exit(0)

    def _take(self, message: dict[str, Any]) -> None:
        if message["is"] == "cancel":
            with self._room:
                self._cancelled = message["id"]
                self._room.notify_all()
        elif message["is"] == "room":
            with self._room:
                self._taken = message["bytes"]
                self._room.notify_all()
        else:
            self._work.put(message)

    def _prepare(self, message: dict[str, Any]) -> None:
        kind, name = message["kind"], message["name"]
        backends.BACKENDS.setdefault(kind, {})[name] = message["spec"]
        try:
            self._class = backends.load(kind, name)
        except Exception as error:
            self._report(None, error)
            return
        for library in message["libraries"]:
            with contextlib.suppress(Exception):  # the engine itself knows better how to say what is missing
                importlib.import_module(library)
        self._channel.send({"is": "imported"})

    def _load(self, message: dict[str, Any]) -> None:
        if self._class is None:
            return
        started = time.perf_counter_ns()
        try:
            self._engine = self._class(**wire.decode(json.loads(self._arena.get_bytes(message["arguments"]))))
            answer = describe(self._engine)
            if message["and_warm"] and "warm" in answer["methods"]:
                self._engine.warm()
        except BaseException as error:
            self._report(None, error)
            return
        self._channel.send({"is": "ready", "load_ms": (time.perf_counter_ns() - started) / 1e6, **answer})

    def _call(self, message: dict[str, Any]) -> None:
        number = message["id"]
        self._channel.send({"is": "began", "id": number})
        try:
            args = wire.decode(message["args"], self._arena.get)
            kwargs = wire.decode(message["kwargs"], self._arena.get)
            if message["is_cancellable"]:
                kwargs["is_cancelled"] = lambda: self._cancelled >= number
            started = time.perf_counter_ns()
            result = getattr(self._engine, message["method"])(*args, **kwargs)
            if isinstance(result, Iterator):
                self._stream(number, result)
                result = None
            answer = {"is": "result", "id": number, "value": wire.encode(result)}
            answer["ms"] = (time.perf_counter_ns() - started) / 1e6
        except ChannelClosed:
            raise
        except BaseException as error:
            self._report(number, error)
            return
        self._channel.send(answer)

    def _stream(self, number: int, items: Iterator[Any]) -> None:
        self._taken = sent = 0
        try:
            for item in items:
                if self._cancelled >= number:
                    raise Cancelled("the listener has had enough")
                if isinstance(item, np.ndarray):
                    sent = self._send_samples(number, sent, item)
                else:
                    self._channel.send({"is": "item", "id": number, "value": wire.encode(item)})
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    def _send_samples(self, number: int, sent: int, samples: np.ndarray[Any, Any]) -> int:
        if samples.dtype != np.int16:
            raise TypeError(f"an engine yielded {samples.dtype} samples; int16 are expected")
        while samples.size:
            count = min(samples.size, CHUNK_SAMPLES, (OUT_BYTES - sent % OUT_BYTES) // 2)
            self._wait_for_room(number, sent + 2 * count)
            self._arena.write_out(sent, samples[:count])
            self._channel.send({"is": "chunk", "id": number, "at": sent, "samples": count})
            sent, samples = sent + 2 * count, samples[count:]
        return sent

    def _wait_for_room(self, number: int, end: int) -> None:
        """Blocks while the service has not taken enough of the stream; only ever this process."""
        with self._room:
            self._room.wait_for(lambda: end - self._taken <= OUT_BYTES or self._cancelled >= number)
        if self._cancelled >= number:
            raise Cancelled("the listener has had enough")

    def _report(self, number: int | None, error: BaseException) -> None:
        self._channel.send({"is": "error", "id": number, **wire.encode_error(error)})
        if isinstance(error, MemoryError):  # what leaked stays leaked: a fresh process is the cure
            os._exit(70)


def describe(engine: Any) -> dict[str, Any]:
    """The names of an engine's public methods, and its public attributes with plain values."""
    methods, attributes = [], {}
    for name in dir(engine):
        if name.startswith("_"):
            continue
        value = getattr(engine, name, None)
        if callable(value):
            methods.append(name)
        elif value is None or isinstance(value, (bool, int, float, str)):
            attributes[name] = value
    return {"methods": methods, "attributes": attributes}
