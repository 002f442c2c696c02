"""Sentence templates to word graphs: what the matcher walks and the repair aligns with.

A :class:`Graph` is one template as a small automaton over normal words. Rules are inlined, permutations become
a lattice of subsets (not n! orders), and slots stay single arcs, so a template with millions of sentences has
tens of arcs. Everything that cannot end (a rule inside itself) or grows without bound is refused here, with
the line it stands on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hassil.expression import Alternative, Expression, Group, ListReference, Permutation, RuleReference, TextChunk

from firmware_py.nlu.templates import Block, ListDef, NumberRange, Scope, Template, Where

MAX_PIECES = 20_000
"""Raw arcs a template may expand to; the largest real ones have hundreds."""
MAX_SPELLINGS = 500
"""Spellings a run without white space may have: ``(bed|bath|living)[-]room[s]`` has 12."""
MAX_VALUE_SENTENCES = 1_000
"""Ways to say one list value."""
MAX_RULE_DEPTH = 50
MAX_SENTENCE_WORDS = 200

Normal = Callable[[str], list[str]]


class Slot(NamedTuple):
    """What an arc fills: ``{list:name}`` with the numbers, wildcard or values of a list."""

    name: str
    source: ListDef


Label = str | Slot


@dataclass
class Graph:
    """One template. ``arcs[state]`` holds ``(label, next state)``; a label is a word or a :class:`Slot`."""

    template: Template
    arcs: list[list[tuple[Label, int]]] = field(default_factory=list)
    final: frozenset[int] = frozenset()
    _order: list[int] = field(default_factory=list, repr=False)

    @property
    def block(self) -> Block:
        return self.template.block

    def labels(self) -> Iterator[Label]:
        for arcs in self.arcs:
            for label, _ in arcs:
                yield label

    def order(self) -> list[int]:
        """The states, each before those it leads to. There are no circles: templates cannot loop."""
        if self._order:
            return self._order
        incoming = Counter([to for arcs in self.arcs for _, to in arcs])
        ready = [state for state in range(len(self.arcs)) if not incoming[state]]
        while ready:
            state = ready.pop()
            self._order.append(state)
            for _, to in self.arcs[state]:
                incoming[to] -= 1
                if not incoming[to]:
                    ready.append(to)
        return self._order

    def longest(self) -> int:
        """Arcs on the longest way through."""
        far = [0] * len(self.arcs)
        for state in self.order():
            for _, to in self.arcs[state]:
                far[to] = max(far[to], far[state] + 1)
        return max(far)


def compile_template(template: Template, scope: Scope, normal: Normal) -> Graph:
    """The word graph of a template.

    Raises TemplateError for an undefined list or rule, a rule inside itself, and a template that grows too large.
    """
    arcs, final = _plain(template.body, normal) or _general(template, scope, normal)
    if 0 in final:
        raise template.where.mistake("the template also matches an empty sentence")
    graph = Graph(template, arcs, final)
    if graph.longest() > MAX_SENTENCE_WORDS:
        raise template.where.mistake(f"a sentence of more than {MAX_SENTENCE_WORDS} words")
    return graph


_Words = tuple[list[list[tuple[Label, int]]], frozenset[int]]
"""Arcs by state, and the states where a sentence may end."""


def _plain(body: Expression, normal: Normal) -> _Words | None:
    """The graph of a template that is one sentence without brackets, which most of a generated file are."""
    items = body.items if isinstance(body, Group) and not isinstance(body, (Alternative, Permutation)) else []
    if len(items) != 1 or not isinstance(items[0], TextChunk):
        return None
    words = [word for piece in items[0].original_text.split() for word in normal(piece)]
    chain: list[list[tuple[Label, int]]] = [[(word, at)] for at, word in enumerate(words, 1)]
    return [*chain, []], frozenset([len(words)])


def _general(template: Template, scope: Scope, normal: Normal) -> _Words:
    raw = _Raw(scope, template.where)
    start, end = raw.state(), raw.state()
    raw.add(template.body, start, end)
    return _to_words(raw, start, end, normal)


def check_rules(scope: Scope) -> None:
    """Raises TemplateError for a rule that is broken, used or not."""
    for rule in scope.rules.values():
        raw = _Raw(scope, rule.where)
        raw.rule(rule.name, raw.state(), raw.state())


def value_sentences(body: Expression, scope: Scope, where: Where, normal: Normal) -> list[tuple[str, ...]]:
    """Every way to say one list value, as normal words. Raises TemplateError as :func:`compile_template` does."""
    raw = _Raw(scope, where, slots_allowed=False)
    start, end = raw.state(), raw.state()
    raw.add(body, start, end)
    arcs, final = _to_words(raw, start, end, normal)
    found: dict[tuple[str, ...], None] = {}
    stack: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while stack:
        state, said = stack.pop()
        if state in final and said:
            found[said] = None
        stack += [(to, (*said, label)) for label, to in reversed(arcs[state]) if isinstance(label, str)]
        if len(stack) + len(found) > MAX_VALUE_SENTENCES:
            raise where.mistake(f"a list value with more than {MAX_VALUE_SENTENCES} ways to say it")
    if not found:
        raise where.mistake("a list value without a word in it")
    return list(found)


_SPACE = object()
_PIECES = re.compile(r"\s+|\S+")
"""Words and the white space between them, in order."""
_RawLabel = Any  # None (nothing), _SPACE, a str fragment, or a Slot


class _Raw:
    """The automaton over fragments, before they are glued to words."""

    def __init__(self, scope: Scope, where: Where, *, slots_allowed: bool = True) -> None:
        self.scope, self.where, self.slots_allowed = scope, where, slots_allowed
        self.arcs: list[list[tuple[_RawLabel, int]]] = []
        self.pieces = 0
        self.open_rules: list[str] = []

    def state(self) -> int:
        self.arcs.append([])
        return len(self.arcs) - 1

    def arc(self, start: int, label: _RawLabel, end: int) -> None:
        self.pieces += 1
        if self.pieces > MAX_PIECES:
            raise self.where.mistake(f"the template grows to more than {MAX_PIECES} parts when its rules are put in")
        self.arcs[start].append((label, end))

    def add(self, body: Expression, start: int, end: int) -> None:
        if isinstance(body, TextChunk):
            self.text(body.original_text, start, end)
        elif isinstance(body, ListReference):
            self.arc(start, self.slot(body), end)
        elif isinstance(body, RuleReference):
            self.rule(body.rule_name, start, end)
        elif isinstance(body, Permutation):
            self.permutation(body, start, end)
        elif isinstance(body, Alternative):
            for item in body.items:
                self.add(item, start, end)
            if body.is_optional:
                self.arc(start, None, end)
        elif isinstance(body, Group):
            self.sequence(body.items, start, end)
        else:
            raise self.where.mistake(f"cannot read {type(body).__name__}")

    def text(self, text: str, start: int, end: int) -> None:
        pieces = _PIECES.findall(text)
        at = start
        for number, piece in enumerate(pieces):
            to = end if number == len(pieces) - 1 else self.state()
            self.arc(at, _SPACE if piece.isspace() else piece, to)
            at = to
        if not pieces:
            self.arc(start, None, end)

    def sequence(self, items: list[Expression], start: int, end: int) -> None:
        at = start
        for number, item in enumerate(items):
            to = end if number == len(items) - 1 else self.state()
            self.add(item, at, to)
            at = to
        if not items:
            self.arc(start, None, end)

    def permutation(self, body: Permutation, start: int, end: int) -> None:
        full = (1 << len(body.items)) - 1
        states = {0: start, full: end}
        for done in range(full):
            if done not in states:
                continue
            for bit, item in enumerate(body.items):
                if not done >> bit & 1:
                    to = states.setdefault(done | 1 << bit, -1)
                    if to < 0:
                        to = states[done | 1 << bit] = self.state()
                    self.add(item, states[done], to)

    def rule(self, name: str, start: int, end: int) -> None:
        rule = self.scope.rules.get(name)
        if rule is None:
            raise self.where.mistake(f"rule <{name}> is not defined")
        if name in self.open_rules:
            circle = " -> ".join(f"<{r}>" for r in [*self.open_rules[self.open_rules.index(name) :], name])
            raise rule.where.mistake(f"rule <{name}> contains itself ({circle})")
        if len(self.open_rules) >= MAX_RULE_DEPTH:
            raise rule.where.mistake(f"rules nested deeper than {MAX_RULE_DEPTH}")
        self.open_rules.append(name)
        outer, self.where = self.where, rule.where  # a mistake inside a rule stands on the rule's line
        self.add(rule.body, start, end)
        self.where = outer
        self.open_rules.pop()

    def slot(self, reference: ListReference) -> Slot:
        if not self.slots_allowed:
            raise self.where.mistake("a list value cannot hold another list")
        if reference.is_inline_range:
            inline = reference.get_inline_range()
            assert inline is not None
            first, last, step = inline
            if first > last or step < 1:
                raise self.where.mistake(f"empty range {{{reference.list_name}}}")
            source = ListDef(reference.list_name, self.where, numbers=NumberRange(first, last, step))
            return Slot(reference.slot_name, source)
        found = self.scope.lists.get(reference.list_name)
        if found is None:
            raise self.where.mistake(f"list {{{reference.list_name}}} is not defined")
        return Slot(reference.slot_name, found)


def _to_words(raw: _Raw, start: int, end: int, normal: Normal) -> _Words:
    """Glues fragments to words and drops empty arcs. State 0 is the start."""
    number: dict[int, int] = {start: 0}
    arcs: list[dict[tuple[Label, int], None]] = [{}]
    final: set[int] = set()
    queue = [start]

    def state_of(raw_state: int) -> int:
        if raw_state not in number:
            number[raw_state] = len(arcs)
            arcs.append({})
            queue.append(raw_state)
        return number[raw_state]

    def chain(at: int, words: list[str], to: int) -> None:
        for word in words[:-1]:
            arcs.append({})
            arcs[at][word, len(arcs) - 1] = None
            at = len(arcs) - 1
        arcs[at][words[-1], to] = None

    while queue:
        source = queue.pop()
        here, sources = number[source], [source]
        for begin in sources:
            for text, stop, slot in _runs(raw, begin, end):
                words = normal(text)
                if slot is not None:
                    at = here
                    if words:
                        arcs.append({})
                        at = len(arcs) - 1
                        chain(here, words, at)
                    arcs[at][slot, state_of(stop)] = None
                elif words:
                    chain(here, words, state_of(stop))
                elif stop == end:
                    final.add(here)
                elif stop not in sources:  # a dash between words says nothing: what follows it begins here
                    sources.append(stop)
    final.update(n for raw_state, n in number.items() if raw_state == end)
    return [list(a) for a in arcs], frozenset(final)


def _runs(raw: _Raw, source: int, end: int) -> Iterator[tuple[str, int, Slot | None]]:
    """From a word boundary: every spelling up to the next white space or slot, or the end, and where it leads."""
    if len(raw.arcs[source]) == 1:
        label, to = raw.arcs[source][0]
        following = raw.arcs[to]
        if type(label) is str and len(following) == 1 and following[0][0] is _SPACE and to != end:
            yield label, following[0][1], None  # a word between spaces, which most are
            return
    seen: set[tuple[int, str]] = set()
    spellings: set[str] = set()
    stack: list[tuple[int, str]] = [(source, "")]
    while stack:
        state, text = stack.pop()
        if (state, text) in seen:
            continue
        seen.add((state, text))
        spellings.add(text)
        if len(spellings) > MAX_SPELLINGS:
            raise raw.where.mistake(f"more than {MAX_SPELLINGS} spellings of a run without a space")
        if state == end:
            yield text, end, None
        for label, to in reversed(raw.arcs[state]):
            if label is None:
                stack.append((to, text))
            elif isinstance(label, Slot):
                yield text, to, label
            elif label is not _SPACE:
                stack.append((to, text + label))
            elif text:
                yield text, to, None
            else:
                stack.append((to, ""))
