"""The automaton against a plain oracle: hassil's own enumeration of what small templates say."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py._grammar import Automaton, Vocabulary, fold
from firmware_py.errors import ConfigError
from firmware_py.nlu.grammar import CLOSE, OPEN, Grammar, compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding

CAFE = """
language: en
intents:
  order:
    data:
      - sentences:
          - "(can I get|I'd like) [a|an] ([{size}];[{roast}];[{shots}]) {drink} [with {milk}]"
          - "add {item} to the list"
          - "set it to {level} (percent|degrees)"
lists:
  size: {values: [small, large, twelve ounce]}
  roast: {values: [light roast, dark roast]}
  shots: {values: [single shot, double shot]}
  drink: {values: [iced mocha, latte]}
  milk: {values: ["[a bit of] milk", cream]}
  item: {wildcard: true}
  level: {range: {from: 0, to: 120}}
"""


@pytest.fixture(scope="module")
def cafe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Grammar, Automaton, HassilUnderstanding]:
    return load(tmp_path_factory.mktemp("cafe"), CAFE)


def load(folder: Path, text: str) -> tuple[Grammar, Automaton, HassilUnderstanding]:
    path = folder / "templates.yaml"
    path.write_text(text)
    understanding = HassilUnderstanding([path], builtin=False)
    grammar = compile_understanding(understanding)
    return grammar, Automaton(grammar.first, grammar.symbol, grammar.target, grammar.final), understanding


def said(grammar: Grammar, automaton: Automaton, text: str) -> str | None:
    folded = " ".join(fold(text, grammar.language).split()).encode()
    path = automaton.parse(folded)
    return None if path is None else said_along(grammar, folded, path)


def said_along(grammar: Grammar, folded: bytes, path: list[tuple[int, int]]) -> str:
    words, opened = [], 0
    for state, at in path:
        says = int(grammar.say[state])
        if says >= 0:
            words.append(grammar.words[says])
        elif says == OPEN:
            opened = at
        elif says == CLOSE:
            words.append(folded[opened:at].decode().strip())
    return " ".join(words)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Can I get a 12-ounce, light roast latte?", "can i get a twelve ounce light roast latte"),
        ("I'd like an ice mocha with cream.", "i would like an iced mocha with cream"),
        ("I would like latte", "i would like latte"),
        ("can i get a double shot dark roast large latte with a bit of milk", None),
        ("Add 2 pounds of flour to the list.", "add 2 pounds of flour to the list"),
        ("set it to 95%", "set it to ninety five percent"),
        ("set it to one hundred and five degrees", "set it to one hundred and five degrees"),
    ],
)
def test_spellings_meet_the_templates_words(
    cafe: tuple[Grammar, Automaton, HassilUnderstanding], written: str, meant: str | None
) -> None:
    grammar, automaton, understanding = cafe
    found = said(grammar, automaton, written)
    assert found == (meant or fold(written).strip())
    assert understanding.understand(found or "").intent == "order"


NO_SENTENCES = "|can i get a|can i get a latte latte|a small small latte|set it to 121 percent|set it to percent"
NO_SENTENCES += "|add to the list|can i get a latte with"


@pytest.mark.parametrize("text", NO_SENTENCES.split("|"))
def test_what_is_no_sentence_is_refused(cafe: tuple[Grammar, Automaton, HassilUnderstanding], text: str) -> None:
    grammar, automaton, _ = cafe
    assert said(grammar, automaton, text) is None


def test_every_order_of_a_permutation_is_there(cafe: tuple[Grammar, Automaton, HassilUnderstanding]) -> None:
    grammar, automaton, _ = cafe
    for parts in itertools.permutations(["small", "dark roast", "single shot"]):
        assert said(grammar, automaton, f"can i get {' '.join(parts)} latte") is not None


WORDS = ["on", "one", "once", "light", "lights", "a", "an"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), min_size=1, max_size=8), st.data())
def test_the_automaton_is_the_set_of_its_sentences(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[str]], data: st.DataObject
) -> None:
    texts = {" ".join(s) for s in sentences}
    listed = "".join(f'          - "{t}"\n' for t in sorted(texts))
    yaml = f"language: en\nintents:\n  a:\n    data:\n      - sentences:\n{listed}"
    _, automaton, _ = load(tmp_path_factory.mktemp("set"), yaml)
    asked = " ".join(data.draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)))
    for text in (*texts, asked):
        state = automaton.read(automaton.start, text.encode())
        assert (state >= 0 and automaton.accepts(state)) == (text in texts)
        assert (automaton.parse(text.encode()) is not None) == (text in texts)


def test_a_mask_holds_exactly_the_tokens_that_can_follow(cafe: tuple[Grammar, Automaton, HassilUnderstanding]) -> None:
    _, automaton, _ = cafe
    tokens = [b" can", b"can", b" c", b"an", b" i", b" dog", b" add", b" set it", b"x", b"", b" ", b" set  it"]
    vocabulary = Vocabulary(tokens)
    admitted, following = automaton.mask(vocabulary, automaton.start)
    expected = {n for n, t in enumerate(tokens) if t and automaton.read(automaton.start, t) >= 0}
    assert set(admitted.tolist()) == expected
    assert all(automaton.read(automaton.start, tokens[t]) == f for t, f in zip(admitted, following, strict=True))


def test_trimming_forgets_and_starts_again(cafe: tuple[Grammar, Automaton, HassilUnderstanding]) -> None:
    _, automaton, _ = cafe
    automaton.read(automaton.start, b"can i get a small latte")
    before = automaton.cache_bytes
    automaton.trim(0)
    assert automaton.cache_bytes < before
    assert automaton.accepts(automaton.read(automaton.start, b"can i get a small latte"))


def test_rows_that_lead_nowhere_are_refused() -> None:
    with pytest.raises(ValueError):
        Automaton(np.array([0, 1, 1]), np.array([97]), np.array([7]), 1)
    with pytest.raises(ValueError):
        Automaton(np.array([0, 2, 2]), np.array([97]), np.array([1]), 1)


def test_a_long_range_takes_digits_and_number_words(tmp_path: Path) -> None:
    yaml = BLOCK.format("turn to {x} now", "lists:\n  x: {range: {from: 0, to: 999999}}\n")
    grammar, automaton, understanding = load(tmp_path, yaml)
    for written in ("turn to 123456 now", "turn to nine hundred thousand now"):
        found = said(grammar, automaton, written)
        assert found is not None and understanding.understand(found).intent == "a"
    assert said(grammar, automaton, "turn to lamp now") is None


BLOCK = 'language: en\nintents:\n  a:\n    data:\n      - sentences: ["{0}"]\n{1}'


@pytest.mark.parametrize(
    ("sentence", "rest", "line", "what"),
    [
        ("<r> on", 'expansion_rules:\n  r: "<r> please"\n', 7, "contains itself"),
        ("<r> on", 'expansion_rules:\n  r: "<s>"\n  s: "go <r>"\n', 7, "contains itself"),
        ("turn {x}", "lists:\n  x: {values: []}\n", 7, "empty"),
        ("(a;b;c;d;e;f;g;h;i;j;k;l;m;n;o)", "", 5, "grows"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, sentence: str, rest: str, line: int, what: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(BLOCK.format(sentence, rest))
    with pytest.raises(ConfigError) as found:
        compile_understanding(HassilUnderstanding([path], builtin=False))
    assert str(found.value).startswith(f"{path}:{line}") and what in str(found.value) and "\n" not in str(found.value)


def test_a_second_language_is_spelled_its_own_way(tmp_path: Path) -> None:
    yaml = """
language: de
intents:
  licht:
    data:
      - sentences: ["schalte das Licht [im|in der] {raum} (an|aus)", "stelle die Heizung auf {grad} Grad"]
lists:
  raum: {values: [Küche, Büro, Wohnzimmer]}
  grad: {range: {from: 5, to: 30}}
"""
    grammar, automaton, understanding = load(tmp_path, yaml)
    assert said(grammar, automaton, "Schalte das Licht in der Küche aus.") == "schalte das licht in der küche aus"
    found = said(grammar, automaton, "Stelle die Heizung auf 21 Grad!")
    assert found and understanding.understand(found).slots == {"grad": 21}


HEATING = """
language: en
intents:
  heat:
    data:
      - sentences: ["set [the] heating to {degrees} degrees", "add {item} to the list", "remember {number}"]
lists:
  degrees: {range: {from: 15, to: 250, fractions: tenths}}
  item: {wildcard: true}
  number: {wildcard: true, reads: number}
"""


@pytest.mark.parametrize(
    ("written", "meant", "slots"),
    [
        ("set the heating to 21.5 degrees", "set the heating to twenty one point five degrees", {"degrees": 21.5}),
        ("set heating to 21 point 5 degrees", "set heating to twenty one point five degrees", {"degrees": 21.5}),
        ("set heating to 215 degrees", "set heating to two hundred and fifteen degrees", {"degrees": 215}),
        ("set heating to twenty degrees", "set heating to twenty degrees", {"degrees": 20}),
        ("add 2.5 pounds of flour to the list", "add 2.5 pounds of flour to the list", {"item": "2.5 pounds of flour"}),
        ("remember 3.25", "remember 3.25", {"number": 3.25}),
        ("remember three point two five", "remember three point two five", {"number": 3.25}),
    ],
)
def test_decimals_are_read_as_digits_or_words(
    tmp_path: Path, written: str, meant: str, slots: dict[str, object]
) -> None:
    grammar, automaton, understanding = load(tmp_path, HEATING)
    path = automaton.parse(written.encode())
    assert path is not None
    found = said_along(grammar, written.encode(), path)
    assert found.replace("and ", "") == meant.replace("and ", "")
    assert dict(understanding.understand(found).slots) == slots


LAMPS = """
language: en
intents:
  lamp:
    data:
      - sentences: ["turn on [the] {lamp} lamp", "call siobhan now"]
lists:
  lamp: {values: [desk, quokka nook]}
pronunciations:
  siobhan: [shivawn, chevron]
  quokka nook: walker book
"""


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("call chevron now", "call siobhan now"),
        ("Call Shivawn now.", "call siobhan now"),
        ("turn on the walker book lamp", "turn on the quokka nook lamp"),
    ],
)
def test_pronunciations_are_spellings_and_sounds(tmp_path: Path, heard: str, meant: str) -> None:
    grammar, automaton, understanding = load(tmp_path, LAMPS)
    assert said(grammar, automaton, heard) == meant
    assert understanding.understand(heard).intent == "lamp"  # by repair: no word of it was written so
    assert dict(understanding.understand(heard).slots) == dict(understanding.understand(meant).slots)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("  sibhan: chevron", "no sentence has the word 'sibhan'"),
        ("  siobhan: '!'", "1 to 8 words"),
        ("  siobhan: []", "no pronunciations"),
        ("  siobhan: {a: b}", "must be a text"),
        ("  siobhan: a b c d e f g h i j", "1 to 8 words"),
    ],
)
def test_a_mistake_in_pronunciations_is_one_line(tmp_path: Path, line: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, LAMPS.split("pronunciations:")[0] + f"pronunciations:\n{line}\n")
    assert f"{tmp_path / 'templates.yaml'}:10: " in str(caught.value) and what in str(caught.value)


def test_a_sentence_that_begins_with_open_text_is_not_guided(tmp_path: Path) -> None:
    sentences = '- sentences: ["[set a] {name} timer", "stop the {name} timer"]'
    text = f"language: en\nintents:\n  timer:\n    data:\n      {sentences}\nlists:\n  name: {{wildcard: true}}\n"
    grammar, automaton, understanding = load(tmp_path, text)
    assert understanding.understand("pasta timer").intent == "timer"
    assert said(grammar, automaton, "pasta timer") is None
    assert said(grammar, automaton, "set a pasta timer") == "set a pasta timer"
    assert said(grammar, automaton, "stop the egg timer") == "stop the egg timer"
