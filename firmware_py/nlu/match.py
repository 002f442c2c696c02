"""Finds the template that a sentence matches to the letter (of its normal words).

Templates are looked up by their rarest word that every one of their sentences has, so that the cost of a sentence
follows the templates that share a word with it, not all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hassil.util import check_excluded_context, check_required_context

from firmware_py.nlu import numbers, readers
from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.names import NOT_IN_NAMES
from firmware_py.nlu.templates import ListDef, Value
from firmware_py.nlu.values import Values

JOINING = frozenset(("and", "then"))
_MAX_STEPS = 50_000
"""Where a graph's walk gives up; only contexts over long wildcards could come near."""


@dataclass(frozen=True)
class Fill:
    """One slot of a match: its name, value, and the words ``start .. end`` that gave it."""

    name: str
    value: Any
    start: int
    end: int
    source: ListDef
    chosen: Value | None = None


@dataclass(frozen=True)
class Match:
    """A template and how the words fill its slots. ``free`` counts words taken by wildcards."""

    graph: Graph
    fills: tuple[Fill, ...]
    free: int


class Matcher:
    """Exact matching over a fixed set of graphs."""

    def __init__(self, graphs: Sequence[Graph], values: Values, language: str) -> None:
        self.graphs, self.values, self.language = graphs, values, language
        for graph in graphs:
            for arcs in graph.arcs:
                arcs.sort(key=lambda arc: (_freedom(arc[0]), _least_freedom(graph, arc[1])))
        self._needed = [_needed(graph) for graph in graphs]
        self._first = [_first(graph) for graph in graphs]
        counts = Counter(word for words in self._needed for word in words)
        self._by_word: dict[str, list[int]] = {}
        self._always: list[int] = []
        for index, words in enumerate(self._needed):
            key = min(words, key=lambda w: (counts[w], -len(w), w)) if words else None
            (self._always if key is None else self._by_word.setdefault(key, [])).append(index)

    def find(self, words: Sequence[str]) -> Match | None:
        """The best match, or None: fewest wildcard words first, then the template that was read first."""
        sentence = Sentence(words, self.values, self.language)
        said = frozenset(words)
        candidates = list(self._always)
        for word in said:
            candidates += [i for i in self._by_word.get(word, ()) if self._needed[i] <= said]
        begins = words[0] if words else None
        candidates = [i for i in candidates if (first := self._first[i]) is None or begins in first]
        best: Match | None = None
        for index in sorted(candidates):
            match = _Walk(self.graphs[index], sentence).match()
            if match and (best is None or match.free < best.free):
                best = match
                if not best.free:
                    break
        return best


class Sentence:
    """The words of one sentence and what slots could take from them, worked out once."""

    def __init__(self, words: Sequence[str], values: Values, language: str) -> None:
        self.words, self.language = list(words), language
        self._values = values
        self._numbers: dict[int, list[numbers.Span]] = {}
        self._spans: dict[tuple[int, int], list[tuple[int, Any, Value | None]]] = {}
        self._takes: dict[int, list[tuple[int, int, Any, Value | None]]] = {}
        self._starts: list[int] | None = None

    def followed_by(self, word: str) -> Sentence:
        """The sentence with one word more."""
        return Sentence([*self.words, word], self._values, self.language)

    def spans(self, source: ListDef, start: int) -> list[tuple[int, Any, Value | None]]:
        """``(end, value, list value)`` for every stretch from ``start`` that ``source`` takes, longest first."""
        key = (id(source), start)
        if key not in self._spans:
            self._spans[key] = self._find(source, start)
        return self._spans[key]

    def takes(self, source: ListDef) -> list[tuple[int, int, Any, Value | None]]:
        """``(start, end, value, list value)`` of all stretches that ``source`` takes anywhere."""
        if id(source) not in self._takes:
            starts = range(len(self.words)) if source.numbers is None else self._number_starts()
            self._takes[id(source)] = [(at, *span) for at in starts for span in self.spans(source, at)]
        return self._takes[id(source)]

    def _number_starts(self) -> list[int]:
        """Where a number begins."""
        if self._starts is None:
            self._starts = [at for at in range(len(self.words)) if self._numbers_from(at)]
        return self._starts

    def _numbers_from(self, start: int) -> list[numbers.Span]:
        if start not in self._numbers:
            self._numbers[start] = numbers.spans(self.words, start, self.language)
        return self._numbers[start]

    def _find(self, source: ListDef, start: int) -> list[tuple[int, Any, Value | None]]:
        if source.reads is not None:
            return [(end, value, None) for end, value in readers.READERS[source.reads](self.words, start)]
        if source.is_wildcard:
            return [(end, None, None) for end in range(start + 1, self._farthest(source, start) + 1)]
        if source.numbers is None:
            return [(end, value.out, value) for end, value in self._values.spans(source, self.words, start)]
        said = ((end, source.numbers.accept(n)) for end, n in self._numbers_from(start))
        return [(end, value, None) for end, value in said if value is not None]

    def _farthest(self, source: ListDef, start: int) -> int:
        """Where a wildcard from ``start`` on ends at the latest."""
        if source.most_words is None:
            return len(self.words)
        last = min(len(self.words), start + source.most_words)
        refused = NOT_IN_NAMES if source.is_name else JOINING
        return next((at for at in range(start, last) if self.words[at] in refused), last)


class _Walk:
    """Depth-first through one graph, words before slots; a dead end is never entered twice."""

    def __init__(self, graph: Graph, sentence: Sentence) -> None:
        self.graph, self.sentence = graph, sentence
        self.dead: set[tuple[int, int]] = set()
        self.fills: list[Fill] = []
        self.has_context = bool(graph.block.requires_context or graph.block.excludes_context)
        self.steps = _MAX_STEPS

    def match(self) -> Match | None:
        block = self.graph.block
        if block.required_keywords and block.required_keywords.isdisjoint(self.sentence.words):
            return None
        if not self._walk(0, 0):
            return None
        free = sum(f.end - f.start for f in self.fills if f.source.is_wildcard and f.source.reads is None)
        return Match(self.graph, tuple(self.fills), free)

    def _walk(self, state: int, at: int) -> bool:
        self.steps -= 1
        if (state, at) in self.dead or self.steps < 0:
            return False
        words = self.sentence.words
        if at == len(words):
            if state in self.graph.final and self._fits_context():
                return True
        else:
            for label, to in self.graph.arcs[state]:
                if label == words[at] and self._walk(to, at + 1):
                    return True
            for label, to in self.graph.arcs[state]:
                if isinstance(label, Slot) and self._fill(label, to, at):
                    return True
        if not self.has_context:  # with a context a dead end depends on the slots before it
            self.dead.add((state, at))
        return False

    def _fill(self, slot: Slot, to: int, at: int) -> bool:
        for end, value, chosen in self.sentence.spans(slot.source, at):
            self.fills.append(Fill(slot.name, value, at, end, slot.source, chosen))
            if self._walk(to, end):
                return True
            self.fills.pop()
        return False

    def _fits_context(self) -> bool:
        return fits_context(self.graph, self.fills)


def fits_context(graph: Graph, fills: Iterable[Fill]) -> bool:
    """Whether the contexts of the chosen list values meet what the data block requires and excludes."""
    block = graph.block
    if not block.requires_context and not block.excludes_context:
        return True
    context: dict[str, Any] = {}
    for fill in fills:
        if fill.chosen is not None and fill.chosen.context:
            context.update(fill.chosen.context)
    return check_required_context(dict(block.requires_context), context) and check_excluded_context(
        dict(block.excludes_context), context
    )


def _freedom(label: str | Slot) -> int:
    """Words are tried before slots, and slots that take anything last: so few words are free."""
    if isinstance(label, str):
        return 0
    return 2 if label.source.is_wildcard and label.source.reads is None else 1


def _least_freedom(graph: Graph, state: int) -> int:
    """Of two ways on by the same word, the one to a slot that takes anything is tried last."""
    return min((_freedom(label) for label, _ in graph.arcs[state]), default=0)


def _first(graph: Graph) -> frozenset[str] | None:
    """The words that a sentence of a graph begins with; None when it may begin with a slot."""
    labels = [label for label, _ in graph.arcs[0]]
    return None if any(isinstance(label, Slot) for label in labels) else frozenset(map(str, labels))


def _needed(graph: Graph) -> frozenset[str]:
    """The words that every sentence of a graph has."""
    needed: dict[int, frozenset[str] | None] = dict.fromkeys(range(len(graph.arcs)))
    needed[0] = frozenset()
    for state in graph.order():
        base = needed[state]
        if base is None:
            continue
        for label, to in graph.arcs[state]:
            reached = base | {label} if isinstance(label, str) else base
            known = needed[to]
            needed[to] = reached if known is None else known & reached
    found = [needed[state] for state in graph.final]
    sets = [f for f in found if f is not None]
    return frozenset.intersection(*sets) if sets else frozenset()
