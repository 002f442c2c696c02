"""The quick reader of templates against hassil's own parser; and templates that must end in one line."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from hassil.parse_expression import parse_sentence
from hassil.parser import ParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.errors import ConfigError
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.graph import Graph, Slot, compile_template
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.nlu.normalize import words
from firmware_py.nlu.template_parser import parse_common
from firmware_py.nlu.templates import Block, ListDef, RuleDef, Scope, Template, Where
from firmware_py.nlu.yaml_nodes import TemplateError

HERE = Where(Path("t.yaml"), 1)
PIECES = [
    "turn",
    "on ",
    " the",
    "lamp",
    " ",
    "(",
    ")",
    "[",
    "]",
    "|",
    "{room}",
    "{room:where}",
    "<polite>",
    "'s",
    "-",
    "{0..5:n}",
]
SCOPE = Scope(
    {"room": ListDef("room", HERE, is_wildcard=True)},
    {"polite": RuleDef("polite", HERE, parse_sentence("please").expression, "please")},
)


def sentences(graph: Graph) -> set[tuple[str, ...]]:
    """Every sentence of a small graph, slots by name."""
    found: set[tuple[str, ...]] = set()
    stack: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while stack and len(found) < 2_000:
        state, said = stack.pop()
        if state in graph.final:
            found.add(said)
        for label, to in graph.arcs[state]:
            stack.append((to, (*said, f"{{{label.name}}}" if isinstance(label, Slot) else label)))
    return found


def compiled(expression: object) -> set[tuple[str, ...]] | str:
    template = Template(expression, "", HERE, Block("a", HERE, {}, Scope()))  # type: ignore[arg-type]
    try:
        return sentences(compile_template(template, SCOPE, words))
    except TemplateError as mistake:
        return mistake.what


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=14))
def test_what_is_read_quickly_is_what_hassil_reads(pieces: list[str]) -> None:
    text = "".join(pieces).strip()
    quick = parse_common(text) if text else None
    if quick is None:
        return
    assert compiled(quick) == compiled(parse_sentence(text).expression)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, "\\", ";", "{", ">", "<"]), min_size=1, max_size=14))
def test_what_hassil_refuses_is_never_read_quickly(pieces: list[str]) -> None:
    text = "".join(pieces).strip()
    try:
        parse_sentence(text)
    except (ParseError, AssertionError, ValueError, IndexError):
        assert not text or parse_common(text) is None


def write(folder: Path, body: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(body)
    return path


def refused(path: Path) -> str:
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        compile_understanding(HassilUnderstanding([path], builtin=False))
    assert time.monotonic() - started < 60  # it ends; a hang would not
    text = str(caught.value)
    assert text.startswith(f"{path}:") and "\n" not in text
    return text


def test_a_rule_that_explodes_is_one_line(tmp_path: Path) -> None:
    rules = ["  r0: (a|b|c|d)"] + [f"  r{n}: <r{n - 1}> <r{n - 1}> <r{n - 1}>" for n in range(1, 40)]
    body = "language: en\nintents:\n  a:\n    data:\n      - sentences: [<r39>]\nexpansion_rules:\n" + "\n".join(rules)
    assert "parts when its rules are put in" in refused(write(tmp_path, body + "\n"))


def test_spellings_that_explode_are_one_line(tmp_path: Path) -> None:
    word = "".join(f"[{a}]" for a in "abcdefghijklmnop")
    body = f'language: en\nintents:\n  a:\n    data:\n      - sentences: ["x{word}"]\n'
    assert "spellings" in refused(write(tmp_path, body))


@pytest.mark.parametrize("circle", [1, 2, 7])
def test_left_recursion_is_one_line(tmp_path: Path, circle: int) -> None:
    rules = "".join(f"  r{n}: (<r{(n + 1) % circle}> more|stop)\n" for n in range(circle))
    body = f"language: en\nintents:\n  a:\n    data:\n      - sentences: [go <r0>]\nexpansion_rules:\n{rules}"
    assert "contains itself" in refused(write(tmp_path, body))


def test_an_empty_list_is_one_line(tmp_path: Path) -> None:
    body = 'language: en\nintents:\n  a:\n    data:\n      - sentences: ["go {where}"]\nlists:\n  where: {values: []}\n'
    assert refused(write(tmp_path, body)).endswith(":7: list {where} is empty")


NAMES = ["r0", "r1", "r2"]
BODIES = st.lists(
    st.sampled_from(["go", " ", "(", ")", "[", "]", "|", ";", "<r0>", "<r1>", "<r2>", "{l0}", "{l1}", "\\", "{", "<"]),
    min_size=0,
    max_size=10,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(BODIES, min_size=3, max_size=3), BODIES, st.lists(BODIES, min_size=0, max_size=3))
def test_any_templates_compile_or_are_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, rules: list[str], sentence: str, values: list[str]
) -> None:
    quoted = [f"'{text}'" for text in (*rules, sentence, *values)]
    body = f"language: en\nintents:\n  a:\n    data:\n      - sentences: [{quoted[3]}, stop]\nexpansion_rules:\n"
    body += "".join(f"  {name}: {text}\n" for name, text in zip(NAMES, quoted[:3], strict=True))
    body += f"lists:\n  l0: {{values: [{', '.join(quoted[4:])}]}}\n  l1: {{range: {{from: 1, to: 5}}}}\n"
    path = write(tmp_path_factory.mktemp("any"), body)
    try:
        understanding = HassilUnderstanding([path], builtin=False)
        compile_understanding(understanding)
    except ConfigError as mistake:
        assert str(mistake).startswith(f"{path}:") and "\n" not in str(mistake)
    else:
        assert understanding.understand("stop").intent == "a"


def test_ten_thousand_sentences_share_how_they_begin(tmp_path: Path) -> None:
    """Bounds that do not depend on the machine: memory, and work a sentence."""
    verbs, things = [f"verb{n}" for n in range(20)], [f"thing{n}" for n in range(50)]
    lines = [f"          - {v} the {t} number {n}" for v, t, n in itertools.product(verbs, things, range(10))]
    body = "language: en\nintents:\n  a:\n    data:\n      - sentences:\n" + "\n".join(lines) + "\n"
    grammar = compile_understanding(HassilUnderstanding([write(tmp_path, body)], builtin=False))
    assert len(lines) == 10_000 and grammar.nbytes < 20e6
    leaving = grammar.first[1] - grammar.first[0]
    assert leaving <= 2 * len(verbs)  # not one a sentence: what may follow is found as fast as among a hundred
