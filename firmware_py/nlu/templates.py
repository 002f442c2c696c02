"""What template files say, as data: intents, their sentences, lists, rules and responses, each with its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hassil.expression import Expression

from firmware_py.nlu.yaml_nodes import TemplateError

if TYPE_CHECKING:
    from firmware_py.nlu.deeds_section import Deeds


@dataclass(frozen=True)
class Where:
    """A place in a template file; prints as ``file:line``."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    def mistake(self, what: str) -> TemplateError:
        return TemplateError(what, self.line, self.path)


@dataclass(frozen=True, eq=False)
class Value:
    """One value of a list: what is said (a template), and what the slot gets."""

    said: Expression
    out: Any
    where: Where
    context: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class NumberRange:
    """The numbers a range list takes: ``first .. last`` by ``step``, with halves or tenths, times ``multiplier``."""

    first: int
    last: int
    step: int = 1
    fractions: str | None = None
    multiplier: float | None = None

    def accept(self, number: float) -> int | float | None:
        """The slot's value for a number that was said, None when it is not in the range."""
        per_unit = {None: 1, "halves": 2, "tenths": 10}[self.fractions]
        whole = math.floor(number)
        if round(number * per_unit, 9) != round(number * per_unit) or not self.first <= whole <= self.last:
            return None
        if (whole - self.first) % self.step:
            return None
        value = number * self.multiplier if self.multiplier is not None else number
        return int(value) if value == int(value) and self.multiplier is None else value


@dataclass(frozen=True, eq=False)
class ListDef:
    """A slot list: exactly one of ``values``, ``numbers`` and ``is_wildcard`` counts.

    A wildcard with ``most_words`` takes no more words, and no "and" or "then" among them; one that ``is_name`` none
    of :data:`firmware_py.nlu.names.NOT_IN_NAMES` either.
    """

    name: str
    where: Where
    values: tuple[Value, ...] = ()
    numbers: NumberRange | None = None
    is_wildcard: bool = False
    reads: str | None = None
    most_words: int | None = None
    is_name: bool = False


@dataclass(frozen=True, eq=False)
class RuleDef:
    """An expansion rule."""

    name: str
    where: Where
    body: Expression
    text: str


@dataclass
class Scope:
    """The lists and rules that names are looked up in."""

    lists: dict[str, ListDef] = field(default_factory=dict)
    rules: dict[str, RuleDef] = field(default_factory=dict)

    def inside(self, inner: Scope) -> Scope:
        return Scope({**self.lists, **inner.lists}, {**self.rules, **inner.rules})


@dataclass(frozen=True, eq=False)
class Block:
    """What the sentences of one data block share."""

    intent: str
    where: Where
    slots: Mapping[str, Any]
    scope: Scope
    response: str = "default"
    requires_context: Mapping[str, Any] = field(default_factory=dict)
    excludes_context: Mapping[str, Any] = field(default_factory=dict)
    required_keywords: frozenset[str] = frozenset()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Template:
    """One sentence template."""

    body: Expression
    text: str
    where: Where
    block: Block


@dataclass(frozen=True)
class Pronunciation:
    """Another way in which a recogniser may write some words of the templates."""

    said: str
    written: str
    where: Where


@dataclass
class Grammar:
    """Everything the files of one language say together; ``sources`` are the sha256 of their texts, in order."""

    language: str
    sources: list[str] = field(default_factory=list)
    templates: list[Template] = field(default_factory=list)
    scope: Scope = field(default_factory=Scope)
    skip_words: list[str] = field(default_factory=list)
    responses: dict[tuple[str, str], tuple[str, Where]] = field(default_factory=dict)
    pronunciations: list[Pronunciation] = field(default_factory=list)
    deeds: dict[str, Deeds] = field(default_factory=dict)
