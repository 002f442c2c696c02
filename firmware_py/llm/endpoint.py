"""A language model behind an OpenAI-compatible endpoint: llama.cpp's server, Ollama, or another one.

Python's own HTTP client in a thread of its own, for a read that waits can be ended only by shutting its socket. Nothing
is sent before :meth:`Endpoint.chat`, redirects and proxies are not followed, and what comes is bounded.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from firmware_py.errors import ModelFailed
from firmware_py.llm.deltas import Deltas, error_words, whole
from firmware_py.llm.sse import Events, TooLong
from firmware_py.llm.stream import Ending, Piece, Stream

CONNECT_S = 5.0
LOADING_S = 1.0
"""Between two questions to a server that says that it loads its model; whoever waits for the answer bounds them."""
SILENT_S = 60.0
"""The longest that a socket is read without a byte, if nobody ends it before."""
MOST_BYTES = 1 << 20
MOST_ERROR = 2000
MOST_LEFT = 3
"""Threads that may hang in a connection that nobody waits for; then others are refused."""

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Where the model is and what is asked of it beside the conversation. ``url`` ends with the version ("/v1")."""

    url: str
    model: str = ""
    key_file: Path | None = None
    max_tokens: int = 160
    temperature: float = 0.3

    def body(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]]) -> bytes:
        fields = {
            "model": self.model or "default",
            "messages": list(messages),
            "stream": True,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }
        return json.dumps(fields | ({"tools": list(tools)} if tools else {})).encode()

    def headers(self) -> dict[str, str]:
        found = {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if self.key_file is not None:
            found["Authorization"] = f"Bearer {key_in(self.key_file)}"
        return found


def key_in(file: Path) -> str:
    """The first line of a key file. Raises ModelFailed, which tells nothing of what is in it, and OSError."""
    lines = file.read_text(errors="replace").strip().splitlines()
    key = lines[0].strip() if lines else ""
    if not (key and key.isascii() and key.isprintable()):
        raise ModelFailed(f"llm.key_file holds no key: {file}")
    return key


class Endpoint:
    """Fills the LanguageModel port. The constructor asks nothing of the network; a server may come later."""

    def __init__(
        self,
        url: str,
        model: str = "",
        key_file: Path | None = None,
        max_tokens: int = 160,
        temperature: float = 0.3,
    ) -> None:
        self.request = Request(url.rstrip("/"), model, key_file, max_tokens, temperature)
        self._left: list[Stream] = []

    def chat(self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()) -> Stream:
        """Begins one answer. Raises ModelFailed when too many connections hang already."""
        self._left = [stream for stream in self._left if stream.is_alive]
        if len(self._left) >= MOST_LEFT:
            raise ModelFailed(f"{self.request.url}: {MOST_LEFT} connections hang already")
        opened = _Opened()
        stream = Stream(lambda: _pieces(self.request, messages, tools, opened), opened)
        self._left.append(stream)
        return stream

    def close(self) -> None:
        """Ends what is still being answered."""
        for stream in self._left:
            stream.cancel()


class _Loading(ModelFailed):
    """The server is there and has no model yet: it says so with 503."""


class _Opened(Ending):
    """A connection that any thread may end."""

    def __init__(self) -> None:
        super().__init__()
        self._sock: socket.socket | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def waits(self, seconds: float) -> bool:
        """Sleeps, but not beyond ``cancel``; whether it was cancelled."""
        return self._ended.wait(seconds)

    def hold(self, sock: socket.socket) -> None:
        with self._lock:
            self._sock = sock
            if self.is_cancelled:
                self._shut()

    def cancel(self) -> None:
        with self._lock:
            self.is_cancelled = True
            self._ended.set()
            self._shut()

    def _shut(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError, ValueError):
                self._sock.shutdown(socket.SHUT_RDWR)


def _pieces(
    request: Request, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], opened: _Opened
) -> Iterator[Piece]:
    """Asks, again while the server loads its model, and yields what comes; in the thread of a stream."""
    while True:
        try:
            yield from _answer(request, messages, tools, opened)
            return
        except _Loading as loading:
            if opened.waits(LOADING_S):
                raise ModelFailed(str(loading)) from None


def _answer(
    request: Request, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]], opened: _Opened
) -> Iterator[Piece]:
    connection, response = _connection(request.url), None
    try:
        connection.connect()
        connection.sock.settimeout(SILENT_S)
        opened.hold(connection.sock)
        _ask(connection, request, messages, tools)
        response = connection.getresponse()
        if response.status != http.client.OK:
            kind = _Loading if response.status == http.client.SERVICE_UNAVAILABLE else ModelFailed
            raise kind(f"{request.url}: HTTP {response.status} {_why(response)}".strip())
        if "json" in response.getheader("Content-Type", ""):
            yield from whole(response.read(MOST_BYTES).decode("utf-8", errors="replace"))
        else:
            yield from _streamed(response)
    except (OSError, http.client.HTTPException) as error:
        raise ModelFailed(f"{request.url}: {error or type(error).__name__}") from error
    finally:
        if response is not None:
            response.close()  # it owns the socket where the server closes: an error's traceback would keep it open
        connection.close()


def _ask(
    connection: http.client.HTTPConnection, request: Request, messages: Sequence[Message], tools: Sequence[Message]
) -> None:
    """Sends the question. What else than the network fails is told by its kind alone: its words may hold the key."""
    path = urlsplit(request.url).path.rstrip("/") + "/chat/completions"
    try:
        connection.request("POST", path, request.body(messages, tools), request.headers())
    except (OSError, http.client.HTTPException, ModelFailed):
        raise
    except Exception as error:
        raise ModelFailed(f"{request.url}: no question can be made ({type(error).__name__})") from None


def reach(url: str) -> None:
    """Connects and leaves again. Raises ModelFailed when nobody is there."""
    connection = _connection(url)
    try:
        connection.connect()
    except (OSError, http.client.HTTPException) as error:
        raise ModelFailed(f"{url}: {error or type(error).__name__}") from error
    finally:
        connection.close()


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=CONNECT_S)


def _streamed(response: http.client.HTTPResponse) -> Iterator[Piece]:
    events, deltas, left = Events(), Deltas(), MOST_BYTES
    try:
        while not deltas.is_over and (block := response.read1(4096)):
            left -= len(block)
            if left < 0:
                raise ModelFailed(f"more than {MOST_BYTES} bytes")
            yield from filter(None, map(deltas.push, events.push(block)))
        if not deltas.is_over:
            yield from filter(None, map(deltas.push, events.end()))
    except TooLong as error:
        raise ModelFailed(str(error)) from error
    yield from deltas.calls
    if not deltas.is_over:
        raise ModelFailed("the answer broke off")


def _why(response: http.client.HTTPResponse) -> str:
    text = response.read(MOST_ERROR).decode("utf-8", errors="replace")
    try:
        body = json.loads(text)
    except ValueError:
        return ""
    return error_words(body) if isinstance(body, dict) and body.get("error") else ""
