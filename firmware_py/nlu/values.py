"""The values of slot lists, ready to be found in a sentence: one tree of words a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firmware_py.nlu.graph import Normal, value_sentences
from firmware_py.nlu.templates import ListDef, Scope, Value

_END = ""


class Values:
    """Every text list that the graphs use.

    ``said[list id]`` holds ``(words, value)`` for each way to say each value, in the order of the file.
    """

    def __init__(self, normal: Normal) -> None:
        self._normal = normal
        self._trees: dict[int, dict[str, Any]] = {}
        self.said: dict[int, list[tuple[tuple[str, ...], Value]]] = {}

    def add(self, source: ListDef, scope: Scope) -> None:
        """Prepares a list, once. Raises TemplateError for a value that is empty or has too many forms."""
        if id(source) in self._trees or not source.values:
            return
        tree: dict[str, Any] = {}
        said: list[tuple[tuple[str, ...], Value]] = []
        for value in source.values:
            for words in value_sentences(value.said, scope, value.where, self._normal):
                said.append((words, value))
                node = tree
                for word in words:
                    node = node.setdefault(word, {})
                node.setdefault(_END, []).append(value)
        self._trees[id(source)] = tree
        self.said[id(source)] = said

    def spans(self, source: ListDef, words: Sequence[str], start: int) -> list[tuple[int, Value]]:
        """``(end, value)`` for every value of the list said from ``start`` on, longest first."""
        node: dict[str, Any] | None = self._trees[id(source)]
        found: list[tuple[int, Value]] = []
        for at in range(start, len(words) + 1):
            if node is None:
                break
            found += [(at, value) for value in node.get(_END, ())]
            node = node.get(words[at]) if at < len(words) else None
        return found[::-1]

    def is_begun(self, source: ListDef, words: Sequence[str], start: int) -> bool:
        """Whether the words from ``start`` to the last begin a value of the list and more of it has to follow."""
        node: dict[str, Any] | None = self._trees[id(source)]
        for word in words[start:]:
            node = node.get(word) if node is not None else None
        return node is not None and start < len(words) and any(word != _END for word in node)
