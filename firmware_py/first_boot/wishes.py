"""``rtva-setup.txt``: one ``key: value`` a line, written by a person on any machine, judged line by line.

A line that is wrong costs its key alone. Nothing in the file can keep a board from starting.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware_py.boards import BOARDS

FILE = "rtva-setup.txt"
MAX_BYTES = 64 * 1024
HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MAX_ZONE = 64
ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
AUTO = "auto"
CONFIG_KEYS = {
    "microphone": "audio.input.device",
    "channel": "audio.input.channel",
    "speaker": "audio.output.device",
    "volume": "audio.output.volume",
}
"""Keys that are one of the configuration's own, which judges their values."""
QUOTABLE = frozenset({"wifi_name", "wifi_password"})
"""Keys whose values may have quotes of their own around them, written within another pair."""
NUMBERS = frozenset({"channel", "volume"})


@dataclass
class Wishes:
    """What was asked for; a key that is missing or wrong is not there. ``problems`` are lines for a person."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_away: bool = False
    """There was no file to read: what it said before is not taken back."""
    is_order: bool = False
    """A person's at this moment, not a file's that was carried out before: the preset is taken again."""

    def drop(self, key: str, why: str) -> None:
        """The value of ``key`` is refused after all."""
        self.problems.append(f"{FILE} line {self.lines[key]}: {key}: {why}")
        del self.values[key]


def read(path: Path) -> Wishes:
    """The wishes in a file; none where there is none. Never raises."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Wishes(is_away=True)
    except OSError as error:
        return Wishes(problems=[f"{FILE}: cannot be read ({error.strerror})"], is_away=True)
    if len(data) > MAX_BYTES:
        return Wishes(problems=[f"{FILE}: longer than {MAX_BYTES // 1024} KiB, so it is no set-up file"])
    return parse(data)


def parse(data: bytes) -> Wishes:
    """Never raises. Line ends of any system, with or without a byte order mark; ``#`` begins a comment line.

    A value in another encoding than UTF-8 is refused: a Wi-Fi would have another name than the one that was written. So
    is one in quotes, for the same reason; a Wi-Fi whose name has them is written with two pairs.
    """
    found = Wishes()
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            problem = _take(found, number, line)
            if problem:
                found.problems.append(f"{FILE} line {number}: {problem}")
    return found


def _take(found: Wishes, number: int, line: str) -> str:
    key, colon, value = line.partition(":")
    key, value = key.strip().lower(), value.strip()
    if not colon or not value:
        return f"not 'key: value': {printable(line)}"
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, 1)
        return f"unknown key {printable(key)}" + (f", perhaps {near[0]}" if near else "")
    if key in found.values:
        return f"{key} stands there twice; line {found.lines[key]} counts"
    if "\ufffd" in value:
        return f"{key}: not UTF-8; save the file as UTF-8"
    if not value.isprintable():
        return f"{key}: not a line of text"
    if key in QUOTABLE and _is_quoted(value[1:-1]):
        value = value[1:-1]
    elif _is_quoted(value):
        return f"{key}: without the quotes" + (" (its own ones are written twice)" if key in QUOTABLE else "")
    problem = KEYS[key](value)
    if not problem:
        found.values[key], found.lines[key] = value, number
    return f"{key}: {problem}" if problem else ""


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"


def printable(text: str) -> str:
    """For a serial line: short, ASCII, one line."""
    return ascii(text[:40])


def _hostname(value: str) -> str:
    return "" if HOSTNAME.fullmatch(value) else "letters a to z, digits and hyphens, 63 at most"


def _zone(value: str) -> str:
    return "" if len(value) <= MAX_ZONE and ZONE.fullmatch(value) else "a name such as Europe/Berlin"


def _preset(value: str) -> str:
    return "" if value in (AUTO, *BOARDS) else f"one of {', '.join((AUTO, *BOARDS))}"


def _number(value: str) -> str:
    return "" if value.isascii() and value.isdigit() and len(value) < 4 else "a whole number"


def _wifi_name(value: str) -> str:
    return "" if len(value.encode()) <= 32 else "32 bytes at most"


def _wifi_password(value: str) -> str:
    return "" if 8 <= len(value) <= 63 and value.isascii() else "8 to 63 characters of ASCII (WPA2)"


def _country(value: str) -> str:
    return "" if re.fullmatch("[A-Z]{2}", value) else "two capital letters, such as DE"


def _device(value: str) -> str:
    return "a comment has a line of its own" if re.search(r"\s#", value) else ""


KEYS: dict[str, Callable[[str], str]] = {
    "hostname": _hostname,
    "time_zone": _zone,
    "preset": _preset,
    "microphone": _device,
    "channel": _number,
    "speaker": _device,
    "volume": _number,
    "wifi_name": _wifi_name,
    "wifi_password": _wifi_password,
    "wifi_country": _country,
}
"""What may stand there, each with what is wrong about a value ("" is nothing)."""
