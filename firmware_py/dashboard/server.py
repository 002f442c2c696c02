"""The page and its stream of events over HTTP: GET only, three paths, nothing of the file system.

Bounded: connections, streams, the time a request or a slow reader may take. Whoever is one too many gets 503.
"""

from __future__ import annotations

import fcntl
import hmac
import http.server
import importlib.resources
import ipaddress
import re
import secrets
import socket
import socketserver
import struct
import threading
import urllib.parse
from typing import Any

from firmware_py.dashboard.feed import Client, Feed
from firmware_py.errors import Unavailable

MOST_CONNECTIONS = 16
REQUEST_S = 10.0
"""A request must be whole within this time, and a reader must take what it is sent."""
BEAT_S = 10.0
SIOCGIFADDR = 0x8915
"""netdevice(7)"""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection, one answer; nothing of it is logged."""

    timeout = REQUEST_S
    server_version = "rtva"
    sys_version = ""
    server: Server

    def handle_one_request(self) -> None:
        self._limit = threading.Timer(REQUEST_S, self._give_up)
        self._limit.daemon = True
        self._limit.start()
        try:
            super().handle_one_request()
        finally:
            self._limit.cancel()

    def do_GET(self) -> None:
        self._limit.cancel()
        parts = urllib.parse.urlsplit(self.path)
        if not self._is_allowed(parts.query):
            self.send_error(403, "wrong or missing token" if self.server.token else "not asked for by its own name")
        elif parts.path == "/":
            self._page()
        elif parts.path == "/events":
            self._stream()
        else:
            self.send_error(404)

    def _is_allowed(self, query: str) -> bool:
        """The token, where there is one; else the Host must be this machine's own (DNS rebinding)."""
        if not self.server.token:
            hosts = self.headers.get_all("Host", [])
            return len(hosts) == 1 and re.sub(r":\d+$", "", hosts[0]) in self.server.names
        given = urllib.parse.parse_qs(query).get("token", [""])[0]
        header = self.headers.get("Authorization", "")
        if header.startswith("Bearer "):
            given = header.removeprefix("Bearer ")
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.server.token.encode())

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(12)
        body = self.server.page.replace("NONCE", nonce).encode()
        allowed = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:"
        self.send_response(200)
        self._headers("text/html; charset=utf-8")
        self.send_header(
            "Content-Security-Policy", f"default-src 'none'; {allowed}; base-uri 'none'; frame-ancestors 'none'"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        client = self.server.feed.join()
        if client is None:
            self.send_error(503, "too many look already")
            return
        try:
            self.send_response(200)
            self._headers("text/event-stream")
            self.end_headers()
            while not self.server.is_closing:
                self._send(client)
        finally:
            self.server.feed.leave(client)

    def _send(self, client: Client) -> None:
        found = client.take(BEAT_S)
        text = "".join(f"event: {name}\ndata: {data}\n\n" for name, data in found) or ": beat\n\n"
        self.connection.sendall(text.encode())

    def _headers(self, kind: str) -> None:
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")

    def _give_up(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has gone already

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: a request may hold the token."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Serves ``feed``. ``token`` "" asks for none; :attr:`url` is what to open. Raises Unavailable."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, host: str, port: int, feed: Feed, token: str = "") -> None:
        self.feed, self.token = feed, token
        self.is_closing = False
        self.page = importlib.resources.files("firmware_py.dashboard").joinpath("page.html").read_text("utf-8")
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.address_family, address = resolve(host, port)
        try:
            super().__init__(address, Handler)
        except OSError as error:
            raise Unavailable(f"dashboard on {host}:{port}: {error.strerror or error}") from error
        self.names = LOCAL_NAMES | {_bracketed(address[0])}
        """Hosts that a request may name where no token is asked for; the page is served on the first of them."""

    def server_bind(self) -> None:
        """Without the reverse look-up of the name that HTTPServer does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def urls(self) -> list[str]:
        """Where it can be opened: one, or each address of the machine when it listens on all of them."""
        host = str(self.server_address[0])
        is_any = ipaddress.ip_address(host.partition("%")[0]).is_unspecified
        hosts = (own_addresses() or [socket.gethostname()]) if is_any else [host]
        query = f"?token={self.token}" if self.token else ""
        return [f"http://{_bracketed(host)}:{self.server_port}/{query}" for host in hosts]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            try:
                request.settimeout(1.0)
                request.sendall(b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\n\r\n")
            except OSError:
                pass  # it has gone already
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left, or read too slowly, is none."""

    def close(self) -> None:
        """Ends it; may be called from any thread but the serving one."""
        self.is_closing = True
        self.feed.close()
        self.shutdown()
        self.server_close()


def resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    """Address family and address to listen on. Raises Unavailable."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, ValueError) as error:  # ValueError: a label above 63 letters
        raise Unavailable(f"dashboard on {host}:{port}: {getattr(error, 'strerror', None) or error}") from error
    return family, (str(address[0]), int(address[1]))


def own_addresses() -> list[str]:
    """The IPv4 address of each network interface, loopback left out."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, name in socket.if_nameindex():
            try:
                told = fcntl.ioctl(any_socket, SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # it has none
            found.append(socket.inet_ntoa(told[20:24]))
    return [address for address in found if not is_loopback(address)]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
