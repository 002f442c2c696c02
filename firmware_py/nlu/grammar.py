"""Word graphs to one automaton over normalised bytes, for recognition that knows what it may be told.

The templates come as the same :class:`~.graph.Graph` that text is matched with, so that what guided recognition
admits is what understanding understands. Slots are put in (values, numbers, open text), spellings that a
recogniser may choose are added beside the words (:mod:`.grammar_spelling`), and nothing is enumerated that the
templates do not enumerate themselves. The result is plain arrays: it can be sent to another process.
"""

from __future__ import annotations

import base64
import zlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_py.errors import ConfigError
from firmware_py.nlu.grammar_spelling import Spelling
from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.hassil import HassilUnderstanding, without_collections
from firmware_py.nlu.readers import arithmetic
from firmware_py.nlu.templates import ListDef, NumberRange
from firmware_py.nlu.values import Values
from firmware_py.nlu.yaml_nodes import TemplateError

ANY, EPSILON = 256, 257
"""Symbols of ``rtva_grammar.h``: any byte but a space, and nothing."""
MAX_STATES = 2_000_000
MAX_NUMBERS = 20_000
"""A longer range is any number words and digits; understanding then says whether the number is in it."""
DIGITS, NOTHING = "0-9", ""
OPEN, CLOSE = -2, -3
_SPACE, _POINT, _DIGIT = 32, 46, -1


@dataclass(frozen=True, eq=False)
class Grammar:
    """Templates as an automaton: rows of edges, state 0 the start, ``final`` the end.

    ``say[state]`` is an index into ``words`` (what passing that state says, in normal words), -1 for nothing,
    OPEN and CLOSE around open text. Recognised text is folded with ``language``.
    """

    language: str
    first: NDArray[np.int32]
    symbol: NDArray[np.uint16]
    target: NDArray[np.int32]
    final: int
    say: NDArray[np.int32]
    words: tuple[str, ...]
    intents: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """What guided recognition takes, fit for JSON: arrays as base64 of their compressed bytes."""
        packed = {name: pack(getattr(self, name)) for name in ("first", "symbol", "target", "say")}
        return {"language": self.language, "final": self.final, "words": list(self.words), **packed}

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return self.first.nbytes + self.symbol.nbytes + self.target.nbytes + self.say.nbytes


def compile_understanding(understanding: HassilUnderstanding, *, language: str | None = None) -> Grammar:
    """The automaton of everything that ``understanding`` matches to the letter in ``language`` (its first).

    The pronunciations of its files count as spellings. Raises ConfigError, with file and line, for templates that
    grow too large.
    """
    code = language or understanding.languages[0]
    engines = [engine for engine in understanding.engines if engine.language == code]
    builder = Builder(Spelling(code, [pair for engine in engines for pair in engine.pronunciations]))
    try:
        with without_collections():
            for engine in engines:
                for graph in engine.graphs:
                    builder.add(graph, engine.values)
    except TemplateError as mistake:
        raise ConfigError(f"{mistake.path}:{mistake.line}: {mistake.what}") from None
    return builder.finish(code, understanding.intents)


def _count(numbers: NumberRange) -> int:
    return (numbers.last - numbers.first) // numbers.step + 1


def pack(values: NDArray[Any]) -> str:
    """An array as text; :mod:`firmware_py.stt.guided` unpacks it."""
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 1)).decode()


class _Arcs:
    """A word graph with its slots put in: ``arcs[state]`` holds ``(word or None for open text, next state)``."""

    def __init__(self) -> None:
        self.arcs: list[list[tuple[str | None, int]]] = []

    def state(self) -> int:
        self.arcs.append([])
        return len(self.arcs) - 1

    def tree(self, start: int, end: int, sentences: Sequence[Sequence[str]]) -> None:
        """Ways to say one thing, sharing how they begin."""
        known: dict[tuple[int, str], int] = {}
        for words in sentences:
            at = start
            for word in words[:-1]:
                to = known.get((at, word))
                if to is None:
                    to = known[at, word] = self.state()
                    self.arcs[at].append((word, to))
                at = to
            if known.setdefault((at, "\0" + words[-1]), end) == end and (words[-1], end) not in self.arcs[at][-1:]:
                self.arcs[at].append((words[-1], end))

    def phrase(self, start: int, end: int, words: Sequence[str]) -> None:
        """One way to say something."""
        self.tree(start, end, [words])

    def formula(self, start: int, end: int, numbers: Sequence[Sequence[str]]) -> None:
        """What ``readers.arithmetic`` reads, and a little more: number (operation number)+, or a prefix and such."""
        first, operand, last = self.state(), self.state(), self.state()
        for source, to in ((start, first), (operand, last)):
            self.tree(source, to, numbers)
            self.arcs[source].append((DIGITS, to))
        for words in (*arithmetic._INFIX, ("percent", "of")):
            self.phrase(first, operand, words)
            self.phrase(last, operand, words)
        for words in (*arithmetic._ROOTS, *arithmetic._PARTS):
            self.phrase(start, operand, ("the", *words))
            self.phrase(start, operand, words)
            self.phrase(operand, operand, words)
        for words in arithmetic._POSTFIX:
            self.phrase(first, last, words)
            self.phrase(last, last, words)
        self.arcs[last].append((NOTHING, end))

    def fractions(self, start: int, end: int, numbers: Sequence[Sequence[str]]) -> None:
        """What ``readers.fraction`` reads: a number and a half or a quarter, or with one decimal."""
        whole, tenth = self.state(), self.state()
        self.tree(start, whole, numbers)
        self.tree(whole, end, [["and", "a", "half"], ["and", "a", "quarter"], ["and", "three", "quarters"]])
        self.arcs[whole].append(("point", tenth))
        self.tree(tenth, end, numbers[1:10])

    def loop(self, start: int, end: int, words: Sequence[str]) -> None:
        """One or more of ``words``, in any order."""
        inner = self.state()
        for word in words:
            self.arcs[start] += [(word, inner), (word, end)]
            self.arcs[inner] += [(word, inner), (word, end)]


class Builder:
    """Grows the automaton graph by graph."""

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        self.final = 1
        self._n = 2
        self._source, self._symbol, self._target = array("i"), array("H"), array("i")
        self._say: dict[int, int] = {}
        self._words: dict[str, int] = {}
        self._numbers: dict[int, list[list[str]]] = {}
        self._beginnings: dict[tuple[int, str], int] = {}
        self._respelled: set[tuple[int, str, int]] = set()
        self._ended: set[int] = set()
        self._letters: dict[str, bytes] = {}

    def add(self, graph: Graph, values: Values) -> None:
        """Adds the sentences of one template. Raises TemplateError, with its line, when that grows too large."""
        plain = all(type(label) is str for arcs in graph.arcs for label, _ in arcs)
        arcs: Sequence[Sequence[tuple[Any, int]]] = graph.arcs if plain else self._fill(graph, values)
        states = self._place(arcs)
        for state in graph.final:
            self._once(states[state], EPSILON, self.final)
        for state, leaving in enumerate(arcs):
            start = states[state]
            for label, to in leaving:
                end = states[to]
                if label is None:
                    self._open_text(start, end, ANY)
                elif label == NOTHING:
                    self._edge(start, EPSILON, end)
                elif label == DIGITS:
                    self._open_text(start, end, _DIGIT)
                else:
                    if self._beginnings.get((start, label)) != end:
                        self._word(label, label, start, end)
                    if label in self.spelling.phrases.heads:
                        for said, written, far in self.spelling.phrases.along(arcs, label, to):
                            self._respell(said, written, start, states[far])
        if self._n > MAX_STATES:
            raise graph.template.where.mistake(f"the templates grow to more than {MAX_STATES} states")

    def _place(self, arcs: Sequence[Sequence[tuple[Any, int]]]) -> list[int]:
        """A state for each of a graph's. Sentences share how they begin, as long as nothing else leads there."""
        incoming = Counter([to for leaving in arcs for _, to in leaving])
        states, shared = [0] + [-1] * (len(arcs) - 1), [0]
        for state in shared:
            for label, to in arcs[state]:
                if incoming[to] != 1 or label is None or label in (NOTHING, DIGITS):
                    continue
                key = (states[state], label)
                if key not in self._beginnings:
                    self._beginnings[key] = self._new()
                    self._word(label, label, states[state], self._beginnings[key])
                states[to] = self._beginnings[key]
                shared.append(to)
        return [self._new() if state < 0 else state for state in states]

    def _respell(self, said: str, written: str, start: int, end: int) -> None:
        if (start, written, end) not in self._respelled:
            self._respelled.add((start, written, end))
            self._word(said, written, start, end)

    def _once(self, source: int, symbol: int, target: int) -> None:
        if source not in self._ended:
            self._ended.add(source)
            self._edge(source, symbol, target)

    def finish(self, language: str, intents: Sequence[str]) -> Grammar:
        """The automaton as arrays."""
        source = np.frombuffer(self._source, np.int32) if self._source else np.zeros(0, np.int32)
        order = np.argsort(source, kind="stable")
        first = np.zeros(self._n + 1, np.int32)
        np.cumsum(np.bincount(source, minlength=self._n), out=first[1:])
        say = np.full(self._n, -1, np.int32)
        say[list(self._say)] = list(self._say.values())
        return Grammar(
            language=language,
            first=first,
            symbol=np.frombuffer(self._symbol, np.uint16)[order],
            target=np.frombuffer(self._target, np.int32)[order],
            final=self.final,
            say=say,
            words=tuple(self._words),
            intents=tuple(intents),
        )

    def _fill(self, graph: Graph, values: Values) -> list[list[tuple[str | None, int]]]:
        out = _Arcs()
        for _ in graph.arcs:
            out.state()
        for state, leaving in enumerate(graph.arcs):
            for label, to in leaving:
                if isinstance(label, Slot):
                    self._slot(out, label.source, values, state, to)
                else:
                    out.arcs[state].append((label, to))
        return out.arcs

    def _slot(self, out: _Arcs, source: ListDef, values: Values, start: int, end: int) -> None:
        if source.reads == "arithmetic" and self.spelling.language.startswith("en"):
            out.formula(start, end, self.spelling.numbers)
        elif source.reads == "fraction" and self.spelling.language.startswith("en"):
            out.fractions(start, end, self.spelling.numbers_with_halves())
        elif source.reads is not None or (source.numbers and _count(source.numbers) > MAX_NUMBERS):
            out.loop(start, end, (*self.spelling.reader_words, DIGITS))
        elif source.is_wildcard:
            if start != 0:
                out.arcs[start].append((None, end))
        elif source.numbers is None:
            out.tree(start, end, [words for words, _ in values.said[id(source)]])
        else:
            if id(source) not in self._numbers:
                self._numbers[id(source)] = self._range(source)
            out.tree(start, end, self._numbers[id(source)])

    def _range(self, source: ListDef) -> list[list[str]]:
        numbers = source.numbers
        assert numbers is not None
        whole = range(numbers.first, numbers.last + 1, numbers.step)
        said = [w for n in whole for w in self.spelling.number(n)]
        if numbers.fractions:
            tenths = (5,) if numbers.fractions == "halves" else range(1, 10)
            said += [way for n in whole for t in tenths for way in self.spelling.decimals(n, t)]
        return said

    def _new(self) -> int:
        self._n += 1
        return self._n - 1

    def _edge(self, source: int, symbol: int, target: int) -> None:
        self._source.append(source)
        self._symbol.append(symbol)
        self._target.append(target)

    def _word(self, said: str, written: str, start: int, end: int) -> None:
        """A space and then ``written``, letter by letter; passing says ``said``."""
        letters = self._letters.get(written)
        if letters is None:
            letters = self._letters[written] = self.spelling.letters(written)
        if not letters:
            return
        base = self._n
        self._n += len(letters)
        self._say[base] = self._words.setdefault(said, len(self._words))
        self._edge(start, _SPACE, base)
        self._source.extend(range(base, base + len(letters)))
        self._symbol.extend(letters)
        self._target.extend(range(base + 1, base + len(letters)))
        self._target.append(end)

    def _open_text(self, start: int, end: int, symbol: int) -> None:
        """Words of any letters, or, with ``symbol`` DIGIT, one number in digits; a point may stand between digits."""
        entry, gap, letter, leave, digit, point = (self._new() for _ in range(6))
        self._say[entry], self._say[leave] = OPEN, CLOSE
        self._edge(start, EPSILON, entry)
        self._edge(entry, _SPACE, gap)
        for symbol_of_digit in range(ord("0"), ord("9") + 1):
            for source in (gap, digit, point) if symbol == _DIGIT else (gap, letter, digit, point):
                self._edge(source, symbol_of_digit, digit)
        self._edge(digit, _POINT, point)
        if symbol == ANY:
            for source in (gap, letter, digit):
                self._edge(source, ANY, letter)
            self._edge(digit, _SPACE, gap)
            self._edge(letter, _SPACE, gap)
            self._edge(letter, EPSILON, leave)
        self._edge(digit, EPSILON, leave)
        self._edge(leave, EPSILON, end)
