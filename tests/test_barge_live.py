"""Speech over an answer that the microphone hears, through the real threads, engines and cancellers, in real time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from echo_lab import Room
from live_room import RoomMicrophone, RoomSpeaker
from status_lab import eventually
from takes import seeded
from wake_lab import person

from firmware_py.app import Appliance, Observers
from firmware_py.config import from_text
from firmware_py.events import Kind, Pcm16, TurnEvent, TurnTrace
from firmware_py.pipeline import VoicePipeline

LONG = (
    "I can tell the time and the date, set timers, alarms and reminders, keep lists, do sums, convert units, turn the "
    "volume up and down, flip a coin and roll dice. Ask me for a joke, or how the board is, or for the way to the sea."
)
LOUD = Room(delay_ms=70, gain_db=-8)
FAR = Room(delay_ms=70, gain_db=-20)
"""The person is 15 dB louder than the echo: a loudspeaker that does not stand beside the microphone."""


@dataclass
class Talk:
    """An appliance in a room, and what came of it."""

    appliance: Appliance
    microphone: RoomMicrophone
    speaker: RoomSpeaker
    turns: list[TurnTrace] = field(default_factory=list)
    events: list[TurnEvent] = field(default_factory=list)
    written_at_end: list[int] = field(default_factory=list)

    def say(self, text: str) -> None:
        """The assistant begins to speak."""
        self.appliance.say(text)
        assert eventually(lambda: self.speaker.accepted > 0, seconds=90.0)

    def is_over(self) -> bool:
        return not self.appliance.player.is_playing and self.appliance.is_quiet()


@pytest.fixture
def talk(weights: Path, request: pytest.FixtureRequest) -> Iterator[Talk]:
    text, room, hears_itself = request.param
    seeded()
    with VoicePipeline(from_text(text)) as pipeline:
        pipeline.initialize_components()
        list(pipeline.tts.synthesize(LONG))  # a busy machine is not what these tests are about
        speaker = RoomSpeaker(pipeline.tts.rate_hz)
        microphone = RoomMicrophone(speaker, room)
        turns: list[TurnTrace] = []
        events: list[TurnEvent] = []
        appliance = Appliance(
            pipeline,
            microphone,
            speaker,
            Observers(on_turn=turns.append, on_event=events.append),
            hears_itself=hears_itself,
        )
        told = Talk(appliance, microphone, speaker, turns, events)

        def end() -> None:
            told.written_at_end.append(speaker.accepted)
            appliance.hush()

        appliance.interruption.end = end
        appliance.start()
        try:
            yield told
        finally:
            appliance.stop()
        assert appliance.failure is None


@pytest.fixture(scope="module")
def question(recordings: Path) -> Pcm16:
    said = person(recordings / "commands" / "what_time_is_it.wav")
    return said


@pytest.mark.parametrize("talk", [("", FAR, True)], indirect=True)
def test_speech_over_an_answer_ends_it_and_is_understood(talk: Talk, question: Pcm16) -> None:
    talk.microphone.speak_over(question, 3.0)
    talk.say(LONG)
    assert eventually(lambda: talk.appliance.interruptions == 1, seconds=90.0)
    assert eventually(lambda: len(talk.turns) == 1 and talk.is_over(), seconds=90.0)
    [turn] = talk.turns
    assert (turn.intent, turn.interrupts) == ("time", True), turn.transcript
    assert talk.events[0].kind is Kind.SPEECH
    assert talk.speaker.flushed > 0
    assert talk.appliance.interruption.report()["by"] == "any_speech"


@pytest.mark.parametrize("talk", [("", FAR, True)], indirect=True)
def test_what_is_written_once_it_is_decided_is_at_most_50_ms(talk: Talk, question: Pcm16) -> None:
    talk.microphone.speak_over(question, 2.0)
    talk.say(LONG)
    assert eventually(lambda: bool(talk.written_at_end), seconds=90.0)
    assert eventually(lambda: not talk.appliance.player.is_playing, seconds=90.0)
    written = talk.speaker.accepted - talk.written_at_end[0]
    assert written <= 2 * talk.speaker.period_samples <= 0.05 * talk.speaker.rate_hz


@pytest.mark.parametrize("talk", [("", LOUD, True), ("audio: {echo_cancellation: none}", LOUD, True)], indirect=True)
def test_it_never_answers_itself(talk: Talk) -> None:
    for _ in range(2):
        talk.speaker.accepted = 0
        talk.say(LONG)
        assert eventually(talk.is_over, seconds=90.0)
        time.sleep(1.0)
    assert talk.events == [] and talk.turns == [] and talk.appliance.interruptions == 0


@pytest.mark.parametrize("talk", [("", LOUD, False)], indirect=True)
def test_the_room_of_these_tests_does_bring_the_answer_back(talk: Talk) -> None:
    """Without cancellation the answer is taken for speech: what the tests above would miss."""
    talk.say(LONG)
    assert eventually(lambda: any(e.kind is Kind.SPEECH for e in talk.events), seconds=90.0)
    assert talk.appliance.interruptions == 0


@pytest.mark.parametrize("talk", [("interruption: {by: nothing}", FAR, True)], indirect=True)
def test_where_nothing_is_to_interrupt_speech_waits_for_the_end(talk: Talk, question: Pcm16) -> None:
    talk.microphone.speak_over(question, 3.0)
    talk.say(LONG)
    assert eventually(lambda: len(talk.turns) == 1 and talk.is_over(), seconds=90.0)
    assert talk.turns[0].intent == "time" and not talk.turns[0].interrupts
    assert talk.appliance.interruptions == 0 and talk.speaker.flushed == 0


@pytest.mark.parametrize("talk", [("", LOUD, True)], indirect=True)
def test_samples_that_either_side_loses_do_not_bring_the_echo_back(talk: Talk) -> None:
    talk.say(LONG)
    for samples in (1024, 4000, 16000):
        time.sleep(2.0)
        talk.microphone.drop(samples)
    assert eventually(talk.is_over, seconds=90.0)
    assert talk.events == [] and talk.appliance.interruptions == 0
    assert talk.appliance.capture.lost == 21024
