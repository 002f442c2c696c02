"""YAML with line numbers: reads a file into nodes that know where they stand.

Scalars keep their text, so ``values: [on, off]`` is the words on and off, not YAML 1.1's booleans. Anything
wrong raises :class:`TemplateError`, which carries the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer

MAX_BYTES = 16 << 20
MAX_NODES = 1_000_000


class TemplateError(Exception):
    """Something wrong in a template file. ``line`` counts from 1; ``path`` is filled in by the reader."""

    def __init__(self, what: str, line: int, path: Path | None = None) -> None:
        super().__init__(what)
        self.what, self.line, self.path = what, line, path


if hasattr(yaml, "CSafeLoader"):

    class _Loader(Composer, yaml.CSafeLoader):
        """libyaml's parser under Python's composer: libyaml's own overflows the C stack on deep nesting."""

        def __init__(self, stream: str) -> None:
            yaml.CSafeLoader.__init__(self, stream)
            Composer.__init__(self)

else:
    _Loader = yaml.SafeLoader  # type: ignore[misc,assignment]


class Item:
    """One YAML node: what it holds, and the line it starts on."""

    def __init__(self, node: yaml.Node, budget: list[int] | None = None) -> None:
        self._node = node
        self.line: int = node.start_mark.line + 1
        self._budget = budget if budget is not None else [MAX_NODES]
        self._budget[0] -= 1
        if self._budget[0] < 0:  # aliases of aliases can name a node more often than any file is long
            raise TemplateError("too many entries, counting repeated aliases", self.line)

    def mistake(self, what: str) -> TemplateError:
        return TemplateError(what, self.line)

    def map(self, what: str) -> Iterator[tuple[str, Item]]:
        """The pairs of a mapping, in order; ``what`` names it in the error."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.mistake(f"{what} must be a mapping (name: ...)")
        seen: set[str] = set()
        for key, value in self._node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise TemplateError(f"a key of {what} must be a word", key.start_mark.line + 1)
            if key.value in seen:
                raise TemplateError(f"{what} has {key.value!r} twice", key.start_mark.line + 1)
            seen.add(key.value)
            item = Item(value, self._budget)
            item.line = key.start_mark.line + 1 if not isinstance(value, yaml.ScalarNode) else item.line
            yield key.value, item

    def seq(self, what: str) -> list[Item]:
        """The entries of a sequence."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.mistake(f"{what} must be a list (- ...)")
        return [Item(node, self._budget) for node in self._node.value]

    def text(self, what: str) -> str:
        """A scalar as it is written."""
        if self.is_map:
            raise self.mistake(f"{what} must be a text; one that begins with {{ or has a colon in it needs quotes")
        if not isinstance(self._node, yaml.ScalarNode) or (self._node.tag.endswith(":null") and not self._node.style):
            raise self.mistake(f"{what} must be a text")
        return str(self._node.value)

    def integer(self, what: str) -> int:
        try:
            return int(self.text(what))
        except ValueError:
            raise self.mistake(f"{what} must be a whole number, not {self.text(what)!r}") from None

    def number(self, what: str) -> float:
        try:
            return float(self.text(what))
        except ValueError:
            raise self.mistake(f"{what} must be a number, not {self.text(what)!r}") from None

    def flag(self, what: str) -> bool:
        value = self.text(what).lower()
        if value not in ("true", "false", "yes", "no", "on", "off"):
            raise self.mistake(f"{what} must be true or false, not {value!r}")
        return value in ("true", "yes", "on")

    @property
    def is_map(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_seq(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    @property
    def is_null(self) -> bool:
        return self._node.tag.endswith(":null") and isinstance(self._node, yaml.ScalarNode)

    def plain(self) -> Any:
        """Plain Python data: dicts, lists, and scalars as YAML 1.2 reads them (only true and false are booleans)."""
        if self.is_map:
            return {name: item.plain() for name, item in self.map("a mapping")}
        if isinstance(self._node, yaml.SequenceNode):
            return [item.plain() for item in self.seq("a list")]
        value, tag = self._node.value, self._node.tag.rpartition(":")[2]
        if tag == "null":
            return None
        if tag == "bool":
            return value.lower() == "true" if value.lower() in ("true", "false") else value
        if tag in ("int", "float"):
            return _number(value)
        return value


def _number(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def text_of(path: Path) -> str:
    """The text of a file. Raises TemplateError when it is too large or not UTF-8; OSError is the caller's."""
    if path.stat().st_size > MAX_BYTES:
        raise TemplateError(f"the file is larger than {MAX_BYTES >> 20} MiB", 1, path)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise TemplateError(f"not UTF-8 text (byte {error.start})", line, path) from None


def read(text: str, path: Path) -> Item:
    """The root node of what ``path`` holds. Raises TemplateError for anything that is not one YAML document."""
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        there = next(iter(text.splitlines()[line - 1 : line]), "")
        is_tab = "\t" in there[: len(there) - len(there.lstrip())]
        what = "a tab in the indentation: use spaces" if is_tab else str(error.problem or error.context)
        raise TemplateError(f"not YAML: {what}", line, path) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise TemplateError(f"not YAML: {str(error).splitlines()[0] or 'nested too deep'}", 1, path) from None
    if node is None:
        raise TemplateError("the file is empty", 1, path)
    return Item(node)
