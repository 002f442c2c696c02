"""From an intent to a reply: nothing is done before it is committed, nothing stale is said."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from firmware_py.events import Action, Reply, Understood
from firmware_py.nlu.context import ContextManager
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.respond import phrases
from firmware_py.respond.cache import ResponseCache
from firmware_py.respond.request import Answer, Request
from firmware_py.respond.responder import Responder
from firmware_py.respond.skills import discover
from firmware_py.respond.world import DryActuator, LocalWorld, Volume

NOON = datetime(2026, 11, 22, 15, 5, tzinfo=timezone(timedelta(hours=1)))


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def responder(**parts: Any) -> Responder:
    parts.setdefault("world", LocalWorld(clock=lambda: NOON, rng=random.Random(7)))
    return Responder(**parts)


def say(parts: Responder, intent: str | None, slots: Mapping[str, Any] | None = None, text: str = "x") -> Reply:
    reply = parts.prepare(Understood(text, intent, slots or {}, 1.0))
    parts.commit(reply)
    return reply


@pytest.mark.parametrize(
    ("at", "time", "date", "day"),
    [
        (NOON, "It's 3:05 PM.", "It's Sunday, November 22nd, 2026.", "It's Sunday."),
        (NOON.replace(hour=0, minute=0), "It's 12:00 AM.", "It's Sunday, November 22nd, 2026.", "It's Sunday."),
        (NOON.replace(hour=12, minute=30), "It's 12:30 PM.", "It's Sunday, November 22nd, 2026.", "It's Sunday."),
        (NOON.replace(month=1, day=1), "It's 3:05 PM.", "It's Thursday, January 1st, 2026.", "It's Thursday."),
        (NOON.replace(day=13), "It's 3:05 PM.", "It's Friday, November 13th, 2026.", "It's Friday."),
        (NOON.replace(day=3), "It's 3:05 PM.", "It's Tuesday, November 3rd, 2026.", "It's Tuesday."),
    ],
)
def test_the_clock(at: datetime, time: str, date: str, day: str) -> None:
    parts = responder(world=LocalWorld(clock=lambda: at))
    assert [say(parts, i).text for i in ("time", "date", "day_of_week")] == [time, date, day]


def test_what_depends_on_the_time_is_never_cached() -> None:
    clock, cache = Clock(), ResponseCache()
    parts = responder(world=LocalWorld(clock=clock), cache=cache)
    changing = ("time", "date", "day_of_week", "board_status", "coin", "dice", "volume_up", "repeat")
    for intent in changing:
        assert not say(parts, intent).is_cached
    clock.now += timedelta(days=1, minutes=1)
    assert say(parts, "time").text == "It's 3:06 PM." and say(parts, "day_of_week").text == "It's Monday."
    assert not any(say(parts, intent).is_cached for intent in changing)
    assert cache.counts.size == 0 and cache.counts.hits == 0


def test_what_never_changes_is_cached_by_its_slots() -> None:
    cache = ResponseCache()
    parts = responder(cache=cache)
    first = say(parts, "calculate", {"expression": "2 + 2"})
    again = say(parts, "calculate", {"expression": "2 + 2"})
    other = say(parts, "calculate", {"expression": "2 + 3"})
    assert (first.is_cached, again.is_cached, other.is_cached) == (False, True, False)
    assert first.text == again.text == "2 plus 2 is 4." and other.text == "2 plus 3 is 5."
    assert say(parts, "help").text == say(parts, "help").text
    assert cache.counts.hits == 2


def test_values_that_python_takes_for_equal_are_told_apart() -> None:
    parts = responder(cache=ResponseCache())
    texts = [say(parts, "own", {"x": x}).text for x in (1, 1.0, True, [1], [True])]
    assert texts == ["Own: 1.", "Own: 1.", "Own: yes.", "Own: 1.", "Own: yes."]


def test_slots_that_cannot_be_compared_are_answered_uncached() -> None:
    parts = responder(cache=ResponseCache())
    assert not say(parts, "own", {"x": {"a": 1}}).is_cached and not say(parts, "own", {"x": {"a": 1}}).is_cached


def test_preparing_does_nothing_and_committing_does_it_once() -> None:
    actuator, history = DryActuator(), ContextManager()
    parts = responder(actuator=actuator, history=history)
    reply = parts.prepare(Understood("mute", "volume_mute", {}, 1.0), draft=True)
    parts.prepare(Understood("louder", "volume_up", {}, 1.0), draft=True)
    assert actuator.performed == [] and history.turns() == []
    parts.commit(reply)
    assert actuator.performed == [Action("mute", {"on": True})]
    assert [(t.understood.text, t.reply) for t in history.turns()] == [("mute", "Muted.")]


@pytest.mark.parametrize(
    ("intent", "slots", "volume", "said", "actions"),
    [
        ("volume_up", {}, Volume(40), "Volume 50 percent.", [Action("volume_change", {"by": 10})]),
        ("volume_up", {}, Volume(95), "Volume 100 percent.", [Action("volume_change", {"by": 10})]),
        ("volume_up", {}, Volume(100), "The volume is already at 100 percent.", []),
        ("volume_down", {}, Volume(40), "Volume 30 percent.", [Action("volume_change", {"by": -10})]),
        ("volume_down", {}, Volume(0), "The volume is already at 0 percent.", []),
        ("volume_up", {}, None, "Turning it up.", [Action("volume_change", {"by": 10})]),
        ("volume_down", {}, None, "Turning it down.", [Action("volume_change", {"by": -10})]),
        ("volume_set", {"percent": 25}, None, "Volume 25 percent.", [Action("volume_set", {"percent": 25})]),
        ("volume_unmute", {}, None, "Sound is on.", [Action("mute", {"on": False})]),
        ("cancel", {}, None, "Okay.", [Action("stop_speaking")]),
    ],
)
def test_actions(intent: str, slots: dict[str, int], volume: Volume | None, said: str, actions: list[Action]) -> None:
    parts = responder(world=LocalWorld(read_volume=lambda: volume))
    reply = parts.prepare(Understood("x", intent, slots, 1.0))
    assert (reply.text, list(reply.actions), reply.intent) == (said, actions, intent)


def test_repeat_says_the_last_reply_of_this_conversation() -> None:
    now = [0.0]
    parts = responder(history=ContextManager(context_timeout_s=60, clock=lambda: now[0]))
    assert say(parts, "repeat").text == "I haven't said anything yet."
    parts = responder(history=ContextManager(context_timeout_s=60, clock=lambda: now[0]))
    said = say(parts, "time").text
    assert say(parts, "repeat").text == said and say(parts, "repeat").text == said
    now[0] = 60.0
    assert say(parts, "repeat").text == "I haven't said anything yet."


def test_repeat_works_without_a_history() -> None:
    parts = responder()
    said = say(parts, "date").text
    assert say(parts, "repeat").text == said


def test_dice_and_coins_are_fair_and_within_bounds() -> None:
    parts = responder()
    assert {say(parts, "coin").text for _ in range(50)} == {"Heads.", "Tails."}
    assert {say(parts, "dice").text for _ in range(100)} == {f"{n}." for n in range(1, 7)}
    assert {say(parts, "dice", {"sides": 2}).text for _ in range(50)} == {"1.", "2."}
    two = say(parts, "dice", {"count": 2}).text
    first, second, total = (int(w.strip(",.")) for w in two.split() if w.strip(",.").isdigit())
    assert first + second == total
    assert 100 <= int(say(parts, "dice", {"count": 100}).text.split()[0]) <= 600


def test_the_default_chance_is_the_systems() -> None:
    assert isinstance(LocalWorld().rng, random.SystemRandom)


def test_unknown_speech_gets_a_short_honest_reply_and_silence_none() -> None:
    parts = responder()
    assert say(parts, None, text="blah blah").text == phrases.UNKNOWN
    assert say(parts, None, text=" ").text == ""


def test_an_intent_without_a_skill_uses_its_response_or_reads_its_slots_back() -> None:
    parts = responder()
    slots = {"size": "twelve ounce", "coffeeDrink": "iced mocha", "shots": 2.0, "to_go": True}
    assert say(parts, "orderDrink", slots).text == "Order drink: twelve ounce, iced mocha, 2, yes."
    assert say(parts, "turn_on").text == "Turn on."
    reply = parts.prepare(Understood("x", "order", slots, 1.0, response="One { size }  {coffeeDrink} {milk}."))
    assert reply.text == "One twelve ounce iced mocha."


def test_a_response_of_the_users_wins_over_a_skill() -> None:
    reply = responder().prepare(Understood("x", "time", {}, 1.0, response="Time to go."))
    assert reply.text == "Time to go."


def test_a_skill_or_an_action_that_fails_is_said_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request) -> Answer:
        raise RuntimeError(request.text)

    parts = responder(skills={"x": broken})
    assert say(parts, "x").text == phrases.FAILED and "failed" in caplog.text

    class Stuck(DryActuator):
        def perform(self, action: Action) -> None:
            super().perform(action)
            raise OSError("no mixer")

    actuator = Stuck()
    parts = responder(actuator=actuator)
    parts.commit(Reply("Done.", actions=(Action("a"), Action("b"))))
    assert [a.name for a in actuator.performed] == ["a", "b"]


def test_every_built_in_intent_has_a_skill() -> None:
    assert set(HassilUnderstanding().intents) <= set(discover().handlers)


def test_help_names_what_the_skills_can() -> None:
    said = say(responder(), "help").text
    assert all(ability in said for ability in discover().abilities) and len(discover().abilities) >= 5


@pytest.mark.parametrize(
    "text", ["What time is it?", "Set the volume to 30%.", "What's 5 divided by zero?", "Flip a coin!"]
)
def test_from_text_to_reply(text: str) -> None:
    reply = responder().prepare(HassilUnderstanding().understand(text))
    assert reply.text and reply.text != phrases.UNKNOWN


@pytest.mark.parametrize(
    ("heard_score", "margin", "is_thin"),
    [(None, None, False), (0.99, 12.0, False), (0.99, 0.4, True), (0.6, 12.0, True)],
)
def test_a_skill_can_ask_back_when_recognition_was_thin(
    heard_score: float | None, margin: float | None, is_thin: bool
) -> None:
    def timer(request: Request) -> Answer:
        minutes = request.slots["minutes"]
        return Answer(f"Did you say {minutes}?" if request.is_thin else f"{minutes} minutes.")

    parts = responder(skills={"timer": timer})
    meant = Understood("x", "timer", {"minutes": 15}, 1.0, heard_score=heard_score, margin=margin)
    assert parts.prepare(meant).text == ("Did you say 15?" if is_thin else "15 minutes.")


@pytest.mark.parametrize(
    ("intent", "slots", "question", "action"),
    [
        ("timer_start", {"minutes": 15}, "Did you say 15 minutes?", "count_down"),
        ("volume_set", {"percent": 50}, "Did you say 50 percent?", "volume_set"),
    ],
)
def test_a_number_that_was_hardly_heard_is_asked_about_first(
    intent: str, slots: dict[str, Any], question: str, action: str
) -> None:
    for yes, done in (("yes", [action]), ("no", [])):
        actuator = DryActuator()
        parts = responder(history=ContextManager(), actuator=actuator)
        asked = parts.prepare(Understood("x", intent, slots, 1.0, heard_score=0.99, margin=0.4))
        assert asked.text == question and asked.asks and not asked.actions
        parts.commit(asked)
        parts.commit(parts.prepare(Understood(yes, None, {}, 0.0)))
        assert [a.name for a in actuator.performed] == done
    sure = parts.prepare(Understood("x", intent, slots, 1.0, heard_score=0.99, margin=0.9))
    assert [a.name for a in sure.actions] == [action] and not sure.asks
