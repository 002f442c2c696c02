"""What "it" is called after the command before."""

from __future__ import annotations

import pytest

from firmware_py.events import Understood
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.respond.pronouns import with_name


@pytest.fixture(scope="module")
def understanding() -> HassilUnderstanding:
    return HassilUnderstanding()


@pytest.mark.parametrize(
    ("before", "said", "intent", "slots"),
    [
        ("set a pasta timer for nine minutes", "pause it", "timer_pause", {"name": "pasta"}),
        ("set a timer for ten minutes", "how long is left on it", "timer_left", {"minutes": 10}),
        ("add two minutes to the tea timer", "cancel it", "timer_cancel", {"name": "tea"}),
        ("what timers do i have", "cancel the last one", "timer_cancel", {"name": "last"}),
        ("wake me at half past six", "move it to seven", "alarm_move", {"of_hour": 6, "of_minute": 30, "hour": 7}),
        ("set an alarm for noon", "cancel it", "alarm_cancel", {}),
        ("remind me at nine to call bob", "cancel it", "reminder_cancel", {"text": "call bob"}),
        ("add milk to the hardware list", "remove milk", "list_remove", {"items": "milk", "list": "hardware"}),
        ("add milk to the list", "take the milk off", "list_remove", {"items": "the milk", "list": "shopping"}),
    ],
)
def test_it_is_what_was_named(
    understanding: HassilUnderstanding, before: str, said: str, intent: str, slots: dict[str, object]
) -> None:
    found = with_name(understanding.understand(said), understanding.understand(before), understanding.exact)
    assert found is not None and found.intent == intent
    named = {key: value for key, value in found.slots.items() if key not in ("minute", "half") or key in slots}
    assert named == slots


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("set a pasta timer for nine minutes", "what time is it"),
        ("set a pasta timer for nine minutes", "pause the tea timer"),
        ("set a pasta timer for nine minutes", "put it on the list"),
        ("set a pasta timer for nine minutes", "is it raining"),
        ("what time is it", "cancel it"),
        ("add milk to the list", "put the kettle on"),
        ("flip a coin", "turn it over"),
    ],
)
def test_nothing_is_named_where_it_is_something_else(
    understanding: HassilUnderstanding, before: str, said: str
) -> None:
    assert with_name(understanding.understand(said), understanding.understand(before), understanding.exact) is None


def test_a_sentence_that_was_not_understood_names_nothing(understanding: HassilUnderstanding) -> None:
    assert with_name(Understood("cancel it", "cancel", score=1.0), Understood("hm"), understanding.exact) is None
