"""Reads template files in hassil's YAML format, with line numbers, and checks them before anything uses them.

The keys are hassil's (``language``, ``intents``, ``lists``, ``expansion_rules``, ``skip_words``, ``settings``)
and Home Assistant's ``responses``. Others are ours, and hassil ignores them: a wildcard list may be bounded
(``reads: arithmetic``, see :mod:`.readers`; ``most_words: 3``, ``name: true``), ``pronunciations`` says how else a
recogniser may write words of the templates, and ``actions`` what is done (:mod:`.deeds_section`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware_py.nlu import deeds_section, readers
from firmware_py.nlu.template_parser import parse
from firmware_py.nlu.templates import (
    Block,
    Grammar,
    ListDef,
    NumberRange,
    Pronunciation,
    RuleDef,
    Scope,
    Template,
    Value,
    Where,
)
from firmware_py.nlu.yaml_nodes import Item, TemplateError, read, text_of

TOP_KEYS: tuple[str, ...] = ("language", "intents", "lists", "expansion_rules", "skip_words", "settings", "responses")
TOP_KEYS += ("pronunciations", "actions")
DATA_KEYS: tuple[str, ...] = ("sentences", "slots", "response", "requires_context", "excludes_context", "lists")
DATA_KEYS += ("expansion_rules", "metadata", "required_keywords", "inferred_domain", "name_domains", "settings")
INTENT_KEYS = ("data", "description", "domain", "platform", "supported")
LIST_KEYS = ("values", "range", "wildcard", "reads", "most_words", "name", "metadata")
VALUE_KEYS = ("in", "out", "context", "metadata")
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
RANGE_KEYS = ("from", "to", "step", "type", "fractions", "multiplier", "digits", "words", "words_language")


def files_in(folder: Path) -> list[Path]:
    """The template files in a folder by name: ``*.yaml`` and ``*.yml``, none that is hidden (editors keep locks and
    other systems keep attributes under such names). Raises OSError."""
    names = (path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    return sorted(path for path in names if not path.name.startswith("."))


def load(paths: list[Path], language: str) -> list[Grammar]:
    """Reads template files into one grammar a language, in the order in which the languages first come.

    ``language`` is for files that name none. Raises TemplateError (with file and line) and OSError.
    """
    grammars: dict[str, Grammar] = {}
    for path in paths:
        try:
            text = text_of(path)
            root = read(text, path)
            named = [_language(item) for key, item in root.map("the file") if key == "language"]
        except TemplateError as mistake:
            raise TemplateError(mistake.what, mistake.line, path) from None
        code = named[0] if named else language
        try:
            grammar = grammars.setdefault(code, Grammar(code))
            grammar.sources.append(hashlib.sha256(text.encode()).hexdigest())
            _File(grammar, path).read(root)
        except TemplateError as mistake:
            raise TemplateError(mistake.what, mistake.line, mistake.path or path) from None
    return list(grammars.values())


def _language(item: Item) -> str:
    code = item.text("language")
    if not _LANGUAGE.fullmatch(code):
        raise item.mistake(f"language is a code, as en, de or pt-BR, not {code!r}")
    return code


class _File:
    """Reads one file into a grammar."""

    def __init__(self, grammar: Grammar, path: Path) -> None:
        self.grammar, self.path = grammar, path

    def at(self, item: Item) -> Where:
        return Where(self.path, item.line)

    def keys(self, item: Item, what: str, allowed: tuple[str, ...]) -> dict[str, Item]:
        found = dict(item.map(what))
        for key, value in found.items():
            if key not in allowed:
                raise value.mistake(f"unknown key {key!r} in {what}; allowed: {', '.join(allowed)}")
        return found

    def read(self, root: Item) -> None:
        top = self.keys(root, "the file", TOP_KEYS)
        if not {"intents", "lists", "expansion_rules", "responses", "pronunciations"} & set(top):
            raise root.mistake("no 'intents' in the file")
        if "lists" in top:
            self.lists(top["lists"], self.grammar.scope)
        if "expansion_rules" in top:
            self.rules(top["expansion_rules"], self.grammar.scope)
        if "skip_words" in top:
            self.grammar.skip_words += [i.text("a skip word") for i in top["skip_words"].seq("skip_words")]
        if "pronunciations" in top:
            self.pronunciations(top["pronunciations"])
        if "intents" in top:
            for name, item in top["intents"].map("intents"):
                self.intent(name, item)
        if "responses" in top:
            self.responses(top["responses"])
        if "actions" in top:
            self.actions(top["actions"])

    def actions(self, item: Item) -> None:
        for intent, deeds in deeds_section.Reader(self.at).read(item).items():
            known = self.grammar.deeds.get(intent)
            if known:
                raise TemplateError(f"intent {intent!r} has actions already, at {known.where}", deeds.where.line)
            self.grammar.deeds[intent] = deeds

    def pronunciations(self, item: Item) -> None:
        for said, body in item.map("pronunciations"):
            what = f"a pronunciation of {said!r}"
            ways = body.seq(what) if body.is_seq else [body]
            if not ways:
                raise body.mistake(f"no pronunciations of {said!r}")
            for way in ways:
                self.grammar.pronunciations.append(Pronunciation(said, way.text(what), self.at(way)))

    def intent(self, name: str, item: Item) -> None:
        parts = self.keys(item, f"intent {name!r}", INTENT_KEYS)
        if "data" not in parts:
            raise item.mistake(f"intent {name!r} has no 'data'")
        blocks = parts["data"].seq(f"data of intent {name!r}")
        if not blocks:
            raise item.mistake(f"intent {name!r} has no sentences")
        for block in blocks:
            self.block(name, block)

    def block(self, name: str, item: Item) -> None:
        parts = self.keys(item, f"data of intent {name!r}", DATA_KEYS)
        scope = Scope()
        if "lists" in parts:
            self.lists(parts["lists"], scope)
        if "expansion_rules" in parts:
            self.rules(parts["expansion_rules"], scope)
        sentences = parts["sentences"].seq("sentences") if "sentences" in parts else []
        if not sentences:
            raise item.mistake(f"intent {name!r} has a data block without sentences")
        block = Block(
            intent=name,
            where=self.at(item),
            slots=self.mapping(parts, "slots"),
            scope=scope,
            response=parts["response"].text("response") if "response" in parts else "default",
            requires_context=self.mapping(parts, "requires_context"),
            excludes_context=self.mapping(parts, "excludes_context"),
            required_keywords=frozenset(
                k.text("a keyword").casefold() for k in parts["required_keywords"].seq("required_keywords")
            )
            if "required_keywords" in parts
            else frozenset(),
            metadata=self.mapping(parts, "metadata"),
        )
        for sentence in sentences:
            text, where = sentence.text("a sentence"), self.at(sentence)
            self.grammar.templates.append(Template(parse(text, where, "a sentence"), text, where, block))

    def mapping(self, parts: dict[str, Item], key: str) -> Mapping[str, Any]:
        return {name: item.plain() for name, item in parts[key].map(key)} if key in parts else {}

    def rules(self, item: Item, scope: Scope) -> None:
        for name, body in item.map("expansion_rules"):
            text, where = body.text(f"rule <{name}>"), self.at(body)
            known = scope.rules.get(name)
            if known and known.text != text:
                raise body.mistake(f"rule <{name}> is already defined differently at {known.where}")
            scope.rules[name] = RuleDef(name, where, parse(text, where, f"rule <{name}>"), text)

    def lists(self, item: Item, scope: Scope) -> None:
        for name, body in item.map("lists"):
            new = self.list(name, body)
            known = scope.lists.get(name)
            if known and known.values and new.values:
                new = ListDef(name, known.where, known.values + new.values)
            elif known and (known.numbers, known.is_wildcard, known.reads) != (new.numbers, new.is_wildcard, new.reads):
                raise body.mistake(f"list {{{name}}} is already defined differently at {known.where}")
            scope.lists[name] = new

    def list(self, name: str, item: Item) -> ListDef:
        parts, where = self.keys(item, f"list {{{name}}}", LIST_KEYS), self.at(item)
        kinds = [k for k in ("values", "range", "wildcard") if k in parts]
        if len(kinds) != 1:
            raise item.mistake(f"list {{{name}}} needs one of: values, range, wildcard: true")
        if "reads" in parts and (kinds != ["wildcard"] or parts["reads"].text("reads") not in readers.READERS):
            raise parts["reads"].mistake(f"reads is for wildcard lists and one of: {', '.join(readers.READERS)}")
        if kinds == ["values"]:
            values = parts["values"].seq(f"values of list {{{name}}}")
            if not values:
                raise item.mistake(f"list {{{name}}} is empty")
            return ListDef(name, where, tuple(self.value(name, v) for v in values))
        if kinds == ["range"]:
            return ListDef(name, where, numbers=self.numbers(name, parts["range"]))
        if not parts["wildcard"].flag("wildcard"):
            raise item.mistake(f"list {{{name}}} needs one of: values, range, wildcard: true")
        reads = parts["reads"].text("reads") if "reads" in parts else None
        most_words = parts["most_words"].integer("most_words") if "most_words" in parts else None
        if most_words is not None and most_words < 1:
            raise parts["most_words"].mistake("most_words must be 1 or more")
        is_name = parts["name"].flag("name") if "name" in parts else False
        if is_name and most_words is None:
            raise parts["name"].mistake("name needs most_words beside it")
        return ListDef(name, where, is_wildcard=True, reads=reads, most_words=most_words, is_name=is_name)

    def value(self, name: str, item: Item) -> Value:
        where = self.at(item)
        if not item.is_map:
            text = item.text(f"a value of list {{{name}}}")
            return Value(parse(text, where, "a list value"), text, where)
        parts = self.keys(item, f"a value of list {{{name}}}", VALUE_KEYS)
        if "in" not in parts:
            raise item.mistake(f"a value of list {{{name}}} has no 'in'")
        text = parts["in"].text("in")
        out = parts["out"].plain() if "out" in parts else text
        context = self.mapping(parts, "context") or None
        return Value(parse(text, where, "a list value"), out, where, context)

    def numbers(self, name: str, item: Item) -> NumberRange:
        parts = self.keys(item, f"range of list {{{name}}}", RANGE_KEYS)
        if not {"from", "to"} <= set(parts):
            raise item.mistake(f"range of list {{{name}}} needs 'from' and 'to'")
        first, last = parts["from"].integer("from"), parts["to"].integer("to")
        step = parts["step"].integer("step") if "step" in parts else 1
        fractions = parts["fractions"].text("fractions") if "fractions" in parts else None
        if first > last or step < 1 or fractions not in (None, "halves", "tenths"):
            raise item.mistake(f"range of list {{{name}}}: from <= to, step >= 1, fractions halves or tenths")
        multiplier = parts["multiplier"].number("multiplier") if "multiplier" in parts else None
        return NumberRange(first, last, step, fractions, multiplier)

    def responses(self, item: Item) -> None:
        parts = self.keys(item, "responses", ("intents", "errors"))
        for intent, answers in parts["intents"].map("responses of intents") if "intents" in parts else ():
            for key, answer in answers.map(f"responses of {intent!r}"):
                text = answer.text("a response")
                if "{{" in text or "{%" in text:
                    raise answer.mistake("a response is plain text with {slot} in it; Jinja ({{ }}, {% %}) is not read")
                self.grammar.responses[intent, key] = (text, self.at(answer))
