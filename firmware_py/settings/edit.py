"""Changes values in the text of a configuration file and leaves its other lines, comments too, as they are.

A value that stands there is replaced in place. A key that is commented out at its own place (``config/config.yaml`` is
all such lines) takes that line; any other goes to the top of its section, a section that is missing to the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from firmware_py.errors import ConfigError
from firmware_py.settings.document import Document, parse
from firmware_py.settings.render import INDENT, scalar

BY_HAND = "cannot be changed without losing what is around it; write it by hand"


def changed(document: Document, text: str, values: Mapping[str, Any]) -> str:
    """``text``, whose values are ``document``'s, with the dotted keys of ``values`` set to plain values.

    What comes out is read again and compared: nothing but those keys has another value. Raises ConfigError when that
    cannot be had (a key behind an alias, a section that is not a mapping), with the file and the key.
    """
    wanted = document.values
    for key, value in values.items():
        parts = tuple(key.split("."))
        wanted = _with(wanted, parts, value)
        try:
            text = _set(text, parts, scalar(value))
            found = parse(text, document.path).values
        except (yaml.YAMLError, ConfigError, _Unfit) as error:
            raise ConfigError(f"{document.where(parts)}: {key}: {BY_HAND}") from error
        if found != wanted:
            raise ConfigError(f"{document.where(parts)}: {key}: {BY_HAND}")
    return text


class _Unfit(Exception):
    """The text has no place for the key."""


def _with(tree: Any, parts: tuple[str, ...], value: Any) -> Any:
    if not parts:
        return value
    tree = tree if isinstance(tree, dict) else {}
    return {**tree, parts[0]: _with(tree.get(parts[0]), parts[1:], value)}


def _set(text: str, parts: tuple[str, ...], value: str) -> str:
    """Each step goes one section deeper; ``header`` is the node of the key that opened it."""
    node, header = yaml.compose(text, yaml.SafeLoader), None
    for depth, name in enumerate(parts):
        if not isinstance(node, yaml.MappingNode):
            return _into_empty(text, node, header, parts[depth:], value)
        pair = next(((k, v) for k, v in node.value if k.value == name), None)
        if pair is None:
            return _into_mapping(text, node, header, parts[depth:], value)
        header, node = pair
    return _replace(text, node, header, value)


def _replace(text: str, node: Any, header: Any, value: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    if start < header.end_mark.index or (not isinstance(node, yaml.ScalarNode) and node.flow_style is False):
        raise _Unfit
    if start == end:  # an empty value stands wherever the reader gave up: right behind its colon is meant
        start = end = text.index(":", header.end_mark.index) + 1
        value = " " + value
    return text[:start] + value + text[end:]


def _into_empty(text: str, node: Any, header: Any, parts: tuple[str, ...], value: str) -> str:
    """Into ``section:`` with nothing but comments below it, or into an empty file."""
    if node is not None and not (isinstance(node, yaml.ScalarNode) and node.value == ""):
        raise _Unfit
    if header is None:
        return _append(text, parts, value)
    return _below(text, header, header.start_mark.column + len(INDENT), parts, value)


def _into_mapping(text: str, node: Any, header: Any, parts: tuple[str, ...], value: str) -> str:
    if node.flow_style:
        inside = text.index("{", node.start_mark.index) + 1  # an anchor stands before it
        more = ", " if node.value else ""
        flow = ": {".join(parts) + f": {value}" + "}" * (len(parts) - 1) + more
        return text[:inside] + flow + text[inside:]
    if header is None:
        if node.start_mark.column:
            raise _Unfit
        return _append(text, parts, value)
    return _below(text, header, node.start_mark.column, parts, value)


def _below(text: str, header: Any, column: int, parts: tuple[str, ...], value: str) -> str:
    """In the section of ``header``, whose keys stand in ``column``."""
    lines = text.splitlines(keepends=True)
    at = header.start_mark.line + 1
    if len(parts) == 1 and (commented := _commented(lines, at, column, parts[0])) is not None:
        lines[commented] = _nested(parts, value, column)
        return "".join(lines)
    if at == len(lines) and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join([*lines[:at], _nested(parts, value, column), *lines[at:]])


def _commented(lines: list[str], at: int, column: int, name: str) -> int | None:
    """The line ``# name: ...`` at its own place before the section ends."""
    line_of = re.compile(rf" {{{column}}}# ?{re.escape(name)}:( |$)")
    for number in range(at, len(lines)):
        line = lines[number]
        if line_of.match(line):
            return number
        depth = len(line) - len(line.lstrip(" "))
        opens = depth == column and line.rstrip().endswith(":")
        if line.strip() and (depth < column or opens):
            return None
    return None


def _append(text: str, parts: tuple[str, ...], value: str) -> str:
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{end}{_nested(parts, value, 0)}"


def _nested(parts: tuple[str, ...], value: str, column: int) -> str:
    lines = [" " * column + INDENT * depth + f"{name}:" for depth, name in enumerate(parts)]
    lines[-1] += f" {value}"
    return "\n".join(lines) + "\n"
