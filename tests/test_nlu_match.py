"""Matching to the letter: against hassil itself, and what only we do."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml
from hassil.intents import Intents
from hassil.recognize import recognize
from hassil.sample import sample_intents

from firmware_py.nlu.hassil import HassilUnderstanding

HOUSE = """
language: en
intents:
  switch:
    data:
      - sentences:
          - "<turn> {state} [the] {device} [light[s]] [in <the_area>]"
          - "<turn> [the] {device} {state}"
          - "(bed|bath)room light[s] {state}"
  brightness:
    data:
      - sentences:
          - "(set|dim) [the] {device} [brightness] to {brightness}[%| percent]"
        slots: {kind: light}
  order:
    data:
      - sentences:
          - "give me [a|an] ([{size}];[{color}]) {thing}"
  climate:
    data:
      - sentences:
          - "set [the] (heat|heating) to {degrees} degrees"
lists:
  state:
    values: [on, off]
  device:
    values:
      - in: "(lamp|reading lamp)"
        out: lamp
      - in: "[ceiling ]fan[s]"
        out: fan
      - heater
  area:
    values: [kitchen, living room, {in: "hall[way]", out: hall}]
  size:
    values: [small, large]
  color:
    values: [red, dark green]
  thing:
    values: [cup, plate]
  brightness:
    range: {from: 0, to: 100, step: 10}
  degrees:
    range: {from: 15, to: 18, fractions: halves}
expansion_rules:
  turn: "(turn|switch)"
  the_area: "[the] {area}"
"""


def house(tmp_path: Path, text: str = HOUSE) -> HassilUnderstanding:
    file = tmp_path / "house.yaml"
    file.write_text(text)
    return HassilUnderstanding([file], builtin=False)


def test_every_sentence_that_hassil_samples_is_understood_as_hassil_does(tmp_path: Path) -> None:
    ours, theirs = house(tmp_path), Intents.from_dict(yaml.safe_load(HOUSE.replace("[on, off]", '["on", "off"]')))
    sampled = list(itertools.islice(sample_intents(theirs, language="en"), 4000))
    assert len(sampled) > 1000
    for intent, sentence in sampled[::3]:
        expected = recognize(sentence, theirs)
        understood = ours.understand(sentence)
        assert expected is not None and understood.intent == expected.intent.name == intent, sentence
        slots = {name: entity.value for name, entity in expected.entities.items()}
        assert dict(understood.slots) == slots, sentence
        assert understood.score == 1.0


@pytest.mark.parametrize(
    ("sentence", "slots"),
    [
        (
            "Turn on the reading-lamp lights in the living-room.",
            {"state": "on", "device": "lamp", "area": "living room"},
        ),
        ("TURN OFF THE FANS", {"state": "off", "device": "fan"}),
        ("switch off ceiling fan in hallway!", {"state": "off", "device": "fan", "area": "hall"}),
        ("Bathroom lights on", {"state": "on"}),
        ("dim the lamp to 40%", {"device": "lamp", "brightness": 40, "kind": "light"}),
        ("Set lamp brightness to forty percent", {"device": "lamp", "brightness": 40, "kind": "light"}),
        ("give me a dark green, large plate", {"size": "large", "color": "dark green", "thing": "plate"}),
        ("give me a large dark-green plate", {"size": "large", "color": "dark green", "thing": "plate"}),
        ("set the heating to 16.5 degrees", {"degrees": 16.5}),
        ("set the heat to sixteen and a half degrees", {"degrees": 16.5}),
    ],
)
def test_spellings_fold_and_slots_hold_the_templates_values(
    tmp_path: Path, sentence: str, slots: dict[str, object]
) -> None:
    understood = house(tmp_path).understand(sentence)
    assert dict(understood.slots) == slots and understood.score == 1.0


@pytest.mark.parametrize("sentence", ["dim the lamp to 45%", "set the heating to 19 degrees"])
def test_numbers_out_of_range_or_between_steps_do_not_match(tmp_path: Path, sentence: str) -> None:
    assert house(tmp_path).understand(sentence).score < 1.0


def test_a_range_inside_the_sentence(tmp_path: Path) -> None:
    ours = house(tmp_path, 'intents: {level: {data: [{sentences: ["level {0..10,5:level}"]}]}}')
    assert [ours.understand(f"level {n}").slots.get("level") for n in (0, "five", 10, 15, 3)] == [0, 5, 10, None, None]


def test_wildcards_take_the_words_as_they_were_said(tmp_path: Path) -> None:
    text = """
language: en
intents:
  add: {data: [{sentences: ["(add|put) {item} (to|on) [my|the] {name} list"]}]}
  note: {data: [{sentences: ["note {text}"]}]}
  both: {data: [{sentences: ["note [that] milk is out"]}]}
lists:
  item: {wildcard: true}
  text: {wildcard: true}
  name: {values: [shopping, to do]}
"""
    ours = house(tmp_path, text)
    understood = ours.understand("Add 2 lemons, salt to taste to my Shopping list, please.")
    assert dict(understood.slots) == {"item": "2 lemons, salt to taste", "name": "shopping"}
    assert ours.understand("put Mary's iced-tea on the to-do list").slots["item"] == "Mary's iced-tea"
    assert ours.understand("note milk is out").intent == "both"  # words beat wildcards
    assert dict(ours.understand("Note: the wine is out!").slots) == {"text": "the wine is out"}
    assert ours.understand("note").intent is None


def test_a_context_that_a_block_requires_chooses_among_values(tmp_path: Path) -> None:
    text = """
language: en
intents:
  light:
    data: [{sentences: ["turn on {name}"], requires_context: {domain: light}, metadata: {kind: l}, slots: {area: x}}]
  switch:
    data: [{sentences: ["turn on {name}"], excludes_context: {domain: light}, response: done}]
responses: {intents: {switch: {done: "{name} is on.", default: "?"}}}
lists:
  name:
    values:
      - {in: lamp, out: light.lamp, context: {domain: light}}
      - {in: pump, out: switch.pump, context: {domain: switch}}
"""
    ours = house(tmp_path, text)
    light, switch = ours.understand("turn on lamp"), ours.understand("turn on pump")
    assert (light.intent, dict(light.slots)) == ("light", {"area": "x", "name": "light.lamp"})
    assert dict(light.metadata) == {"kind": "l"} and light.response is None
    assert (switch.intent, switch.response) == ("switch", "{name} is on.")


def test_own_intents_come_before_the_built_in_ones_and_extend_them(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text('intents: {wall: {data: [{sentences: ["what time is it"]}]}, time: {data: [{sentences: [tick]}]}}')
    ours = HassilUnderstanding([file])
    assert ours.understand("What time is it?").intent == "wall"
    assert ours.understand("tick").intent == ours.understand("tell me the time").intent == "time"


def test_files_share_lists_and_a_folder_is_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lists: {room: {values: [kitchen]}}")
    (tmp_path / "b.yml").write_text('intents: {go: {data: [{sentences: ["go to the {room}"]}]}}')
    (tmp_path / "c.yaml").write_text("lists: {room: {values: [attic]}}")
    (tmp_path / "notes.txt").write_text("not a template: [")
    ours = HassilUnderstanding([tmp_path], builtin=False)
    assert [ours.understand(f"go to the {r}").slots["room"] for r in ("kitchen", "attic")] == ["kitchen", "attic"]


def test_another_language_has_its_own_numbers_and_spelling(tmp_path: Path) -> None:
    file = tmp_path / "de.yaml"
    file.write_text(
        "language: de\n"
        "intents: {licht: {data: [{sentences: ['(stell|stelle) das licht auf {prozent} prozent']}],},"
        " ton: {data: [{sentences: ['mach die musik (lauter|leiser)']}]}}\n"
        "lists: {prozent: {range: {from: 0, to: 100}}}\n"
    )
    ours = HassilUnderstanding([file])
    assert ours.languages == ("de", "en")
    assert dict(ours.understand("Stell das Licht auf fünfundzwanzig Prozent.").slots) == {"prozent": 25}
    assert dict(ours.understand("Stelle das Licht auf 25 Prozent, bitte!").slots) == {"prozent": 25}
    assert ours.understand("Mach die Musik leisser").intent == "ton"  # repaired by its letters
    assert ours.understand("What time is it?").intent == "time"


def test_skip_words_may_stand_anywhere(tmp_path: Path) -> None:
    ours = house(tmp_path, HOUSE + "skip_words: [kindly, the big]\n")
    assert dict(ours.understand("turn kindly off the big fan").slots) == {"state": "off", "device": "fan"}


def test_required_keywords_keep_a_block_out(tmp_path: Path) -> None:
    text = 'intents: {x: {data: [{sentences: ["play {what}"], required_keywords: [jazz, blues]}]}}\n'
    ours = house(tmp_path, text + "lists: {what: {wildcard: true}}\n")
    assert ours.understand("play some jazz").intent == "x"
    assert ours.understand("play some rock").intent is None


def test_a_name_takes_no_number_unit_or_order(tmp_path: Path) -> None:
    text = 'intents: {n: {data: [{sentences: ["start {what} for {m} minutes", "start {what}"]}]}}\n'
    lists = "lists: {m: {range: {from: 1, to: 60}}, what: {wildcard: true, most_words: 3, name: true}}\n"
    ours = house(tmp_path, text + lists)
    assert ours.exact("start soft boiled eggs for ten minutes").slots == {"what": "soft boiled eggs", "m": 10}
    for heard in ("the eggs", "eggs ten", "ten minutes", "eggs cancel", "ok eggs", "twenty for ten minutes"):
        assert ours.exact(f"start {heard}").intent is None, heard


def test_a_fraction_is_read_whole(tmp_path: Path) -> None:
    text = 'intents: {n: {data: [{sentences: ["pour {cups} cups"]}]}}\n'
    ours = house(tmp_path, text + "lists: {cups: {wildcard: true, reads: fraction}}\n")
    said = {"one and a half": 1.5, "2.5": 2.5, "two and three quarters": 2.75, "2 1/2": 2.5, "point five": 0.5}
    assert {heard: ours.exact(f"pour {heard} cups").slots.get("cups") for heard in said} == said
    assert all(ours.exact(f"pour {heard} cups").intent is None for heard in ("two", "minus one point five", "a half"))


def test_reads_narrows_a_wildcard(tmp_path: Path) -> None:
    text = 'intents: {n: {data: [{sentences: ["I am {age}"]}]}}\nlists: {age: {wildcard: true, reads: number}}\n'
    ours = house(tmp_path, text)
    assert dict(ours.understand("I'm forty-two").slots) == {"age": 42}
    assert ours.understand("I'm tired").intent is None


def test_of_two_ways_on_by_one_word_open_text_is_tried_last(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        'language: en\nintents: {go: {data: [{sentences: ["move it [to {text}] [to {where}]"]}]}}\n'
        "lists: {text: {wildcard: true}, where: {values: [paris, rome]}}\n"
    )
    own = HassilUnderstanding([file], builtin=False)
    assert own.understand("move it to paris").slots == {"where": "paris"}
    assert own.understand("move it to the others to rome").slots == {"text": "the others", "where": "rome"}
