"""Mistakes in templates that only show when everything is read: responses that fit nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from firmware_py.nlu.graph import Graph, Slot
from firmware_py.nlu.templates import Grammar

_SLOT = re.compile(r"\{\s*([^{}]*?)\s*\}")


def check_responses(grammar: Grammar, graphs: Sequence[Graph]) -> None:
    """Raises TemplateError for a response of an intent that has no sentences, one that names a slot its intent never
    fills, and a sentence block whose response is not there although its intent has others.
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
    answered = {intent for intent, _ in grammar.responses}
    for graph in graphs:
        block = graph.block
        if block.intent in answered and (block.intent, block.response) not in grammar.responses:
            raise block.where.mistake(f"intent {block.intent!r} has no response {block.response!r}")
