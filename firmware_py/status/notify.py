"""systemd's notification protocol (``sd_notify(3)``): one datagram a message, nothing when systemd did not ask."""

from __future__ import annotations

import os
import socket


class Notifier:
    """Sends ``KEY=VALUE`` lines to ``$NOTIFY_SOCKET``; without one it does nothing. Never raises, never waits."""

    def __init__(self, address: str | None = None, watchdog_usec: int | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._watchdog_usec = _watchdog_usec() if watchdog_usec is None else watchdog_usec
        self._status = ""
        self._socket: socket.socket | None = None
        if self._address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)

    @property
    def is_supervised(self) -> bool:
        return self._socket is not None

    @property
    def watchdog_s(self) -> float | None:
        """Seconds between two pings that systemd expects at most, None when it watches nothing."""
        return self._watchdog_usec / 1e6 if self._watchdog_usec and self.is_supervised else None

    def ready(self) -> None:
        self.send("READY=1")

    def stopping(self) -> None:
        self.send("STOPPING=1")

    def ping(self) -> None:
        self.send("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Asks for more time to start or to stop."""
        self.send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")

    def status(self, text: str) -> None:
        """The line that ``systemctl status`` shows; the same one twice is sent once."""
        text = " ".join(text.split())
        if text != self._status:
            self._status = text
            self.send(f"STATUS={text}")

    def send(self, *lines: str) -> None:
        if self._socket is None:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            self._socket.sendto("\n".join(lines).encode("utf-8", "replace"), address)
        except OSError:
            pass  # a supervisor that does not listen is no reason to stop

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _watchdog_usec() -> int:
    """``WATCHDOG_USEC``, if it is meant for this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = os.environ.get("WATCHDOG_USEC", "0")
    return int(text) if text.isdigit() else 0
