"""How a sentence ends: whole, extendable, broken off, or not known."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.events import Ending, Transcript
from firmware_py.nlu.completeness import BREAKS_OFF, TemplateCompleteness
from firmware_py.nlu.hassil import HassilUnderstanding

LIGHTS = """
language: en
intents:
  light:
    data:
      - sentences: ["turn (on|off) the light [in the {room}]", "lights {state:on_or_off}"]
  timer:
    data:
      - sentences: ["(set|start) a timer [for {minutes} minutes]"]
  time:
    data:
      - sentences: ["what time is it [now]", "tell me the time"]
  volume:
    data:
      - sentences: ["set the volume to {percent} [percent]", "turn the volume up [by {percent}]"]
  sum:
    data:
      - sentences: ["what is {expression}"]
  stop:
    data:
      - sentences: ["stop"]
  note:
    data:
      - sentences: ["remind me to {task}", "add {task} to my list"]
lists:
  room: {values: [kitchen, living room, guest bath room]}
  state: {values: ["on", "off"]}
  minutes: {range: {from: 1, to: 99}}
  percent: {range: {from: 0, to: 100}}
  expression: {wildcard: true, reads: arithmetic}
  task: {wildcard: true}
"""


@pytest.fixture(scope="module")
def understanding(tmp_path_factory: pytest.TempPathFactory) -> HassilUnderstanding:
    file = tmp_path_factory.mktemp("templates") / "lights.yaml"
    file.write_text(LIGHTS)
    return HassilUnderstanding([file], builtin=False)


def ending(understanding: HassilUnderstanding, text: str, **heard: object) -> Ending:
    return TemplateCompleteness(understanding).judge(Transcript(text, 0.9, **heard), understanding.understand(text))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "What time is it?",
        "What time is it, please?",
        "Could you tell me the time?",
        "Set the volume to forty percent.",
        "What is twelve times seven?",
        "Turn on the light in the kitchen.",
        "Turn on the light in the living room.",
        "Turn on the light, please.",
        "Set a timer for five minutes.",
        "stop",
    ],
)
def test_a_whole_request_to_which_nothing_can_be_added(understanding: HassilUnderstanding, text: str) -> None:
    assert ending(understanding, text) is Ending.COMPLETE


@pytest.mark.parametrize(
    "text",
    [
        "Turn on the light.",
        "Set a timer.",
        "Set the volume to forty.",
        "What is twelve times twenty?",
        "Remind me to buy milk.",
        "Turn the volume up.",
    ],
)
def test_a_request_that_could_go_on_and_mean_something_else(understanding: HassilUnderstanding, text: str) -> None:
    assert ending(understanding, text) is Ending.EXTENDABLE


@pytest.mark.parametrize(
    "text",
    [
        "Set a timer for",
        "Set a timer for twenty",
        "Set a",
        "Turn on the light in the",
        "Turn on the light in the guest bath",
        "Turn",
        "What is twelve times",
        "Could you please set the volume to",
        "Add milk",
        "The grey cat is sleeping on the",
        "I wanted to say that and",
        "The grey cat...",
        "Turn on the light in the gust",
        "lights",
        "",
    ],
)
def test_a_sentence_that_breaks_off(understanding: HassilUnderstanding, text: str) -> None:
    assert ending(understanding, text) is Ending.INCOMPLETE


@pytest.mark.parametrize("text", ["?!", "The grey cat is sleeping.", "Milk", "What tame is it?"])
def test_anything_else_is_not_known(understanding: HassilUnderstanding, text: str) -> None:
    assert ending(understanding, text) is Ending.UNKNOWN


def test_a_guided_sentence_that_is_hardly_believed_ends_nothing_early(understanding: HassilUnderstanding) -> None:
    assert ending(understanding, "what time is it", is_guided=True, score=0.99, margin=12.0) is Ending.COMPLETE
    assert ending(understanding, "what time is it", is_guided=True, score=0.51, margin=12.0) is Ending.UNKNOWN
    assert ending(understanding, "what time is it", is_guided=True, score=0.99, margin=0.5) is Ending.UNKNOWN


def test_german_breaks_off_behind_german_words(tmp_path: Path) -> None:
    file = tmp_path / "licht.yaml"
    file.write_text(
        "language: de\nintents:\n  licht:\n    data:\n      - sentences: ['licht (an|aus) [in der küche]']\n"
    )
    german = HassilUnderstanding([file], language="de")
    assert ending(german, "Mach das Fenster auf und") is Ending.INCOMPLETE
    assert ending(german, "Licht an in der") is Ending.INCOMPLETE
    assert ending(german, "Licht an in der Küche") is Ending.COMPLETE


@settings(deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(sorted(BREAKS_OFF["en"] | {"light", "timer", "five"}))).map(" ".join)
)
def test_any_text_is_judged(text: str) -> None:
    assert isinstance(ending(BUILT_IN, text), Ending)


BUILT_IN = HassilUnderstanding()


@settings(deadline=None)
@given(
    st.integers(0, 6), st.sampled_from(["turn on the light in the living room", "set a timer for twenty five minutes"])
)
def test_no_beginning_of_a_sentence_is_complete(understanding: HassilUnderstanding, count: int, sentence: str) -> None:
    words = sentence.split()
    begun = " ".join(words[: min(count, len(words) - 1)])
    assert ending(understanding, begun) in (Ending.INCOMPLETE, Ending.EXTENDABLE, Ending.UNKNOWN)


@pytest.fixture(scope="module")
def built_in() -> HassilUnderstanding:
    return HassilUnderstanding()


@pytest.mark.parametrize("text", ["Remind me", "Wake me up", "Set the volume", "Add to the list", "Move the alarm"])
def test_more_is_waited_for_behind_a_sentence_that_is_hardly_ever_all(built_in: HassilUnderstanding, text: str) -> None:
    assert built_in.understand(text).score == 1.0
    assert ending(built_in, text) is Ending.INCOMPLETE


@pytest.mark.parametrize("text", ["How many ounces in two pounds?", "How many centimeters in five feet ten inches?"])
def test_a_second_unit_is_not_waited_for(built_in: HassilUnderstanding, text: str) -> None:
    assert ending(built_in, text) is Ending.COMPLETE
