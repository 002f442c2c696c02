"""Template files with a mistake: one line with file, line and what; nothing hangs, nothing escapes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.errors import BadInput, ConfigError, NotFound, RtvaError
from firmware_py.nlu.hassil import HassilUnderstanding

OK = "language: en\nintents:\n  go:\n    data:\n      - sentences:\n          - go home\n"

LAUGHS = "        metadata:\n          x0: &x0 {a: b}\n" + "".join(
    f"          x{n}: &x{n} {{{', '.join(f'k{i}: *x{n - 1}' for i in range(9))}}}\n" for n in range(1, 9)
)
DOUBLING = "expansion_rules:\n  r0: a b\n" + "".join(f"  r{n}: '<r{n - 1}> <r{n - 1}>'\n" for n in range(1, 30))

MISTAKES: dict[str, tuple[str, int, str]] = {
    "yaml": ("intents:\n  go: [\n", 3, "not YAML"),
    "tab": ("intents:\n\tgo: x\n", 2, "not YAML: a tab in the indentation: use spaces"),
    "a brace without quotes": (OK + "responses: {intents: {go: {default: {x}}}}\n", 7, "needs quotes"),
    "a language that is no code": (OK.replace("language: en", "language: english"), 1, "a code, as en, de or pt-BR"),
    "empty": ("", 1, "empty"),
    "comment only": ("# nothing\n", 1, "empty"),
    "not a mapping": ("- a\n- b\n", 1, "mapping"),
    "no intents": ("language: en\n", 1, "no 'intents'"),
    "unknown key": (OK + "intens: {}\n", 7, "unknown key 'intens'"),
    "unknown key in intent": ("intents:\n  go:\n    date: []\n", 3, "unknown key 'date'"),
    "unknown key in data": (OK + "        slot: {}\n", 7, "unknown key 'slot'"),
    "twice": ("intents:\n  go: {data: [{sentences: [a]}]}\n  go: {data: []}\n", 3, "twice"),
    "no data": ("intents:\n  go: {}\n", 2, "no 'data'"),
    "no sentences": ("intents:\n  go:\n    data: []\n", 2, "no sentences"),
    "empty block": ("intents:\n  go:\n    data:\n      - slots: {a: 1}\n", 4, "without sentences"),
    "empty sentence": ("intents:\n  go:\n    data:\n      - sentences:\n          - ok\n          - ''\n", 6, "empty"),
    "a mapping for a sentence": (
        "intents:\n  go:\n    data:\n      - sentences:\n          - a: b\n", 5, "one that begins with { or has",
    ),
    "no closing bracket": (OK.replace("go home", '"go (home"'), 6, "'(' is never closed"),
    "no opening bracket": (OK.replace("go home", '"go home]"'), 6, "']' closes nothing"),
    "no closing brace": (OK.replace("go home", '"go {home"'), 6, "'{' is never closed"),
    "empty braces": (OK.replace("go home", '"go {}"'), 6, "empty brackets"),
    "mixed": (OK.replace("go home", '"go (a|b;c)"'), 6, "mixed"),
    "only optional": (OK.replace("go home", '"[go] [home]"'), 6, "empty sentence"),
    "undefined list": (OK.replace("go home", '"go {where}"'), 6, "list {where} is not defined"),
    "undefined rule": (OK.replace("go home", '"<go> home"'), 6, "rule <go> is not defined"),
    "undefined in a rule": (OK + "expansion_rules:\n  a: x\n  b: 'y <c>'\n", 9, "rule <c> is not defined"),
    "left recursion": (OK + "expansion_rules:\n  a: '<a> b'\n", 8, "<a> contains itself"),
    "a circle": (OK + "expansion_rules:\n  a: 'x <b>'\n  b: 'y [<a>]'\n", 8, "contains itself (<a> -> <b> -> <a>)"),
    "empty list": (OK + "lists:\n  x:\n    values: []\n", 8, "list {x} is empty"),
    "empty value": (OK + "lists:\n  x:\n    values:\n      - a\n      - ''\n", 11, "empty"),
    "no word in value": (OK + "lists:\n  x:\n    values:\n      - '!'\n", 10, "without a word"),
    "value with a list": (OK + "lists:\n  x: {values: ['{y}']}\n  y: {values: [a]}\n", 8, "hold another list"),
    "value without in": (OK + "lists:\n  x:\n    values:\n      - out: 3\n", 10, "no 'in'"),
    "two kinds": (OK + "lists:\n  x:\n    values: [a]\n    wildcard: true\n", 8, "one of: values, range"),
    "no kind": (OK + "lists:\n  x: {}\n", 8, "one of: values, range"),
    "range": (OK + "lists:\n  x:\n    range: {from: 5, to: 1}\n", 9, "from <= to"),
    "range text": (OK + "lists:\n  x:\n    range:\n      from: a\n      to: 1\n", 10, "whole number, not 'a'"),
    "reader": (OK + "lists:\n  x:\n    wildcard: true\n    reads: minds\n", 10, "one of: arithmetic"),
    "name": (OK + "lists:\n  x:\n    wildcard: true\n    name: true\n", 10, "needs most_words"),
    "aliases of aliases": (OK + LAUGHS, 8, "too many entries"),
    "explodes": (OK + DOUBLING, 8, "grows to more than"),
    "glue explodes": (OK.replace("go home", '"' + "(a|b|c)" * 12 + '"'), 6, "spellings"),
    "value explodes": (OK + "lists:\n  x:\n    values:\n      - '" + "(a|b) " * 12 + "'\n", 10, "ways to say"),
    "permutation explodes": (OK.replace("go home", '"(' + ";".join(f"w{i}" for i in range(40)) + ')"'), 6, "grows"),
    "too deep": (OK.replace("go home", '"' + "(" * 1900 + "a" + ")" * 1900 + '"'), 6, "nested too deep"),
    "too long": (OK.replace("go home", '"' + "word " * 1000 + '"'), 6, "longer than"),
    "many words": (OK.replace("go home", '"' + "a " * 1500 + '"'), 6, "more than 200 words"),
    "response of nothing": (OK + "responses:\n  intents:\n    gone:\n      default: Bye.\n", 10, "no sentences"),
    "response slot": (OK + "responses:\n  intents:\n    go:\n      default: 'To {there}.'\n", 10, "names {there}"),
    "jinja": (OK + "responses:\n  intents:\n    go:\n      default: '{{ slots.x }}'\n", 10, "Jinja"),
    "response key": (OK + "        response: b\nresponses: {intents: {go: {a: x}}}\n", 5, "no response 'b'"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_file_line_and_what(tmp_path: Path, name: str) -> None:
    text, line, what = MISTAKES[name]
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        HassilUnderstanding([file], builtin=False)
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}: ") and what in message and "\n" not in message
    assert caught.value.exit_code == 78


def test_the_class_of_the_error_can_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("[")
    with pytest.raises(BadInput) as caught:
        HassilUnderstanding([file], error=BadInput)
    assert caught.value.exit_code == 65


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        HassilUnderstanding([tmp_path / "nowhere.yaml"])


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(b"language: en\nintents: \xff\xfe\n")
    with pytest.raises(ConfigError, match=r"own\.yaml:2: not UTF-8"):
        HassilUnderstanding([file])


def test_deep_nesting_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="not YAML"):
        HassilUnderstanding([file])


def test_files_that_contradict_each_other_name_both_places(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(OK + "expansion_rules: {x: a}\n")
    two.write_text(OK + "\nexpansion_rules:\n  x: b\n")
    with pytest.raises(ConfigError) as caught:
        HassilUnderstanding([one, two])
    assert str(caught.value) == f"{two}:9: rule <x> is already defined differently at {one}:7"


def test_intents_of_the_same_name_grow(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(OK)
    two.write_text(OK.replace("home", "away"))
    understanding = HassilUnderstanding([one, two], builtin=False)
    assert understanding.intents == ("go",)
    assert understanding.understand("go home").intent == understanding.understand("go away").intent == "go"


def test_words_that_yaml_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        OK.replace("go home", "go {way}") + "lists: {way: {values: [on, off, yes, {in: wow, out: true}, 12]}}\n"
    )
    understanding = HassilUnderstanding([file], builtin=False)
    found = [understanding.understand(f"go {w}").slots["way"] for w in ("on", "off", "yes", "wow", "twelve")]
    assert found == ["on", "off", "yes", True, "12"]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab [](){}<>|;:\\,.'0"), max_size=30))
def test_any_template_compiles_or_is_a_mistake(sentence: str) -> None:
    import json
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(f"intents: {{x: {{data: [{{sentences: [{json.dumps(sentence)}]}}]}}}}\n")
        file.flush()
        try:
            understanding = HassilUnderstanding([Path(file.name)], builtin=False)
        except RtvaError as error:
            assert "\n" not in str(error) and str(error).startswith(file.name)
        else:
            understanding.understand("a b")
