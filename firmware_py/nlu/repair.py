"""Finds the sentence of the templates that sounds most like what was heard, when none matches to the letter.

A recogniser that guesses wrong keeps the sound: "large eye smoke with milk" is "large iced mocha with milk". So the
phones of the text are aligned with the phones of the templates (``rtva_align.h``: one exact search through a graph,
no sentence is listed, word borders may lie anywhere), and the cost per sound is the score.
"""

from __future__ import annotations

import bisect
import itertools
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from firmware_py._align import Stretches, next_above
from firmware_py._runs import RunIndex, nearest
from firmware_py.nlu.graph import Graph
from firmware_py.nlu.match import JOINING, Fill, Sentence, fits_context
from firmware_py.nlu.names import is_date, is_thing
from firmware_py.nlu.normalize import words as normal_words
from firmware_py.nlu.opposites import ARTICLES, ORDERS, PLURALS, PRONOUNS, REFUSALS, contradict, other_number
from firmware_py.nlu.phone_graph import End, Sounding, sound_out
from firmware_py.nlu.phrases import Phrases
from firmware_py.nlu.sounds import FUNCTION_WORDS, Alphabet
from firmware_py.nlu.templates import ListDef
from firmware_py.nlu.values import Values
from firmware_py.numerals import SMALL

if TYPE_CHECKING:
    from firmware_py._align import Step

Pronunciations = Sequence[tuple[Sequence[str], str]]
"""``(normal words of the templates, how else they may be written)``."""

MAX_WORDS = 60
MAX_PHONES = 300
CANDIDATES = 64
FLOOR = 0.6
"""Repairs that score less are not looked for, unless a lower floor is asked for."""
_LEAST_SHARED, _LEAST_OF_BEST = 0.25, 0.4
"""Templates that share less of their sound's runs (absolutely, and of what the best shares) are not aligned: of 450
misheard sentences that a repair would accept, 3 share less."""
MOST_MISHEARD, MOST_MISHEARD_SHORT, SHORT = 0.75, 0.5, 2.0
"""A slot's value whose sounds cost more than this (of its weight) was not heard at all; short ones weigh below 2."""
MOST_MISHEARD_DATE = 0.4
"""The same of a date: there is one for every few sounds, and nothing else in the sentence says which it was."""
PADDING = frozenset(("um", "uh", "er", "hmm", "please", "now", "just", "like", "you", "know", "ok", "thanks"))
"""Words beside a slot's value that say nothing about it."""
NO_VERBS = frozenset(("a", "an", "alarm", "timer"))
"""What an order begins with that needs no verb: another verb in front of it is another order."""
LEAST_INTRUDER = 3
"""Phones of a word that may say which one; shorter ones ("my", "two" for "the") are mishearings."""
MOST_WARMED = 1000
"""Templates spelled ahead, a third of a millisecond each."""
FREE_WORD = 0.02
"""The price of a word in a wildcard: among equal readings the one with fewer free words wins."""

_BETTER = 1e-6
_MATCH, _EXTRA, _JUMP = 1, 2, 3


class Repaired(NamedTuple):
    """A template, how its slots were filled, and how well it sounds.

    ``said`` are the words of its sentence. ``unsure``: the words beside a slot's value that the sentence has no place
    for, with the value ("guest bedroom", "bedroom"): perhaps another thing was meant.
    """

    graph: Graph
    fills: tuple[Fill, ...]
    score: float
    said: tuple[str, ...] = ()
    unsure: tuple[str, str] | None = None


@dataclass(frozen=True)
class Heard:
    """The phones of a sentence: numbers, what each costs as an addition, and where each word begins (and the end).

    ``extra`` is float32, and ``weight`` what the phones before each column cost together, float64.
    """

    phones: bytes
    extra: array[float]
    borders: list[int]
    weight: array[float]

    @property
    def total(self) -> float:
        return self.weight[-1]

    def limit(self, least_score: float) -> float:
        """The cost beyond which no sentence can score so much.

        A score is 1 - cost / size, and the size is hardly above what was heard plus the cost.
        """
        return 1.1 * self.total * (1 - least_score) / least_score

    def word_at(self, column: int) -> int:
        """The word that the phone of a column belongs to."""
        return max(0, bisect.bisect_right(self.borders, column) - 1)


class Repair:
    """Repairs sentences of one language. Templates are spelled in sounds when they first come into question."""

    def __init__(
        self, graphs: Sequence[Graph], values: Values, language: str, pronunciations: Pronunciations = ()
    ) -> None:
        self.graphs, self.values, self.language = graphs, values, language
        self._phrases = Phrases()
        for said, written in pronunciations:
            self._phrases.add(said, written)
        vocabularies = [_vocabulary(graph, values) for graph in graphs]
        for words in vocabularies:
            for said, written in pronunciations:
                if words.issuperset(said):
                    words.update(normal_words(written, language))
        self._alphabet = Alphabet(set().union(*vocabularies), language)
        self._soundings: dict[int, Sounding] = {}
        self._keywords = [graph.block.required_keywords for graph in graphs]
        runs = {w: self._runs([w]) for w in set().union(*vocabularies)}
        self._index = _Index([set().union(*(runs[w] for w in words)) for words in vocabularies])

    def warm(self) -> None:
        """Spells templates before they come into question, so that the first misheard sentence need not wait."""
        self.find(["a"])
        for index in range(min(len(self.graphs), MOST_WARMED)):
            self._sounding(index)

    def find(self, words: Sequence[str], floor: float = FLOOR) -> Repaired | None:
        """The template that sounds most like ``words``; None when none scores ``floor`` (above 0) or more."""
        if not words or len(words) > MAX_WORDS:
            return None
        heard = self._hear(words)
        if len(heard.phones) > MAX_PHONES:
            return None
        sentence = Sentence(words, self.values, self.language)
        keywords, said = self._keywords, frozenset(words)
        near = [i for i in self._index.nearest(self._runs(words), CANDIDATES) if not keywords[i] or keywords[i] & said]
        return self._best([self._sounding(i) for i in near], heard, sentence, floor)

    def _best(self, candidates: Sequence[Sounding], heard: Heard, sentence: Sentence, floor: float) -> Repaired | None:
        """The best of the candidates; only those that the compiled search finds good enough are read."""
        best: Repaired | None = None
        graphs = [sounding.phones for sounding in candidates]
        stretches = _stretches(candidates, heard, sentence)
        at, least = 0, floor
        while True:
            limit = heard.limit(best.score if best else floor)
            way = next_above(
                graphs, at, self._alphabet.costs, heard.phones, heard.extra, heard.weight, stretches, limit, least
            )
            if way is None:
                return best
            number, cost, steps = way
            found = self._read(candidates[number], heard, sentence, cost, steps)
            if found is not None and found.score >= least:
                best, least = found, found.score + _BETTER
            at = number + 1

    def _runs(self, words: Iterable[str]) -> set[str]:
        sound = "".join(self._alphabet.spell(w) for w in words)
        return {sound[i : i + n] for n in (2, 3) for i in range(len(sound) - n + 1)} or {sound}

    def _sounding(self, index: int) -> Sounding:
        if index not in self._soundings:
            self._soundings[index] = sound_out(self.graphs[index], self.values, self._alphabet, self._phrases)
        return self._soundings[index]

    def _hear(self, words: Sequence[str]) -> Heard:
        spelled = [self._alphabet.heard(word) for word in words]
        phones = b"".join([numbers for numbers, _ in spelled])
        extra = array("f", [cost for _, costs in spelled for cost in costs])
        borders = list(itertools.accumulate([len(numbers) for numbers, _ in spelled], initial=0))
        return Heard(phones, extra, borders, array("d", itertools.accumulate(extra, initial=0.0)))

    def _read(
        self, sounding: Sounding, heard: Heard, sentence: Sentence, cost: float, steps: Sequence[Step]
    ) -> Repaired | None:
        """What a way through a template says; None where that cannot be meant."""
        reading = _Reading(sounding, heard, sentence)
        reading.follow(steps, sentence.words)
        size = max(reading.said, heard.total - reading.free)
        if size <= 0 or reading.is_wrong(sentence.words) or not fits_context(sounding.graph, reading.fills):
            return None
        score = max(0.0, 1 - cost / size)
        return Repaired(
            sounding.graph, tuple(reading.fills), score, tuple(reading.words), reading.unsure(sentence.words)
        )


def _stretches(candidates: Sequence[Sounding], heard: Heard, sentence: Sentence) -> dict[int, Stretches]:
    """The stretches of words that slots without sounds of their own (numbers, wildcards) may take, by source."""
    found: dict[int, Stretches] = {}
    borders = heard.borders
    for slot, _, _ in (open_slot for sounding in candidates for open_slot in sounding.open_slots):
        source = slot.source
        if id(source) not in found:
            found[id(source)] = Stretches(
                (borders[at], borders[to], _price(source, to - at))
                for at, to, _, _ in sentence.takes(source)
                if borders[at] < borders[to]
            )
    return found


def _price(source: ListDef, n_words: int) -> float:
    """What it costs that a slot takes words without comparing their sounds."""
    return FREE_WORD * n_words if source.is_wildcard and source.reads is None else 0.0


class _Reading:
    """What an alignment says: the words and slots, how much of it was heard, and whether it can be meant."""

    def __init__(self, sounding: Sounding, heard: Heard, sentence: Sentence) -> None:
        self.sounding, self.heard, self.sentence = sounding, heard, sentence
        self.fills: list[Fill] = []
        self.said = 0.0  # the weight of the template's sounds on this way
        self.free = 0.0  # the weight of the heard sounds that slots took without comparing
        self.words: list[str] = []
        self.has_other_number = False
        self.has_unheard_value = False
        self.values: list[tuple[set[str], set[str]]] = []  # of a list: the words that stood there, and its own
        self.literals: set[str] = set()
        self.spans: list[tuple[int, int, str]] = []  # of a list's value: its first and last heard word, and itself
        self.no_things: set[str] = set()  # values that are numbers or dates
        self.skipped: Counter[int] = Counter()  # a heard word: how many of its phones have no place, or a small word's

    def follow(self, steps: Sequence[Step], words: Sequence[str]) -> None:
        weights, ends = self.sounding.weights, self.sounding.ends
        left: dict[int, tuple[float, float, int]] = {}  # a node: cost, weight and column when the way left it
        placed: list[int] = []  # heard words, one a phone, that have a place in the word in progress
        came_from = (0, 0)
        for node, column, how, cost in steps:
            if how == _JUMP:
                self._take(*came_from, node, column)
            elif how == _EXTRA:
                self.skipped[self.heard.word_at(column - 1)] += 1
            else:
                self.said += weights[node]
                placed += [self.heard.word_at(column - 1)] if how == _MATCH else []
                if node in ends:
                    end = ends[node]
                    before_cost, before_said, before = left.get(end.start, (0.0, 0.0, 0))
                    first, last = self.heard.word_at(before), self.heard.word_at(column - 1)
                    if end.value is not None and not FUNCTION_WORDS.issuperset(end.word.split()):
                        self.spans.append((first, last, end.word))
                        if not is_thing(end.word, end.value.out):
                            self.no_things.add(end.word)
                    elif end.word in FUNCTION_WORDS:
                        self.skipped.update(placed)
                    placed = []
                    self._end(end, cost - before_cost, self.said - before_said, words[first : last + 1])
            left[node] = (cost, self.said, column)
            came_from = (node, column)

    def _take(self, start: int, first: int, end: int, last: int) -> None:
        """The slot from one node to another took the phones between two columns."""
        borders = self.heard.borders
        slots = (slot for slot, begin, to in self.sounding.open_slots if (begin, to) == (start, end))
        taken = (
            (_price(slot.source, take[1] - take[0]), slot, take)
            for slot in slots
            for take in self.sentence.takes(slot.source)
            if (borders[take[0]], borders[take[1]]) == (first, last)
        )
        _, slot, (at, to, value, chosen) = min(taken, key=lambda found: found[0])
        self.fills.append(Fill(slot.name, value, at, to, slot.source, chosen))
        self.words += self.sentence.words[at:to]
        self.free += self.heard.weight[last] - self.heard.weight[first]

    def _end(self, end: End, cost: float, weight: float, heard: Sequence[str]) -> None:
        said = end.word.split()
        self.words += said
        if end.slot is not None and end.value is not None:
            self.fills.append(Fill(end.slot.name, end.value.out, 0, 0, end.slot.source, end.value))
            most = MOST_MISHEARD if weight >= SHORT else MOST_MISHEARD_SHORT
            if is_date(end.word):
                most = MOST_MISHEARD_DATE
            self.has_unheard_value |= cost > most * weight
            self.has_other_number |= other_number(heard, said)
            self.values.append((set(heard), set(said)))
        else:
            self.literals.update(said)

    def is_wrong(self, heard: Sequence[str]) -> bool:
        """Whether it says what was not said: a value nobody heard, another number, the opposite."""
        has_free = any(f.source.is_wildcard and f.source.reads is None for f in self.fills)
        if self.words[:1] and self.words[0] in NO_VERBS and 0 in self._intruders(heard):
            return True  # "race the alarm" is none to set
        orders = [b for a, b in itertools.pairwise(heard) if a in JOINING and b in ORDERS]
        if orders and (has_free or not JOINING.intersection(self.words)):
            return True  # "... and add milk" is an order of its own
        if has_free and any(word in JOINING and word not in self.words for word in heard):
            return True  # what stands behind an "and" is not what an open slot was meant for
        if has_free and not (REFUSALS.intersection(heard[:3]) <= self.literals):
            return True  # "do not add milk" is no order for "not milk"
        is_invented = self._has_borrowed_value() or self._has_torn_number(heard)
        is_invented |= self.has_unheard_value or self.has_other_number
        if is_invented or contradict(heard, self.words):
            return True
        # "thirty one" is not thirty, and "black friday" no friday
        return bool(self.no_things) and any(said in self.no_things for _, said in self._doubts(heard))

    def unsure(self, heard: Sequence[str]) -> tuple[str, str] | None:
        """A value that was said with a word beside it that says which one, and is nobody's: "the guest bedroom"."""
        doubt = next(self._doubts(heard), None)
        if doubt is not None:
            return doubt
        intruders = self._intruders(heard)
        inner = (at for at in intruders if 0 < at < len(heard) - 1 and self._is_named(heard[at + 1]))
        return next(((" ".join(heard[at : at + 2]), heard[at + 1]) for at in inner), None)

    def _is_named(self, word: str) -> bool:
        return word in self.literals and word not in FUNCTION_WORDS and is_thing(word)

    def _intruders(self, heard: Sequence[str]) -> list[int]:
        return [at for at in range(len(heard)) if self._is_intruder(heard, at)]

    def _doubts(self, heard: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The values with words beside them that say which one, and the words."""
        intruders = self._intruders(heard)
        for first, last, said in self.spans:
            start, end = first, last
            while start - 1 in intruders:
                start -= 1
            while end + 1 in intruders:
                end += 1
            if (start, end) != (first, last) or any(first <= at <= last for at in intruders):
                yield " ".join(heard[start : end + 1]), said

    def _is_intruder(self, heard: Sequence[str], at: int) -> bool:
        word = heard[at]
        size = self.heard.borders[at + 1] - self.heard.borders[at]
        is_known = word in self.literals or word in FUNCTION_WORDS or word in PADDING
        return size >= LEAST_INTRUDER and not is_known and self.skipped[at] > size / 2

    def _has_torn_number(self, heard: Sequence[str]) -> bool:
        """Whether two slots share one number: "twenty five" is no twentieth at five."""
        values = {fill.value for fill in self.fills if isinstance(fill.value, int)}
        pairs = ((SMALL.get(a, 0), SMALL.get(b, 0)) for a, b in itertools.pairwise(heard))
        return any(ten >= 20 and 1 <= unit <= 9 and {ten, unit} <= values for ten, unit in pairs)

    def _has_borrowed_value(self) -> bool:
        """Whether a value is made of sounds that belong to the words around it, or to a pronoun: "the light" is no
        "hall light", and "it" is no blind."""
        known = self.literals | ARTICLES | PRONOUNS
        return any(
            (heard <= known and not heard & said) or (heard & PLURALS and {"a", "an"} & said - heard)
            for heard, said in self.values
        )


def _vocabulary(graph: Graph, values: Values) -> set[str]:
    words: set[str] = set()
    for label in graph.labels():
        if isinstance(label, str):
            words.add(label)
        elif label.source.values:
            words.update(w for said, _ in values.said[id(label.source)] for w in said)
    return words


class _Index:
    """Which templates have which runs of two and three sounds; a run that few have says more."""

    def __init__(self, runs: Sequence[set[str]]) -> None:
        self._size = len(runs)
        self._runs = RunIndex(runs, lambda holders: math.log(1 + self._size / holders))
        self._own = np.array([sum(self._runs.worth_of(own)) or math.inf for own in runs])

    def nearest(self, runs: set[str], count: int) -> list[int]:
        """The templates that share the most, and those of which the most is shared; the best first."""
        hits = self._runs.shared(runs)
        if hits is None:
            return []
        return [index for _, index in nearest(*hits, self._own, count // 2, _LEAST_SHARED, _LEAST_OF_BEST)]
