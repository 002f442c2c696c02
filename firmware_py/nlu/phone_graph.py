"""A template as a graph of sounds, so that heard sounds can be aligned with it whatever words they were cut into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from firmware_py._align import PhoneGraph
from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.normalize import words as normal_words
from firmware_py.nlu.phrases import Phrases
from firmware_py.nlu.sounds import Alphabet
from firmware_py.nlu.templates import Value
from firmware_py.nlu.values import Values

MAX_NODES = 60_000
"""Lists that would make a template larger are matched to the letter inside a repair."""


class End(NamedTuple):
    """Where a word or a slot's value ends: the node of its end and of its beginning, and what it is."""

    node: int
    start: int
    word: str
    slot: Slot | None = None
    value: Value | None = None


@dataclass
class Sounding:
    """A template ready to be aligned. ``ends`` are by node; ``open_slots`` are ``(slot, from node, to node)``."""

    graph: Graph
    phones: PhoneGraph
    weights: list[float]
    ends: dict[int, End]
    open_slots: list[tuple[Slot, int, int]]
    words: frozenset[str]


def sound_out(graph: Graph, values: Values, alphabet: Alphabet, phrases: Phrases) -> Sounding:
    """Spells a template's words and the values of its lists, with the ways in which ``phrases`` are also said."""
    builder = _Builder(graph, values, alphabet, phrases)
    builder.build()
    slots = [(id(slot.source), start, end) for slot, start, end in builder.open_slots]
    phones = PhoneGraph(builder.phone, builder.weight, builder.first, builder.pred, slots)
    drops = alphabet.drops
    weights = [float(drops[p]) * w if p else 0.0 for p, w in zip(builder.phone, builder.weight, strict=True)]
    return Sounding(graph, phones, weights, builder.ends, builder.open_slots, frozenset(builder.words))


@dataclass
class _Builder:
    graph: Graph
    values: Values
    alphabet: Alphabet
    phrases: Phrases
    phone: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    pred: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=lambda: [0])
    ends: dict[int, End] = field(default_factory=dict)
    open_slots: list[tuple[Slot, int, int]] = field(default_factory=list)
    words: set[str] = field(default_factory=set)

    def node(self, preds: list[int], phone: int = 0, weight: float = 0.0) -> int:
        self.phone.append(phone)
        self.weight.append(weight)
        self.pred += preds
        self.first.append(len(self.pred))
        return len(self.phone) - 1

    def build(self) -> None:
        into: dict[int, list[int]] = {state: [] for state in range(len(self.graph.arcs))}
        waiting: dict[int, list[tuple[Slot, int]]] = {}
        junction: dict[int, int] = {}
        for state in self.graph.order():
            here = junction[state] = self.node(into[state])
            self.open_slots += [(slot, start, here) for slot, start in waiting.pop(state, ())]
            for label, to in self.graph.arcs[state]:
                if isinstance(label, str):
                    into[to].append(self.word(here, label))
                    for said, written, far in self.phrases.along(self.graph.arcs, label, to):
                        into[far].append(self.word(here, said, normal_words(written, self.alphabet.language)))
                elif self.is_small(label):
                    into[to] += self.list(here, label)
                else:
                    waiting.setdefault(to, []).append((label, here))
        self.node([junction[state] for state in sorted(self.graph.final)])

    def is_small(self, slot: Slot) -> bool:
        if not slot.source.values:
            return False
        size = sum(len(w) for said, _ in self.values.said[id(slot.source)] for w in said)
        return len(self.phone) + size < MAX_NODES

    def word(self, start: int, word: str, heard: Sequence[str] = ()) -> int:
        """A word, or some, that sound like ``heard``; returns the node of their end."""
        self.words.update(word.split())
        at = start
        for sound in heard or (word,):
            weight = self.alphabet.weight(sound)
            for number in self.alphabet.numbers(sound):
                at = self.node([at], number, weight)
        end = self.node([at])
        self.ends[end] = End(end, start, word)
        return end

    def ways(self, said: Sequence[str]) -> list[list[str]]:
        """A list value as it is written, and once with each phrase in it as it may sound."""
        found = [list(said)]
        for start, end, written in self.phrases.within(said):
            found.append([*said[:start], *normal_words(written, self.alphabet.language), *said[end:]])
        return found

    def list(self, start: int, slot: Slot) -> list[int]:
        """The values of a list as a tree; each has an end of its own."""
        tree: dict[tuple[int, int, float], int] = {}
        ends: list[int] = []
        for said, value in self.values.said[id(slot.source)]:
            is_small = all(self.alphabet.weight(w) < 1 for w in said)  # then it is all there is to hear: "on"
            self.words.update(said)
            for heard in self.ways(said):
                at = start
                for word in heard:
                    weight = 1.0 if is_small else self.alphabet.weight(word)
                    for number in self.alphabet.numbers(word):
                        key = (at, number, weight)
                        if key not in tree:
                            tree[key] = self.node([at], number, weight)
                        at = tree[key]
                end = self.node([at])
                self.ends[end] = End(end, start, " ".join(said), slot, value)
                ends.append(end)
        return ends
