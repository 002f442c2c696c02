"""A YAML file to plain values, with the line each of them stands on.

Safe by construction: only scalars, lists and mappings with word keys are read, within bounds on bytes, nodes
and depth, so neither an alias bomb nor deep nesting costs anything. A key written twice is a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from firmware_py.errors import ConfigError, NotFound

MAX_BYTES = 64 * 1024
MAX_NODES = 5_000
MAX_DEPTH = 16

MAP_TAG = "tag:yaml.org,2002:map"
SEQ_TAG = "tag:yaml.org,2002:seq"

KeyPath = tuple[str | int, ...]


def printable(text: str, limit: int = 60) -> str:
    """``text`` on one line without control characters, cut at ``limit`` characters."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[: limit + 1])
    return line if len(text) <= limit else line[:limit] + "..."


@dataclass
class Document:
    """The values of one file, the line (from 1) of every key, and the source text of every scalar."""

    path: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    texts: dict[KeyPath, str] = field(default_factory=dict)

    def where(self, key: KeyPath) -> str:
        """``file:line`` of a key, or of the nearest section around it that is written there."""
        name = printable(str(self.path), 200) if self.path else "configuration"
        for depth in range(len(key), 0, -1):
            if key[:depth] in self.lines:
                return f"{name}:{self.lines[key[:depth]]}"
        return name


def read(path: Path) -> Document:
    """The document in ``path``; an empty file has no values.

    Raises NotFound when there is no such file, and ConfigError, naming the line, when it is not YAML of the
    kind described above.
    """
    return parse(_text(path), path)


def parse(text: str, path: Path | None = None) -> Document:
    """Like :func:`read`, from ``text``; ``path`` is for the messages and the base of relative paths."""
    document = Document(path)
    try:
        loader = _BoundedLoader(text)
        try:
            root = loader.get_single_node()
            if root is not None:
                _Walk(document, loader).into_root(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{document.where(())}{at}: {printable(error.problem or 'not YAML', 100)}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{document.where(())}: not YAML: {printable(' '.join(str(error).split()), 100)}") from error
    return document


def _text(path: Path) -> str:
    name = printable(str(path), 200)
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise NotFound(f"{name}: no such configuration file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{name}: cannot be read: {reason}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than a configuration may be ({MAX_BYTES // 1024} KiB)")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text (byte {error.start})") from error


class _BoundedLoader(yaml.SafeLoader):
    """Composes nodes to ``MAX_DEPTH``; deeper documents would exhaust Python's stack."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=self.get_mark())
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Walk:
    """Nodes to values. Aliases are followed, and pay for what they repeat out of ``MAX_NODES``."""

    def __init__(self, document: Document, loader: yaml.SafeLoader) -> None:
        self.document = document
        self.loader = loader
        self.nodes_left = MAX_NODES

    def into_root(self, root: yaml.Node) -> None:
        if isinstance(root, yaml.ScalarNode) and self._scalar(root, ()) is None:
            return
        if not isinstance(root, yaml.MappingNode) or root.tag != MAP_TAG:
            raise _mistake(root, "a configuration is a mapping of sections, such as 'stt:'")
        self.document.values = self._mapping(root, ())

    def _value(self, node: yaml.Node, at: KeyPath) -> Any:
        self.nodes_left -= 1
        if self.nodes_left < 0 or len(at) > MAX_DEPTH:
            raise _mistake(node, f"more than {MAX_NODES} values or {MAX_DEPTH} levels (aliases count each time)")
        if isinstance(node, yaml.MappingNode) and node.tag == MAP_TAG:
            return self._mapping(node, at)
        if isinstance(node, yaml.SequenceNode) and node.tag == SEQ_TAG:
            return [self._value(item, (*at, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, at)

    def _mapping(self, node: yaml.MappingNode, at: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _mistake(key_node, "a key is one word")
            key = key_node.value
            here: KeyPath = (*at, key)
            if key in values:
                raise _mistake(key_node, f"{dotted(here)} is written twice")
            self.document.lines[here] = key_node.start_mark.line + 1
            values[key] = self._value(value_node, here)
        return values

    def _scalar(self, node: yaml.Node, at: KeyPath) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise _mistake(node, f"{dotted(at)}: {printable(node.tag)} is not read here")
        self.document.texts[at] = node.value
        try:
            return self.loader.construct_object(node)
        except (ValueError, ArithmeticError, LookupError) as error:
            raise _mistake(node, f"{dotted(at)}: cannot read {printable(node.value)!r}") from error


def dotted(key: KeyPath) -> str:
    """``("audio", "input", "chunk_size")`` as ``audio.input.chunk_size``."""
    return printable(".".join(str(part) for part in key), 120)


def _mistake(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
