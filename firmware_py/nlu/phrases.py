"""Phrases that may be written another way, found along word graphs and in plain runs of words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

MOST_WORDS = 8

Arcs = Sequence[Sequence[tuple[object, int]]]


class Phrases:
    """What is said (normal words) and how else it may be written. Longer phrases than MOST_WORDS are not found."""

    def __init__(self) -> None:
        self._tree: dict[str, dict[str, object]] = {}

    @property
    def heads(self) -> Collection[str]:
        """The words that the phrases begin with."""
        return self._tree.keys()

    def add(self, said: Sequence[str], written: str) -> None:
        """Adds one way to write ``said``."""
        if not said:
            return
        node: dict[str, object] = self._tree.setdefault(said[0], {})
        for word in said[1:]:
            inner = node.setdefault(word, {})
            assert isinstance(inner, dict)
            node = inner
        spellings = node.setdefault("", [])
        assert isinstance(spellings, list)
        if written not in spellings:
            spellings.append(written)

    def along(self, arcs: Arcs, word: str, to: int) -> Iterator[tuple[str, str, int]]:
        """``(words said, another way to write them, where they lead)`` for phrases that begin with this arc."""
        node = self._tree.get(word)
        if node is None:
            return
        stack: list[tuple[dict[str, object], str, int, int]] = [(node, word, to, 1)]
        while stack:
            here, said, state, length = stack.pop()
            for written in here.get("", ()):  # type: ignore[attr-defined]
                yield said, written, state
            for label, following in arcs[state] if length < MOST_WORDS else ():
                inner = here.get(label) if isinstance(label, str) and label else None
                if isinstance(inner, dict):
                    stack.append((inner, f"{said} {label}", following, length + 1))

    def within(self, words: Sequence[str]) -> Iterator[tuple[int, int, str]]:
        """``(start, end, another way to write it)`` for every phrase in a run of words."""
        arcs = [[(word, at + 1)] for at, word in enumerate(words)] + [[]]
        for at, word in enumerate(words):
            for _, written, end in self.along(arcs, word, at + 1):
                yield at, end, written
