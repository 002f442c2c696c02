"""Where ``rtva setup`` asks: the terminal, a pipe, or a serial line. Lines alone, no cursor, no colours."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from firmware_py.errors import BadInput, UsageError

T = TypeVar("T")
LINE_MOST = 400
WORDS = "skip leaves this step, again repeats it, back goes to the one before, quit ends without writing"


class Skip(Exception):
    """This step stays as it is."""


class Again(Exception):
    """This step once more."""


class Back(Exception):
    """The step before."""


class Console(Protocol):
    """One line out, one line in. ``read`` raises EOFError when no more will come."""

    def say(self, text: str) -> None: ...
    def read(self, prompt: str) -> str: ...
    def close(self) -> None: ...


class Terminal:
    """Standard input and output, whatever they are."""

    def say(self, text: str) -> None:
        print(text, flush=True)

    def read(self, prompt: str) -> str:
        print(prompt, end="", flush=True)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        if not sys.stdin.isatty():
            print(flush=True)
        return line.strip()

    def close(self) -> None:
        pass


class SerialConsole:
    """A raw serial line: it echoes what is typed and knows backspace, Ctrl-C and Ctrl-D; CR, LF and both end a line."""

    def __init__(self, device: Path, baud: int) -> None:
        from firmware_py.status.serial_line import open_port

        self._port = open_port(device, baud)
        self._fd: int = self._port.fileno()
        self._had_cr = False

    def say(self, text: str) -> None:
        self._write(text.replace("\n", "\r\n") + "\r\n")

    def read(self, prompt: str) -> str:
        self._write(prompt)
        line = bytearray()
        while True:
            byte = self._byte()
            is_second = byte == b"\n" and self._had_cr
            self._had_cr = byte == b"\r"
            if byte in (b"\r", b"\n"):
                if is_second:
                    continue
                self._write("\r\n")
                return line.decode("utf-8", "replace").strip()
            self._take(line, byte)

    def close(self) -> None:
        self._port.close()

    def _take(self, line: bytearray, byte: bytes) -> None:
        if byte == b"\x03":
            raise KeyboardInterrupt
        if byte == b"\x04" and not line:
            raise EOFError
        if byte in (b"\x08", b"\x7f"):
            if line:
                line.pop()
                self._write("\b \b")
        elif byte >= b" " and len(line) < LINE_MOST:
            line += byte
            self._write(byte.decode("latin-1"))

    def _byte(self) -> bytes:
        select.select([self._fd], [], [])
        byte = os.read(self._fd, 1)
        if not byte:
            raise EOFError
        return byte

    def _write(self, text: str) -> None:
        """What the other end does not take within two seconds is lost."""
        left = text.encode("utf-8" if len(text) != 1 else "latin-1")
        while left and select.select([], [self._fd], [], 2.0)[1]:
            left = left[os.write(self._fd, left) :]


class Unattended:
    """``--yes``: nobody answers; every question keeps what it proposes."""

    def __init__(self, *, is_silent: bool = False) -> None:
        self._is_silent = is_silent

    def say(self, text: str) -> None:
        if not self._is_silent:
            print(text, flush=True)

    def read(self, prompt: str) -> str:
        return ""

    def close(self) -> None:
        pass


def ask(console: Console, question: str, shown: str, understand: Callable[[str], T]) -> T:
    """The answer as ``understand`` takes it; ``shown`` is what Enter stands for. What it refuses (ValueError, whose
    text is said) is asked again. Raises Skip, Again, Back, KeyboardInterrupt, and BadInput when the answers end.
    """
    while True:
        try:
            said = console.read(f"{question} [{shown}]: ")
        except EOFError:
            raise BadInput("setup: the answers ended before the last step; nothing was written") from None
        word = said.lower()
        if word in ("?", "help"):
            console.say(f"  Enter keeps {shown}; {WORDS}")
            continue
        _obey(word)
        try:
            return understand(said or shown)
        except ValueError as error:
            if isinstance(console, Unattended):
                raise UsageError(f"setup: {question}: {said or shown!r} is refused; allowed: {error}") from error
            console.say(f"  {error}")


def _obey(word: str) -> None:
    if word in ("skip", "s"):
        raise Skip
    if word == "again":
        raise Again
    if word == "back":
        raise Back
    if word in ("quit", "q"):
        raise KeyboardInterrupt


def yes_or_no(said: str) -> bool:
    """Raises ValueError."""
    if said.lower() in ("y", "yes", "n", "no"):
        return said.lower()[0] == "y"
    raise ValueError("yes or no")
