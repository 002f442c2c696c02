"""The control socket: JSON lines over a unix socket of mode 0660.

A client sends ``{"command": "volume", "argument": "40"}`` and gets one line, ``{"ok": true, ...}`` or
``{"ok": false, "error": ..., "exit_code": ...}``. After ``{"command": "events"}`` the connection carries every change
as ``{"topic": ..., "at_ns": ..., ...}`` until the client hangs up.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import socket
import stat
import threading
import time
from pathlib import Path
from typing import Any

from firmware_py.errors import EX_SOFTWARE, BadInput, RtvaError, Unavailable
from firmware_py.status.commands import Controls, perform
from firmware_py.status.hub import Hub, Notice, Subscription

MOST_CLIENTS = 8
LINE_BYTES = 8192
IDLE_S = 30.0
"""A client that says nothing for so long is hung up on; one that reads events is not."""
SEND_S = 2.0

_log = logging.getLogger("rtva.control")


class ControlSocket:
    """Serves from a thread of its own and one a client. Raises Unavailable when the path cannot be bound.

    ``refused`` counts clients that were turned away.
    """

    def __init__(self, path: Path, controls: Controls, hub: Hub) -> None:
        self.path = path
        self.refused = 0
        self._controls, self._hub = controls, hub
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_closing = False
        self._listener = bind(path)
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hangs up on everyone and removes the socket; may be called twice."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(2.0)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while not self._is_closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                time.sleep(0.1)  # it is closing, or out of descriptors: the next moment may be better
                continue
            with self._lock:
                is_welcome = not self._is_closing and len(self._clients) < MOST_CLIENTS
                if is_welcome:
                    self._clients.add(client)
            if is_welcome:
                self._begin(client)
            else:
                self._refuse(client, f"{MOST_CLIENTS} clients are connected already; hang up one of them first")

    def _begin(self, client: socket.socket) -> None:
        try:
            threading.Thread(target=self._serve, args=(client,), name="control-client", daemon=True).start()
        except RuntimeError as error:  # out of threads or memory: the next moment may be better
            with self._lock:
                self._clients.discard(client)
            self._refuse(client, f"nobody is free to answer: {error}")

    def _refuse(self, client: socket.socket, why: str) -> None:
        """Turns a client away with a word, and without waiting for it to be read."""
        self.refused += 1
        with contextlib.suppress(OSError), client:
            client.setblocking(False)
            send(client, {"ok": False, "error": why, "exit_code": Unavailable.exit_code})

    def _serve(self, client: socket.socket) -> None:
        try:
            client.settimeout(IDLE_S)
            with client.makefile("rb") as lines:
                while line := lines.readline(LINE_BYTES):
                    if not self._answer(client, line):
                        return
        except OSError:
            pass  # the client left
        except Exception:
            _log.exception("a control client failed")
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()

    def _answer(self, client: socket.socket, line: bytes) -> bool:
        """Answers one line; False when the connection is over."""
        try:
            name, argument = parse(line)
            if name == "events":
                self._stream(client)
                return False
            send(client, {"ok": True, **perform(self._controls, name, argument)})
        except RtvaError as error:
            send(client, {"ok": False, "error": str(error), "exit_code": error.exit_code})
        except OSError:
            raise
        except Exception as error:
            _log.exception("a command failed")
            send(client, {"ok": False, "error": f"internal error: {error}", "exit_code": EX_SOFTWARE})
        return line.endswith(b"\n")

    def _stream(self, client: socket.socket) -> None:
        with contextlib.closing(self._hub.subscribe("control")) as subscription:
            send(client, {"ok": True})
            client.settimeout(SEND_S)
            while not self._is_closing and self._relay(client, subscription):
                pass

    def _relay(self, client: socket.socket, subscription: Subscription) -> bool:
        ready, _, _ = select.select([client.fileno(), subscription.fileno()], [], [], 1.0)
        if client.fileno() in ready and not client.recv(4096):
            return False
        while (notice := subscription.take()) is not None:
            send(client, as_json(notice))
        return True


def parse(line: bytes) -> tuple[str, str]:
    """Command and argument of a request line. Raises BadInput."""
    if not line.endswith(b"\n") and len(line) >= LINE_BYTES:
        raise BadInput(f"a request must be one line of less than {LINE_BYTES} bytes")
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON: {error}") from error
    if not isinstance(request, dict):
        raise BadInput("a request must be a JSON object")
    name, argument = request.get("command"), request.get("argument", "")
    if not isinstance(name, str) or not isinstance(argument, str):
        raise BadInput('"command" and "argument" must be text')
    return name, argument


def as_json(notice: Notice) -> dict[str, Any]:
    """A change as an object."""
    return {"topic": notice.topic, "at_ns": notice.at_ns, **notice.fields}


def send(client: socket.socket, fields: dict[str, Any]) -> None:
    """One object, one line."""
    client.sendall(json.dumps(fields, ensure_ascii=False).encode() + b"\n")


def bind(path: Path) -> socket.socket:
    """A listening socket of mode 0660 at ``path``; one that a dead process left is replaced, a live one is not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        mask = os.umask(0o117)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
        listener.listen(MOST_CLIENTS)
    except OSError as error:
        raise Unavailable(f"control socket {path}: {error.strerror or error}") from error
    return listener


def _remove_dead(path: Path) -> None:
    if not path.exists() or not stat.S_ISSOCK(path.stat().st_mode):
        return
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise Unavailable(f"control socket {path}: another rtva is running; stop that one first")
