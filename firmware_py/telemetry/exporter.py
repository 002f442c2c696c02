"""How metrics leave the process: HTTP on a unix socket or on loopback, or a file for node_exporter. GET only."""

from __future__ import annotations

import contextlib
import http.server
import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from firmware_py.errors import Unavailable

LOOPBACK = "127.0.0.1"
REQUEST_S = 5.0

_log = logging.getLogger("rtva.metrics")


class Handler(http.server.BaseHTTPRequestHandler):
    """``GET /metrics``; nothing of a request is logged or kept."""

    timeout = REQUEST_S
    server_version = "rtva"
    sys_version = ""

    def do_GET(self) -> None:
        if self.path.split("?")[0] not in ("/", "/metrics"):
            self.send_error(404)
            return
        body = generate_latest(self.server.registry)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""

    def address_string(self) -> str:
        return "local"


class _Server(socketserver.TCPServer):
    """One request at a time: a scraper that dawdles is cut off after ``REQUEST_S``."""

    allow_reuse_address = True
    request_queue_size = 4

    def __init__(self, address: Any, family: socket.AddressFamily, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.address_family = family
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is none."""


class HttpExporter:
    """Serves until ``close``. Raises Unavailable when the address cannot be had."""

    def __init__(self, where: Path | int, registry: CollectorRegistry) -> None:
        self._path = where if isinstance(where, Path) else None
        try:
            if isinstance(where, Path):
                where.parent.mkdir(parents=True, exist_ok=True)
                where.unlink(missing_ok=True)
                self._server = _Server(str(where), socket.AF_UNIX, registry)
                where.chmod(0o660)
            else:
                self._server = _Server((LOOPBACK, where), socket.AF_INET, registry)
        except OSError as error:
            raise Unavailable(f"metrics on {where}: {error.strerror or error}{_hint(where)}") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2.0)
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _hint(where: Path | int) -> str:
    return "" if isinstance(where, Path) else " (as a service this needs the drop-in network.conf)"


class TextfileExporter:
    """Renews the file every ``interval_s``, whole each time; removes it on ``close``, so no old figure lives on."""

    def __init__(
        self, path: Path, interval_s: float, registry: CollectorRegistry, on_write: Callable[[], None] = lambda: None
    ) -> None:
        self._path, self._interval_s, self._registry, self._on_write = path, interval_s, registry, on_write
        self._why = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics-file", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(2.0)
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        while True:
            try:
                write_to_textfile(str(self._path), self._registry)
                self._path.chmod(0o644)
                self._on_write()
                self._why = ""
            except OSError as error:
                if self._why != str(error):
                    self._why = str(error)
                    _log.warning("metrics file: %s", error)
            if self._stop.wait(self._interval_s):
                return
