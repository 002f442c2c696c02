"""``rtva serial-sim``: the other end of the serial line, on a pseudo-terminal.

It stands for the microcontroller: what rtva says appears here, what is typed goes to rtva. Lines that begin with ``!``
make trouble: ``!unplug``, ``!plug``, ``!garbage``, ``!flood``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import random
import select
import sys
import tty
from pathlib import Path
from typing import Any

FLOOD_LINES = 1000


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("serial-sim", help="the other end of the serial line", description=__doc__)
    parser.add_argument(
        "--link", type=Path, metavar="PATH", help="a name for it that stays (default: the pseudo-terminal's own)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with contextlib.closing(Line(args.link)) as line:
        print(f"rtva: set status.serial.device to {line.name}", file=sys.stderr, flush=True)
        talk(line)
    return 0


class Line:
    """A pseudo-terminal that can be unplugged and plugged in again behind the same name."""

    def __init__(self, link: Path | None) -> None:
        self.link = link
        self.master: int | None = None
        self._slave: int | None = None
        self.plug()

    @property
    def name(self) -> str:
        return str(self.link) if self.link else os.ttyname(self._slave) if self._slave is not None else "nothing"

    def plug(self) -> None:
        if self.master is not None:
            return
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        if self.link is not None:
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        if self.link is not None:
            self.link.unlink(missing_ok=True)
        for fd in (self._slave, self.master):
            if fd is not None:
                os.close(fd)
        self.master = self._slave = None

    def send(self, data: bytes) -> None:
        """Sends what the other end takes; the rest is lost, as on a wire."""
        if self.master is None:
            return
        while data and select.select([], [self.master], [], 0.5)[1]:
            data = data[os.write(self.master, data[:256]) :]

    def receive(self) -> bytes:
        return os.read(self.master, 4096) if self.master is not None else b""

    def close(self) -> None:
        self.unplug()


def talk(line: Line) -> None:
    """Until the input ends or the user interrupts."""
    keyboard = sys.stdin.fileno()
    while True:
        sources = [keyboard] if line.master is None else [keyboard, line.master]
        ready, _, _ = select.select(sources, [], [])
        if line.master in ready:
            sys.stdout.write(line.receive().decode("utf-8", "replace").replace("\r\n", "\n"))
            sys.stdout.flush()
        if keyboard in ready:
            typed = os.read(keyboard, 4096)
            if not typed:
                return
            for command in typed.decode("utf-8", "replace").splitlines():
                obey(line, command)


def obey(line: Line, command: str) -> None:
    """Sends a command, or makes the trouble that it asks for."""
    if command == "!unplug":
        line.unplug()
    elif command == "!plug":
        line.plug()
        print(f"rtva: now {line.name}", file=sys.stderr, flush=True)
    elif command == "!garbage":
        line.send(random.randbytes(1024) + b"\n")
    elif command == "!flood":
        line.send(b"status\n" * FLOOD_LINES)
    elif command.startswith("!"):
        print("rtva: there are !unplug !plug !garbage !flood", file=sys.stderr, flush=True)
    else:
        line.send(command.encode() + b"\n")
