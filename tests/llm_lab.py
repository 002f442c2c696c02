"""A server on loopback that speaks the protocol of chat completions, well or badly, as a script says."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Script = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request: ``body`` as it came; the methods send, and return False once the client has gone."""

    handler: http.server.BaseHTTPRequestHandler
    body: dict[str, Any]

    def start(self, status: int = 200, kind: str = "text/event-stream") -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Connection", "close")
        self.handler.end_headers()

    def raw(self, data: bytes) -> bool:
        try:
            self.handler.wfile.write(data)
            self.handler.wfile.flush()
        except OSError:
            return False
        return True

    def event(self, **delta: Any) -> bool:
        return self.raw(b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n")

    def words(self, text: str, pause_s: float = 0.0) -> bool:
        """A text in pieces of a few letters, none of which cares for words."""
        for at in range(0, len(text), 3):
            time.sleep(pause_s)
            if not self.event(content=text[at : at + 3]):
                return False
        return True

    def done(self) -> None:
        self.raw(b"data: [DONE]\n\n")


@dataclass
class Server:
    """``requests`` are the bodies so far; ``gone`` is set when a client closed its connection in the middle."""

    script: Script
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    url: str = ""


def says(text: str, pause_s: float = 0.0) -> Script:
    def script(exchange: Exchange) -> None:
        exchange.start()
        if exchange.words(text, pause_s):
            exchange.done()

    return script


def hangs(server: Server, after: str = "", most_s: float = 20.0) -> Script:
    """Says ``after`` and then nothing, until the client goes."""

    def script(exchange: Exchange) -> None:
        exchange.start()
        if after:
            exchange.words(after)
        end = time.monotonic() + most_s
        exchange.handler.connection.settimeout(0.05)
        while time.monotonic() < end:
            try:
                if not exchange.handler.connection.recv(1):
                    server.gone.set()
                    return
            except TimeoutError:
                continue
            except OSError:
                server.gone.set()
                return

    return script


@contextmanager
def serving(script: Script | None = None) -> Iterator[Server]:
    """The server while it runs; ``server.script`` may be changed between requests."""
    server = Server(script or says("Yes."))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.requests.append(body)
            server.headers.append(dict(self.headers))
            server.script(Exchange(self, body))

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        server.url = f"http://127.0.0.1:{listener.server_address[1]}/v1"
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()
