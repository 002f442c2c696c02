"""systemd's notification protocol, against a socket like systemd's."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from firmware_py.status.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[socket.socket, str]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    if request.param == "path":
        address = str(tmp_path / "notify")
        listener.bind(address)
    else:
        address = f"@rtva-test-{os.getpid()}"
        listener.bind("\0" + address[1:])
    request.addfinalizer(listener.close)
    return listener, address


def test_messages_are_single_datagrams(systemd: tuple[socket.socket, str]) -> None:
    listener, address = systemd
    notifier = Notifier(address, 10_000_000)
    assert notifier.is_supervised and notifier.watchdog_s == 10.0
    notifier.ready()
    notifier.status("two\nlines are one")
    notifier.status("two lines are one")
    notifier.ping()
    notifier.extend(1.5)
    notifier.stopping()
    notifier.close()
    notifier.ping()
    got = [listener.recv(4096).decode() for _ in range(5)]
    assert got == [
        *("READY=1", "STATUS=two lines are one", "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=1500000", "STOPPING=1"),
    ]
    with pytest.raises(BlockingIOError):
        listener.recv(4096)


def test_nobody_listening_is_no_error(tmp_path: Path) -> None:
    Notifier(str(tmp_path / "gone"), 0).ready()
    silent = Notifier("", 0)
    silent.ready()
    assert not silent.is_supervised and silent.watchdog_s is None


def test_a_watchdog_for_another_process_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/nonexistent")
    monkeypatch.setenv("WATCHDOG_USEC", "5000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid() + 1))
    assert Notifier().watchdog_s is None
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    assert Notifier().watchdog_s == 5.0
