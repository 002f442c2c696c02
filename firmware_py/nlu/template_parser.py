"""Reads one sentence template into hassil's own expressions: what is common here, the rest by hassil's parser.

hassil's parser takes 40 us a word; a file of ten thousand sentences would take seconds. Words, brackets, alternatives,
lists and rules are read here by one regular expression and a stack; escapes, permutations and everything that
is not well formed go to hassil, so that its rules and its refusals stay the ones that count.
"""

from __future__ import annotations

import re

from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference, Sequence, TextChunk
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError

from firmware_py.nlu.templates import Where

MAX_TEMPLATE_CHARS = 4_000
MAX_DEPTH = 100

_TOKEN = re.compile(r"[^()\[\]{}<>|]+|[()\[\]|]|\{[^()\[\]{}<>|]+\}|<[^()\[\]{}<>|]+>|.", re.DOTALL)
_PARTNER = {")": "(", "]": "["}


def parse(text: str, where: Where, what: str) -> Expression:
    """A template as an expression, the many ways to write it wrong turned into one line (TemplateError)."""
    if len(text) > MAX_TEMPLATE_CHARS:
        raise where.mistake(f"{what} is longer than {MAX_TEMPLATE_CHARS} characters")
    if not text.strip():
        raise where.mistake(f"{what} is empty")
    if _depth(text) > MAX_DEPTH:
        raise where.mistake(f"template syntax: nested too deep in {_short(text)!r}")
    found = parse_common(text.strip())
    if found is not None:
        return found
    try:
        return parse_sentence(text).expression
    except (ParseError, AssertionError, ValueError, IndexError, RecursionError) as error:
        raise where.mistake(f"template syntax: {_syntax(text, error)} in {_short(text)!r}") from None


def parse_common(text: str) -> Group | None:
    """What hassil makes of ``text``, or None where only hassil may say."""
    if "\\" in text or ";" in text:
        return None
    group: Group = Sequence()
    last = group  # the sequence that is being filled
    open_: list[tuple[str, Group, Group]] = []
    previous = ""
    for token in _TOKEN.findall(text):
        first = token[0]
        if first in "([":
            if len(token) > 1:
                return None
            open_.append((first, group, last))
            group = last = Sequence()
        elif first in ")]":
            if not open_ or open_[-1][0] != _PARTNER[first] or previous == _PARTNER[first]:
                return None
            done = _optional(group) if first == "]" else group
            _, group, last = open_.pop()
            last.items.append(done)
        elif first == "|":
            group = _alternative(group)
            last = Sequence()
            group.items.append(last)
        elif first in "{}<>":
            if len(token) < 3:
                return None
            name = token[1:-1]
            last.items.append(ListReference(list_name=name) if first == "{" else RuleReference(rule_name=name))
        else:
            last.items.append(TextChunk(token, token))
        previous = token
    return None if open_ else group


def _alternative(group: Group) -> Alternative:
    return group if isinstance(group, Alternative) else Alternative(items=[group])


def _optional(group: Group) -> Alternative:
    found = _alternative(group)
    found.is_optional = True
    found.items.append(TextChunk(""))
    return found


def _depth(text: str) -> int:
    depth = deepest = 0
    if text.count("(") + text.count("[") + text.count("{") + text.count("<") <= MAX_DEPTH:
        return 0
    for character in text:
        depth += (character in "([{<") - (character in ")]}>")
        deepest = max(deepest, depth)
    return deepest


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _syntax(text: str, error: BaseException) -> str:
    """What is wrong, in a template writer's words: the first bracket that has no partner, if it is that."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    partner = {")": "(", "]": "[", "}": "{", ">": "<"}
    open_: list[str] = []
    previous = ""
    for character in text:
        if previous == "\\":
            previous = ""
            continue
        previous = character
        if character in partner.values():
            open_.append(character)
        elif character in partner and (not open_ or open_.pop() != partner[character]):
            return f"{character!r} closes nothing"
    if open_:
        return f"{open_[-1]!r} is never closed"
    if any(empty in text.replace(" ", "") for empty in ("()", "[]", "{}", "<>")):
        return "empty brackets"
    return "'|' and ';' mixed in one group" if "|" in text and ";" in text else "cannot be read"
