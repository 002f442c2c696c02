"""Small messages over a socket pair: four bytes of length, then JSON. Audio never goes this way.

Neither end trusts the other's size: a message is at most :data:`MOST_BYTES`. No call blocks past its timeout.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
import time
from typing import Any

MOST_BYTES = 1 << 20
_LENGTH = struct.Struct("<I")
_CHUNK = 1 << 16


class ChannelClosed(ConnectionError):
    """The other end has gone."""


class ChannelBroken(ConnectionError):
    """The other end sent what no peer of ours sends, or does not read what it is sent."""


class Channel:
    """One end. One thread sends and one receives; the two may differ."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._received = bytearray()
        self._readable = select.poll()
        self._readable.register(end, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(end, select.POLLOUT)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: dict[str, Any], timeout_s: float | None = None) -> None:
        """Raises ChannelClosed, or ChannelBroken when the peer has not read for ``timeout_s``.

        ValueError for a message that is too long: then nothing was sent.
        """
        body = json.dumps(message, separators=(",", ":")).encode()
        if len(body) > MOST_BYTES:
            raise ValueError(f"a message of {len(body)} bytes; at most {MOST_BYTES} are allowed")
        left = memoryview(_LENGTH.pack(len(body)) + body)
        while left:
            try:
                left = left[self._socket.send(left, socket.MSG_NOSIGNAL) :]
            except BlockingIOError:
                if not self._writable.poll(_poll_ms(timeout_s)):
                    raise ChannelBroken("a message was not taken in time") from None
            except OSError as error:
                raise ChannelClosed(str(error)) from error

    def receive(self, timeout_s: float | None = None) -> dict[str, Any] | None:
        """The next message, or None when none is complete within ``timeout_s`` (None waits for ever).

        What has already arrived is returned even if ``timeout_s`` is negative.
        """
        if self.fileno() < 0:
            raise ChannelClosed("this end is closed")
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            message = self._complete()
            if message is not None:
                return message
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._readable.poll(_poll_ms(left)):
                return None
            self._fill()

    def close(self) -> None:
        self._socket.close()

    def _fill(self) -> None:
        try:
            part = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        if not part:
            raise ChannelClosed("the other end has gone")
        self._received += part

    def _complete(self) -> dict[str, Any] | None:
        if len(self._received) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._received)
        if size > MOST_BYTES:
            raise ChannelBroken(f"a message claims {size} bytes; at most {MOST_BYTES} are allowed")
        if len(self._received) < _LENGTH.size + size:
            return None
        body = bytes(self._received[_LENGTH.size : _LENGTH.size + size])
        del self._received[: _LENGTH.size + size]
        try:
            message = json.loads(body)
        except ValueError as error:
            raise ChannelBroken(f"a message that is not JSON ({error})") from error
        if not isinstance(message, dict):
            raise ChannelBroken("a message that is not an object")
        return message


def _poll_ms(timeout_s: float | None) -> int | None:
    return None if timeout_s is None else max(0, math.ceil(timeout_s * 1000))
