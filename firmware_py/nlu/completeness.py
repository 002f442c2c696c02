"""How a sentence ends, by its words: a whole request, one that could go on, or one that breaks off.

Every template graph is walked with all the words that were said. Where a walk ends in a final state the sentence is
that template's; where arcs lead on from there it is also the beginning of a longer one. A longer sentence counts only
if it means something else: "what time is it" may go on with "right now" and stays the same request, "set a timer" may
go on with "for five minutes" and does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from firmware_py.events import Ending, Transcript, Understood
from firmware_py.nlu.engine import Engine, Reading
from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.nlu.match import Sentence
from firmware_py.nlu.templates import ListDef
from firmware_py.numerals import SCALES, TENS


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


BREAKS_OFF = {
    "en": _words(
        "a an the my your his her its our their this these some any",
        "to for from in on at of with without by about into onto than as between through until till",
        "and or but because if while is are am was were be will would could should can may",
        "please set put make turn i he she we they not no very more less",
        "point minus plus times divided hundred",
    ),
    "de": _words(
        "der die das den dem des ein eine einen einem einer mein meine dein deine",
        "in im an am auf aus bei mit nach von vom zu zum zur für um bis über unter",
        "und oder aber weil wenn ist sind war wird ich er sie wir ihr nicht sehr mehr weniger",
        "komma minus plus mal",
    ),
}
"""Words behind which a sentence that no template matches is not over: articles, prepositions, conjunctions, and what
a number goes on from."""

GROWING = frozenset(TENS) | frozenset(SCALES) | {"hundred"}
"""English number words that a longer number often goes on from."""

ELLIPSES = ("...", "…", "-", "–", "—")
"""How a recogniser writes that speech broke off."""

ENDING = "ending"
"""The metadata of templates: ``incomplete`` for a sentence that hardly ever is all ("remind me"), ``complete`` for
those whose longer ones are said in one go ("how many centimeters in five feet", "ten inches")."""

LEAST_SCORE, LEAST_MARGIN = 0.8, 1.0
"""A guided transcript that is believed with less is no evidence of an end: a sentence that breaks off is bent into a
whole one. Measured by ``bench/bench_endpointer.py``; docs/decisions/0013."""

BEGUN_SHARE = 2 / 3
"""A sentence that no template matches, and this much of which one begins with, is taken for one that broke off."""


class TemplateCompleteness:
    """A :class:`~firmware_py.ports.Completeness` by the templates of ``understanding`` and lists of function words."""

    def __init__(self, understanding: HassilUnderstanding) -> None:
        self._engines = understanding.engines

    def judge(self, heard: Transcript, meant: Understood) -> Ending:
        """See :class:`firmware_py.events.Ending`. A repaired sentence is never COMPLETE.

        Where nothing was understood of a voice there is no answer to be late with: it is waited for as INCOMPLETE.
        """
        if not heard.text.strip():
            return Ending.INCOMPLETE
        is_match = meant.intent is not None and meant.score >= 1.0
        readings = [(engine, engine.read(heard.text)) for engine in self._engines]
        ends = [end for engine, reading in readings for end in walk_all(engine, reading)]
        if is_match and any(end.is_whole for end in ends):
            if heard.is_guided and (heard.score < LEAST_SCORE or heard.margin < LEAST_MARGIN):
                return Ending.UNKNOWN
            if meant.metadata.get(ENDING) == "incomplete":
                return Ending.INCOMPLETE
            return Ending.EXTENDABLE if any(end.goes_on(meant) for end in ends) else Ending.COMPLETE
        if heard.text.rstrip().endswith(ELLIPSES) or any(end.leads_on for end in ends):
            return Ending.INCOMPLETE
        if any(_breaks_off(reading, engine.language) for engine, reading in readings):
            return Ending.INCOMPLETE
        if meant.intent is None and any(_is_begun(engine, reading) for engine, reading in readings):
            return Ending.INCOMPLETE
        return Ending.UNKNOWN


@dataclass
class End:
    """Where all the words of a sentence lead in one template.

    ``states`` are those reached behind the last word; ``is_cut``: the last word stands inside a value of a list;
    ``is_open``: it belongs to a slot that could take more words; ``is_last``: no polite word stands behind it.
    """

    graph: Graph
    is_last: bool
    states: set[int] = field(default_factory=set)
    is_cut: bool = False
    is_open: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the sentence is one of this template's."""
        return any(state in self.graph.final for state in self.states)

    @property
    def leads_on(self) -> bool:
        """Whether a longer sentence of this template begins with it."""
        return self.is_last and (self.is_cut or any(self.graph.arcs[state] for state in self.states))

    def goes_on(self, meant: Understood) -> bool:
        """Whether a longer sentence of this template begins with it and means something else than ``meant``."""
        if not self.is_last or self.graph.block.metadata.get(ENDING) == "complete":
            return False
        if self.is_cut or self.is_open:
            return True
        block = self.graph.block
        is_other = block.intent != meant.intent or any(meant.slots.get(k) != v for k, v in block.slots.items())
        return any(self.graph.arcs[s] and (is_other or _has_slot(self.graph, s)) for s in self.states)


def walk_all(engine: Engine, reading: Reading) -> Iterator[End]:
    """The ends in all graphs of an engine, polite words before and behind the sentence left out as well."""
    for words in engine.cores(reading):
        is_last = words[-1] is reading.tokens[-1]
        sentence = Sentence([t.word for t in words], engine.values, engine.language)
        for graph in engine.graphs:
            walk = _Walk(graph, engine, sentence, End(graph, is_last))
            walk.go(0, 0, is_told=False)
            if walk.end.states or walk.end.is_cut:
                yield walk.end


@dataclass
class _Walk:
    """One graph with one sentence; ``seen`` keeps it from entering a place twice."""

    graph: Graph
    engine: Engine
    sentence: Sentence
    end: End
    seen: set[tuple[int, int, bool]] = field(default_factory=set)

    def go(self, state: int, at: int, *, is_told: bool) -> None:
        """``is_told``: a word of the template itself was among those so far; a free slot alone begins nothing."""
        if (state, at, is_told) in self.seen:
            return
        self.seen.add((state, at, is_told))
        words = self.sentence.words
        if at == len(words):
            if is_told:
                self.end.states.add(state)
            return
        for label, to in self.graph.arcs[state]:
            if label == words[at]:
                self.go(to, at + 1, is_told=True)
            elif isinstance(label, Slot):
                self._fill(label.source, to, at, is_told=is_told)

    def _fill(self, source: ListDef, to: int, at: int, *, is_told: bool) -> None:
        words = self.sentence.words
        is_free = source.is_wildcard and source.reads is None
        for end, *_ in self.sentence.spans(source, at):
            self.go(to, end, is_told=is_told or not is_free)
            if end == len(words) and is_told:
                self.end.is_open |= is_free or _grows(source, self.sentence, at)
        if source.values and is_told:
            self.end.is_cut |= self.engine.values.is_begun(source, words, at)


def _is_begun(engine: Engine, reading: Reading) -> bool:
    """Whether the first words, at least two and most of them, begin a sentence of a template."""
    least = max(2, math.ceil(BEGUN_SHARE * len(reading.tokens)))
    return any(
        any(end.leads_on for end in walk_all(engine, Reading(reading.text, reading.tokens[:count])))
        for count in range(len(reading.tokens) - 1, least - 1, -1)
    )


def _breaks_off(reading: Reading, language: str) -> bool:
    return bool(reading.tokens) and reading.tokens[-1].word in BREAKS_OFF.get(language.split("-")[0], ())


def _has_slot(graph: Graph, state: int) -> bool:
    """Whether a slot lies on a way from ``state``."""
    reached, stack = {state}, [state]
    while stack:
        for label, to in graph.arcs[stack.pop()]:
            if isinstance(label, Slot):
                return True
            if to not in reached:
                reached.add(to)
                stack.append(to)
    return False


def _grows(source: ListDef, sentence: Sentence, start: int) -> bool:
    """Whether the number or expression that the sentence ends with is one that often goes on: twenty (five)."""
    if sentence.words[-1] not in GROWING or not sentence.language.startswith("en"):
        return False
    longer = sentence.followed_by("five")
    return any(end == len(longer.words) for end, *_ in longer.spans(source, start))
