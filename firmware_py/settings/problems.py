"""What pydantic found, as one line a user can act on: file, key, value, what is allowed."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

from firmware_py.settings.document import Document, KeyPath, dotted, printable
from firmware_py.settings.knobs import children, knobs


def line(error: ValidationError, document: Document) -> str:
    """The first mistake in the order of the file, and how many more there are: a value that is neither of what its key
    allows is one."""
    found = sorted(
        {(_line_number(document, e["loc"]), _describe(e, document)) for e in error.errors(include_url=False)}
    )
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return found[0][1] + more


def unknown_key(key: str) -> str:
    """What to say about a dotted key that does not exist."""
    section, _, name = key.rpartition(".")
    while section and not children(section):
        section, _, name = section.rpartition(".")
    names = children(section)
    near = difflib.get_close_matches(name, names, 1) or _elsewhere(section, name)
    hint = f"; did you mean {near[0]}? allowed here" if len(near) == 1 else "; allowed"
    return f"unknown key{hint}: {', '.join(names)}"


def _elsewhere(section: str, name: str) -> list[str]:
    """Keys of that name in other sections; those inside ``section`` first."""
    same = [key for key in knobs() if key.rpartition(".")[2] == name]
    return [key for key in same if key.startswith(f"{section}.")] or same


def _line_number(document: Document, key: KeyPath) -> int:
    for depth in range(len(key), 0, -1):
        if key[:depth] in document.lines:
            return document.lines[key[:depth]]
    return 0


def _describe(error: Any, document: Document) -> str:
    key: KeyPath = tuple(error["loc"])
    where = document.where(key)
    name = dotted(key)
    if error["type"] == "extra_forbidden":
        return f"{where}: {name}: {unknown_key('.'.join(str(part) for part in key))}"
    knob = next((knobs()[k] for k in _prefixes(key) if k in knobs()), None)
    if knob is not None:
        return f"{where}: {knob.key}: {_shown(key, error['input'], document)} is refused; allowed: {knob.allowed}"
    if error["type"] == "value_error":
        return f"{where}: {name}: {printable(str(error['ctx']['error']), 300)}"
    section = _section(key)
    shown = _shown(key, error["input"], document)
    return f"{where}: {name}: {shown} is not a section; allowed: the keys {', '.join(children(section))}"


def _prefixes(key: KeyPath) -> list[str]:
    return [".".join(str(part) for part in key[:depth]) for depth in range(len(key), 0, -1)]


def _section(key: KeyPath) -> str:
    return next((p for p in _prefixes(key) if children(p)), "")


def _shown(key: KeyPath, value: Any, document: Document) -> str:
    if isinstance(value, str):
        return printable(repr(value))
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return printable(repr(list(value)))
    return printable(document.texts.get(key) or ("null" if value is None else str(value)))
