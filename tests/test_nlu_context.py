"""The history of a conversation."""

from __future__ import annotations

import pytest

from firmware_py.events import Understood
from firmware_py.nlu.context import ContextManager


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_keeps_the_latest_turns() -> None:
    history = ContextManager(max_history=2)
    for text in ("a", "b", "c"):
        history.remember(Understood(text), f"reply {text}")
    assert [t.understood.text for t in history.turns()] == ["b", "c"]
    assert history.last_reply() == "reply c"
    history.clear()
    assert history.turns() == [] and history.last_reply() == "" and history.last() is None


def test_turns_expire_one_by_one_and_none_comes_back() -> None:
    clock = Clock()
    history = ContextManager(context_timeout_s=60, clock=clock)
    history.remember(Understood("a"), "A")
    clock.now += 40
    history.remember(Understood("b"), "B")
    clock.now += 19.9
    assert len(history.turns()) == 2
    clock.now += 0.1
    assert [t.reply for t in history.turns()] == ["B"]
    clock.now += 40
    assert history.last_reply() == ""
    clock.now -= 90
    assert history.turns() == []


def test_the_latest_turn_of_an_intent_and_the_last_that_said_something() -> None:
    history = ContextManager()
    history.remember(Understood("x", "volume_up", {}), "Louder.")
    history.remember(Understood("y", "cancel", {}), "")
    last = history.last("volume_up")
    assert last is not None and last.reply == "Louder."
    assert history.last_reply() == "Louder." and history.last("time") is None


@pytest.mark.parametrize("size", [0, -1])
def test_no_history_keeps_nothing(size: int) -> None:
    history = ContextManager(max_history=size)
    history.remember(Understood("a"), "A")
    assert history.turns() == []
