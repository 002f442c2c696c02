"""The templates of one language, compiled: reads a sentence, matches it, repairs it."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from firmware_py.nlu.checks import check_responses, read_pronunciations
from firmware_py.nlu.deeds_section import fill as fill_actions
from firmware_py.nlu.graph import Graph, Slot, check_rules, compile_template
from firmware_py.nlu.match import Fill, Match, Matcher
from firmware_py.nlu.normalize import Token, tokenize, words
from firmware_py.nlu.politeness import Politeness
from firmware_py.nlu.repair import Repair
from firmware_py.nlu.several import OpenText
from firmware_py.nlu.templates import Grammar
from firmware_py.nlu.values import Values

_LEAST_REPEATED = 3

Found = dict[str, Any]
"""The fields of an Understood but for its text and score."""


@dataclass(frozen=True)
class Reading:
    """A sentence as one language reads it."""

    text: str
    tokens: Sequence[Token]
    is_repeated: bool = False
    """It was written several times over; ``tokens`` are of one."""


class Engine:
    """Compiled once, then read-only. Raises TemplateError for templates that cannot be compiled.

    ``graphs`` and ``values`` are the compiled templates and lists, for others that walk them; ``pronunciations`` are
    ``(normal words, how else they may be written)``; ``sources`` are the hashes of the files it was compiled from.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.language = grammar.language
        self.sources = tuple(grammar.sources)
        self.deeds = dict(grammar.deeds)
        self._responses = {key: text for key, (text, _) in grammar.responses.items()}
        self.responses = tuple(self._responses.values())
        normal = lru_cache(maxsize=1 << 14)(partial(words, language=grammar.language))
        check_rules(grammar.scope)
        self.values = Values(normal)
        for source in grammar.scope.lists.values():  # used or not, a broken one is a mistake
            self.values.add(source, grammar.scope)
        graphs: list[Graph] = []
        for template in grammar.templates:
            scope = grammar.scope.inside(template.block.scope)
            graphs.append(compile_template(template, scope, normal))
            for label in graphs[-1].labels():
                if isinstance(label, Slot):
                    self.values.add(label.source, scope)
        check_responses(grammar, graphs)
        self.pronunciations = read_pronunciations(grammar, graphs, self.values, normal)
        self.graphs = graphs
        self.intents = tuple(dict.fromkeys(t.block.intent for t in grammar.templates))
        self._politeness = Politeness(grammar.language, [normal(s) for s in grammar.skip_words])
        self._matcher = Matcher(graphs, self.values, grammar.language)
        self._repair = Repair(graphs, self.values, grammar.language, self.pronunciations)

    def read(self, text: str) -> Reading:
        tokens = tokenize(text, self.language)
        once = _said_once(tokens)
        return Reading(text, once, len(once) < len(tokens))

    def match(self, reading: Reading) -> tuple[Found, tuple[OpenText, ...]] | None:
        """What the sentence means by the template that it matches to the letter, with and without polite words around
        it, and what the open slots took."""
        fit = self._fit(reading)
        if fit is None:
            return None
        tokens, match = fit
        found = self._found(match.graph, match.fills, reading, tokens)
        if reading.is_repeated:
            found["sentence"] = " ".join(t.word for t in tokens)
        elif len(tokens) < len(reading.tokens):
            found["sentence"] = _as_said(reading.text, tokens)
        free = [f for f in match.fills if _is_free(f)]
        taken = (OpenText(_as_said(reading.text, tokens[f.start : f.end]), f.end == len(tokens)) for f in free)
        return found, tuple(taken)

    def _fit(self, reading: Reading) -> tuple[Sequence[Token], Match] | None:
        """The words that are the sentence itself, and its template. An open slot would take the polite words behind it
        ("call mom at five please"): of cores that begin alike the one that fills more slots is meant."""
        best: tuple[Sequence[Token], Match] | None = None
        for tokens in self.cores(reading):
            match = self._matcher.find([t.word for t in tokens])
            if match is None or _says_two(match.fills):
                continue
            if best is None:
                best = tokens, match
                if not any(_is_free(fill) for fill in match.fills):
                    break
            elif tokens[0] is best[0][0] and len(_names(match)) > len(_names(best[1])):
                best = tokens, match
        return best

    def warm(self) -> None:
        """Has repair pay for its first use now."""
        self._repair.warm()

    def repair(self, reading: Reading, floor: float) -> tuple[float, Found | None]:
        """The sentence that sounds most like it: its score, and what it means; (0.0, None) below ``floor``."""
        best: tuple[float, Found | None] = (0.0, None)
        cores = list(self.cores(reading))
        for tokens in (cores[0], cores[-1]) if len(cores) > 1 else cores:
            found = self._repair.find([t.word for t in tokens], max(floor, best[0]))
            if found is not None and found.score > best[0]:
                meant = self._found(found.graph, found.fills, reading, tokens)
                best = (found.score, meant | {"sentence": " ".join(found.said), "unsure": found.unsure})
        return best

    def cores(self, reading: Reading) -> Iterable[Sequence[Token]]:
        """What may be the sentence itself: all of it first, then ever fewer polite words around it."""
        tokens = reading.tokens
        said = [t.word for t in tokens]
        for start, end in self._politeness.bounds(said):
            yield tokens[start:end]
        kept = self._politeness.without_skip_words(said)
        if len(kept) < len(tokens):
            yield [tokens[i] for i in kept]

    def _found(self, graph: Graph, fills: Sequence[Fill], reading: Reading, tokens: Sequence[Token]) -> Found:
        block = graph.block
        slots = dict(block.slots)
        for fill in fills:
            slots[fill.name] = _as_said(reading.text, tokens[fill.start : fill.end]) if _is_free(fill) else fill.value
        deeds = self.deeds.get(block.intent)
        return {
            "intent": block.intent,
            "actions": fill_actions(deeds, slots) if deeds else (),
            "confirm": bool(deeds and deeds.confirm),
            "slots": slots,
            "open_slots": tuple(sorted({f.name for f in fills if _is_free(f)})),
            "response": self._responses.get((block.intent, block.response)),
            "metadata": block.metadata,
        }


def _is_free(fill: Fill) -> bool:
    """Whether it took any words."""
    return fill.source.is_wildcard and fill.source.reads is None


def _names(match: Match) -> set[str]:
    return {fill.name for fill in match.fills}


def _says_two(fills: Iterable[Fill]) -> bool:
    """Whether a slot was said twice, and not the same: "on Sunday at nine tomorrow"."""
    said: dict[str, Any] = {}
    return any(fill.value is not None and said.setdefault(fill.name, fill.value) != fill.value for fill in fills)


def _said_once(tokens: list[Token]) -> list[Token]:
    """A sentence that a recogniser wrote several times over is one sentence ("stop stop" stays what it is)."""
    said = [t.word for t in tokens]
    for length in range(_LEAST_REPEATED, len(said) // 2 + 1):
        if len(said) % length == 0 and said == said[:length] * (len(said) // length):
            return tokens[:length]
    return tokens


def _as_said(text: str, tokens: Sequence[Token]) -> str:
    """The stretch of the original text that tokens came from, without punctuation around it."""
    return text[tokens[0].start : tokens[-1].end].strip(string.punctuation + string.whitespace + "“”‘’…¿¡")
