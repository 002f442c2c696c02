"""What does not fit is refused in words: nothing is promised that is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from conversation_lab import Stage

from firmware_py.agenda.agenda import MOST_ENTRIES
from firmware_py.agenda.entries import ALARM, TIMER
from firmware_py.agenda.lists import MOST_ITEMS
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.respond.request import FULL


@pytest.fixture(scope="module")
def understanding() -> HassilUnderstanding:
    return HassilUnderstanding()


@pytest.fixture
def stage(tmp_path: Path, understanding: HassilUnderstanding) -> Stage:
    return Stage(tmp_path, {}, understanding)


def fill(stage: Stage, count: int = MOST_ENTRIES) -> None:
    for number in range(count):
        assert stage.board.agenda.count_down(TIMER, f"n{number}", 7200)


@pytest.mark.parametrize(
    "text",
    [
        "set a timer for five minutes",
        "set an alarm for seven am",
        "wake me in five minutes",
        "remind me in ten minutes to call mom",
        "remind me at nine pm to call mom",
    ],
)
def test_one_too_many_is_refused(stage: Stage, text: str) -> None:
    stage.board.agenda.count_down(TIMER, "pasta", 7200)
    fill(stage, MOST_ENTRIES - 1)
    assert stage.say(text)[1] == FULL and stage.actuator.done == []
    assert stage.say("cancel the pasta timer")[1] == "Cancelled the pasta timer."
    assert stage.say(text)[1] != FULL and stage.board.agenda.room() == 0


def test_another_value_for_the_last_one_that_fits_takes_its_place(stage: Stage) -> None:
    fill(stage, MOST_ENTRIES - 1)
    stage.say("set an alarm for seven am")
    assert stage.say("make it eight am")[1] == "Alarm set for 8:00 AM tomorrow."
    assert [e.when.minute for e in stage.board.agenda.entries(ALARM)] == [480]  # type: ignore[union-attr]


def test_what_was_missed_is_out_of_the_way_before_the_next_is_set(stage: Stage) -> None:
    fill(stage)
    stage.board.pass_s(2 * 7200)
    stage.board.agenda.settle()
    stage.board.agenda.give_up()
    reply = stage.say("set a timer for five minutes")[1]
    assert reply.startswith("5 minutes, starting now. By the way, you missed") and reply.endswith("and 97 more.")
    assert stage.actuator.done == ["forget", "count_down"] and len(stage.board.agenda.entries(phase=None)) == 1


def test_a_list_that_is_full_says_so(stage: Stage) -> None:
    stage.board.lists.add("shopping", [f"thing {n}" for n in range(MOST_ITEMS - 1)])
    refused = f"The shopping list has {MOST_ITEMS - 1} things on it, and I keep {MOST_ITEMS} at most."
    assert stage.say("add milk and eggs to the shopping list")[1] == refused and stage.actuator.done == []
    assert stage.say("add milk to the shopping list")[1] == "Added milk to the shopping list."
    assert stage.say("add milk to the shopping list")[1] == "Milk is on the shopping list already."
