"""Server-sent events: the data of each event, from bytes that come in any pieces (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

from collections.abc import Iterator

MOST_EVENT = 1 << 16
"""Bytes of one event; a chat's are some hundred."""


class TooLong(ValueError):
    """An event beyond :data:`MOST_EVENT`."""


class Events:
    """``push`` takes bytes and yields the data of the events that they complete; comments and other fields are left
    out. Raises TooLong."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._size = 0

    def push(self, block: bytes) -> Iterator[str]:
        """The data of each event that ends within ``block``."""
        self._rest += block
        while True:
            end = self._rest.find(b"\n")
            if end < 0:
                if len(self._rest) > MOST_EVENT:
                    raise TooLong(f"a line of more than {MOST_EVENT} bytes")
                return
            line, self._rest = self._rest[:end].rstrip(b"\r"), self._rest[end + 1 :]
            yield from self._line(line)

    def end(self) -> Iterator[str]:
        """The stream is over: what a last line without an end was."""
        line, self._rest = self._rest.rstrip(b"\r"), b""
        yield from self._line(line)
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[str]:
        if not line:
            if self._data:
                yield "\n".join(self._data)
            self._data, self._size = [], 0
            return
        name, _, value = line.partition(b":")
        if name != b"data":
            return
        self._size += len(value)
        if self._size > MOST_EVENT:
            raise TooLong(f"an event of more than {MOST_EVENT} bytes")
        self._data.append(value.removeprefix(b" ").decode("utf-8", errors="replace"))
