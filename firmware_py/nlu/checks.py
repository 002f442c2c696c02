"""Mistakes in templates that only show when everything is read: responses and pronunciations that fit nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from firmware_py.nlu.deeds_section import slots_of
from firmware_py.nlu.graph import Graph, Normal, Slot
from firmware_py.nlu.phrases import MOST_WORDS
from firmware_py.nlu.templates import Grammar
from firmware_py.nlu.values import Values

_SLOT = re.compile(r"\{\s*([^{}]*?)\s*\}")


def check_responses(grammar: Grammar, graphs: Sequence[Graph]) -> None:
    """Raises TemplateError for a response of an intent that has no sentences, one that names a slot its intent never
    fills (so for actions), and a sentence block whose response is not there although its intent has others.
    """
    slots: dict[str, set[str]] = {}
    for graph in graphs:
        names = {label.name for label in graph.labels() if isinstance(label, Slot)}
        slots.setdefault(graph.block.intent, set()).update(names, graph.block.slots)
    for (intent, _), (text, where) in grammar.responses.items():
        if intent not in slots:
            raise where.mistake(f"a response for {intent!r}, which has no sentences")
        for name in _SLOT.findall(text):
            if name not in slots[intent]:
                known = ", ".join(sorted(slots[intent])) or "none"
                raise where.mistake(f"response of {intent!r} names {{{name}}}; its slots: {known}")
    for intent, deeds in grammar.deeds.items():
        if intent not in slots:
            raise deeds.where.mistake(f"actions for {intent!r}, which has no sentences")
        for action, where in zip(deeds.actions, deeds.wheres, strict=True):
            for name in slots_of(list(action.arguments.values())):
                if name not in slots[intent]:
                    known = ", ".join(sorted(slots[intent])) or "none"
                    raise where.mistake(f"an action of {intent!r} names {{{name}}}; its slots: {known}")
    answered = {intent for intent, _ in grammar.responses}
    for graph in graphs:
        block = graph.block
        if block.intent in answered and (block.intent, block.response) not in grammar.responses:
            raise block.where.mistake(f"intent {block.intent!r} has no response {block.response!r}")


def read_pronunciations(
    grammar: Grammar, graphs: Sequence[Graph], values: Values, normal: Normal
) -> tuple[tuple[tuple[str, ...], str], ...]:
    """``(normal words, how else they may be written)`` of each pronunciation. Raises TemplateError for one that names
    no words, or a word that no sentence of the files has."""
    if not grammar.pronunciations:
        return ()
    known = {label for graph in graphs for label in graph.labels() if isinstance(label, str)}
    known |= {word for said in values.said.values() for words, _ in said for word in words}
    found = []
    for hint in grammar.pronunciations:
        said, heard = tuple(normal(hint.said)), tuple(normal(hint.written))
        if not said or not heard or max(len(said), len(heard)) > MOST_WORDS:
            raise hint.where.mistake(f"pronunciation {hint.written!r} of {hint.said!r}: 1 to {MOST_WORDS} words each")
        strange = [word for word in said if word not in known]
        if strange:
            raise hint.where.mistake(f"a pronunciation of {hint.said!r}, and no sentence has the word {strange[0]!r}")
        found.append((said, hint.written))
    return tuple(found)
