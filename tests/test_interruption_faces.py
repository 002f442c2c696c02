"""What is said of interruption: the status, doctor, and what a turn makes of an utterance over an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from firmware_py import config
from firmware_py.audio.play import FastPlayer
from firmware_py.cli import status
from firmware_py.config import Effective
from firmware_py.doctor import Case, Finding
from firmware_py.doctor.checks_echo import interruption
from firmware_py.draft import Stations
from firmware_py.events import Action, Kind, Pcm16, Reply, Transcript, TurnEvent, Understood
from firmware_py.turn import TurnSettings, TurnTaker

TOO_LOUD: dict[str, Any] = {
    "by": "nothing",
    "wanted": "any_speech",
    "why": "the loudspeaker, or the room, is too loud in the microphone: -38 dB are left of it (limit -45), "
    "6 dB are taken out",
    "count": 2,
    "echo": {"erle_db": 6.0},
}


def test_the_status_says_what_interrupts_and_why_it_is_not_what_is_wanted() -> None:
    [line] = status._interruption(TOO_LOUD)
    assert line.startswith("interrupted by nothing instead of any speech: the loudspeaker, or the room, is too loud")
    [line] = status._interruption({**TOO_LOUD, "by": "any_speech", "why": "", "echo": {"erle_db": 31.5}})
    assert line == "interrupted by any speech, 2 times; 31.5 dB of its own voice taken out"
    assert list(status._interruption({"by": "nothing", "count": 0})) == []


def asked(text: str, told: dict[str, Any]) -> Finding:
    return interruption(Case(Effective(config.from_text(text)), read_service=lambda: {"interruption": told}))


@pytest.mark.parametrize(
    ("text", "told", "outcome", "said"),
    [
        ("", {}, "ok", "any speech ends an answer"),
        ("", TOO_LOUD, "warn", "nothing interrupts instead of any_speech"),
        ("wake: {enabled: true}", {}, "ok", "wake_word ends an answer"),
        (
            "interruption: {by: wake_word}",
            {"by": "nothing", "wanted": "wake_word", "why": ""},
            "warn",
            "nothing ends an",
        ),
        ("interruption: {by: nothing}", {}, "ok", "nothing ends an answer"),
        ("audio: {echo_cancellation: none}", {}, "warn", "echo_cancellation is none"),
    ],
)
def test_doctor_looks_at_the_configuration_and_the_service(
    text: str, told: dict[str, Any], outcome: str, said: str
) -> None:
    found = asked(text, told)
    assert (found.status, said in found.message) == (outcome, True), found.message


class Engines:
    """Hears and answers what it is told to."""

    rate_hz = 22_050

    def __init__(self, heard: str, reply: Reply) -> None:
        self.heard, self.reply = heard, reply
        self.committed: list[Reply] = []
        self.said: list[str] = []

    def transcribe(self, audio: Pcm16, *, is_cancelled: Any = None) -> Transcript:
        return Transcript(self.heard, 0.9)

    def understand(self, text: str) -> Understood:
        return Understood(text, "x", score=1.0)

    def prepare(self, understood: Understood) -> Reply:
        return self.reply

    def commit(self, reply: Reply) -> None:
        self.committed.append(reply)

    def close_question(self) -> None:
        """None is asked."""

    def synthesize(self, text: str) -> Any:
        self.said.append(text)
        yield np.ones(100, np.int16)

    def close(self) -> None:
        """Nothing."""


def turn(
    heard: str, reply: Reply, *, interrupts: bool, spoken: str = "", wake: str = ""
) -> tuple[Engines, Any, list[Pcm16]]:
    engines = Engines(heard, reply)
    played: list[Pcm16] = []
    stations = Stations(engines, engines, engines, engines)
    taker = TurnTaker(stations, FastPlayer(22_050, 2048, played.append), TurnSettings(is_live=False))
    taker.spoken = spoken
    event = TurnEvent(Kind.ENDPOINT, 16_000, 0, 1000, 8000, 1, np.ones(16_000, np.int16))
    return engines, taker.handle(replace(event, interrupts=interrupts, wake=wake)), played


STOP = Reply("Okay.", "cancel", (Action("stop_speaking"),))


@pytest.mark.parametrize("interrupts", [True, False])
def test_stop_over_an_answer_just_stops(interrupts: bool) -> None:
    engines, trace, played = turn("stop", STOP, interrupts=interrupts)
    assert engines.committed == [STOP]
    assert (trace.reply, bool(played)) == (("", False) if interrupts else ("Okay.", True))


@pytest.mark.parametrize(
    ("heard", "interrupts", "is_answered"),
    [
        ("set timers, alarms and reminders", True, False),
        ("Set timers, alarms, and REMINDERS.", True, False),
        ("set timers", True, True),
        ("set timers, alarms and lists", True, True),
        ("set timers, alarms and reminders", False, True),
    ],
)
def test_an_answers_own_words_over_it_are_not_answered(heard: str, interrupts: bool, is_answered: bool) -> None:
    spoken = "I can set timers, alarms and reminders, and keep lists."
    engines, trace, played = turn(heard, Reply("Yes."), interrupts=interrupts, spoken=spoken)
    assert (bool(engines.committed), bool(played)) == (is_answered, is_answered)
    assert ("echo" in trace.guards) is not is_answered


class Written:
    """A reply that is written while it is spoken."""

    def __init__(self, sentences: list[str]) -> None:
        self.said, self._left = "", list(sentences)

    def __iter__(self) -> Written:
        return self

    def __next__(self) -> str:
        if not self._left:
            raise StopIteration
        self.said = f"{self.said} {self._left[0]}".strip()
        return self._left.pop(0)

    def cancel(self) -> None:
        self._left.clear()


def test_the_words_of_a_written_reply_are_known_as_its_echo() -> None:
    reply = Reply("", talk=lambda: Written(["Paris is the capital of France.", "It has a tower."]))
    engines = Engines("what is the capital of france", reply)
    taker = TurnTaker(
        Stations(engines, engines, engines, engines),
        FastPlayer(22_050, 2048, lambda pcm: None),
        TurnSettings(is_live=False),
    )
    event = TurnEvent(Kind.ENDPOINT, 16_000, 0, 1000, 8000, 1, np.ones(16_000, np.int16))
    taker.handle(event)
    assert taker.spoken == "Paris is the capital of France. It has a tower."
    engines.heard = "the capital of france"
    trace = taker.handle(replace(event, interrupts=True))
    assert trace is not None and "echo" in trace.guards


def test_who_says_the_wake_word_may_say_an_answers_words() -> None:
    heard, spoken = "set timers, alarms and reminders", "I can set timers, alarms and reminders, and keep lists."
    _, trace, played = turn(heard, Reply("Yes."), interrupts=True, spoken=spoken, wake="hey_jarvis")
    assert played and "echo" not in trace.guards
