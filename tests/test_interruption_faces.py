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

    def synthesize(self, text: str) -> Any:
        self.said.append(text)
        yield np.ones(100, np.int16)

    def close(self) -> None:
        """Nothing."""


def turn(heard: str, reply: Reply, *, interrupts: bool, spoken: str = "") -> tuple[Engines, Any, list[Pcm16]]:
    engines = Engines(heard, reply)
    played: list[Pcm16] = []
    stations = Stations(engines, engines, engines, engines)
    taker = TurnTaker(stations, FastPlayer(22_050, 2048, played.append), TurnSettings(is_live=False))
    taker.spoken = spoken
    event = TurnEvent(Kind.ENDPOINT, 16_000, 0, 1000, 8000, 1, np.ones(16_000, np.int16))
    return engines, taker.handle(replace(event, interrupts=interrupts)), played


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
