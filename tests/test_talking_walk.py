"""Conversations on sound through the real walk: questions back and short answers to them, corrections, several commands
in a sentence, a language model that answers, hangs and is stopped. The voice is the person; nothing of it is random."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from echo_lab import Room
from live_room import RoomMicrophone, RoomSpeaker
from llm_lab import Exchange, Server, hangs, serving
from status_lab import eventually
from takes import VOICE_HZ, seeded, take, take_16k

from firmware_py.app import Appliance, Observers, begin_conversation, replay
from firmware_py.audio.wav import write_wav
from firmware_py.config import Config
from firmware_py.controls import NoLoudspeaker
from firmware_py.draft import EXPECTED, believed
from firmware_py.events import State, Transcript, TurnTrace
from firmware_py.pipeline import VoicePipeline
from firmware_py.respond.talk import BROKE_OFF, NO_ANSWER

GAP_S = 1.5
LAMPS = Path(__file__).resolve().parent.parent / "bench" / "data" / "home.yaml"
CAPITAL = "What is the capital of France?"
Conversation = Callable[..., list[TurnTrace]]


@pytest.fixture(scope="module")
def pipeline(weights: Path) -> Iterator[VoicePipeline]:
    seeded()
    values = {"nlp.intents": (LAMPS,), "tts.cache.enabled": False}
    with VoicePipeline(Config.default().with_values(values)) as made:
        made.initialize_components()
        yield made


@pytest.fixture
def talk(pipeline: VoicePipeline, tmp_path: Path) -> Iterator[Conversation]:
    """Sentences to the turns that they are, in one recording; ``values`` change the configuration."""
    before = pipeline.config

    def converse(*sentences: str, **values: object) -> list[TurnTrace]:
        changed = {key.replace("__", "."): value for key, value in values.items()}
        pipeline.renew(before.with_values(changed), templates=False)
        gap = np.zeros(int(GAP_S * VOICE_HZ), np.int16)
        sounds = [part for text in sentences for part in (take(text), gap)]
        write_wav(tmp_path / "talk.wav", VOICE_HZ, [gap, *sounds])
        begin_conversation(pipeline, NoLoudspeaker(), act=True)
        answers = replay(pipeline, tmp_path / "talk.wav", heeded=lambda word: replace(word, from_ns=0))
        return [a.trace for a in answers if a.trace.transcript or a.trace.reply]

    yield converse
    pipeline.renew(before, templates=False)


def replies(turns: Sequence[TurnTrace]) -> list[str]:
    return [turn.reply for turn in turns]


def test_a_missing_time_is_asked_for_and_a_short_answer_completes_it(talk: Conversation) -> None:
    turns = talk("Set an alarm.", "At eight.")
    assert turns[0].reply.endswith("?") and "8:00" in turns[1].reply, turns


def test_a_risky_command_asks_and_okay_does_it(talk: Conversation) -> None:
    turns = talk("Add milk to the shopping list.", "Clear the shopping list.", "Okay.", "What is on the shopping list?")
    assert turns[1].reply.endswith("?") and EXPECTED in turns[2].guards, turns
    assert "milk" not in turns[3].reply


def test_a_risky_command_is_not_done_without_a_yes(talk: Conversation) -> None:
    turns = talk("Add milk to the shopping list.", "Clear the shopping list.", "No.", "What is on the shopping list?")
    assert "milk" in turns[3].reply, turns


def test_a_short_word_that_nobody_asked_for_stays_nothing(talk: Conversation) -> None:
    turns = talk("What time is it?", "Okay.", "At eight.")
    assert [turn.intent for turn in turns if turn.intent] == ["time"]
    assert not any(EXPECTED in turn.guards for turn in turns)


def test_two_commands_in_one_sentence_are_done_in_order_with_one_reply(talk: Conversation) -> None:
    [both, left] = talk("Turn on the kitchen light and set a timer for five minutes.", "How long is left on my timer?")
    assert "kitchen" in both.reply and both.reply.index("kitchen") < both.reply.index("5 minutes")
    assert "left on the 5 minute timer" in left.reply


def test_a_correction_takes_the_place_of_the_command(talk: Conversation) -> None:
    turns = talk("Set a timer for ten minutes.", "Make it fifteen.", "How many timers are there?")
    assert replies(turns)[:2] == ["10 minutes, starting now.", "15 minutes, starting now."]
    assert turns[2].reply.endswith("left on the 15 minute timer."), turns[2].reply


def test_an_alarm_is_set_and_told(talk: Conversation, pipeline: VoicePipeline) -> None:
    turns = talk("Set an alarm for seven in the morning.", "What alarms are set?")
    [alarm] = pipeline.world.agenda.entries()
    assert (alarm.kind, alarm.when.minute) == ("alarm", 420)
    assert turns[0].reply.startswith("Alarm set for 7:00 AM ")
    assert turns[1].reply.startswith("There is an alarm at 7:00 AM ")


def test_a_reminder_is_set_and_told(talk: Conversation, pipeline: VoicePipeline) -> None:
    turns = talk("Remind me to call the plumber in ten minutes.", "What reminders do I have?")
    [reminder] = pipeline.world.agenda.entries()
    assert (reminder.kind, reminder.name, reminder.when.total_s) == ("reminder", "call the plumber", 600)
    assert turns[0].reply == "I'll remind you in 10 minutes: call the plumber."
    assert turns[1].reply.startswith("Call the plumber, in ")


def test_a_conversion_is_answered(talk: Conversation) -> None:
    [turn] = talk("How many inches are in two feet?")
    assert turn.intent == "convert" and "24" in turn.reply


def test_the_volume_is_set_and_turned_up(talk: Conversation, pipeline: VoicePipeline) -> None:
    turns = talk("Set the volume to thirty percent.", "Turn it up.")
    assert replies(turns) == ["Volume 30 percent.", "Volume 40 percent."]
    assert pipeline.world.volume().percent == 40


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def with_model(server: Server, **limits: float) -> dict[str, object]:
    return {"llm__enabled": True, "llm__url": server.url, **{f"llm__{key}": value for key, value in limits.items()}}


def test_a_model_that_hangs_is_spoken_of_and_commands_go_on(talk: Conversation, server: Server) -> None:
    server.script = hangs(server)
    turns = talk(CAPITAL, "Set a timer for ten minutes.", **with_model(server, first_token_s=0.6, filler_s=0.5))
    assert replies(turns) == [NO_ANSWER, "10 minutes, starting now."]
    assert len(server.requests) == 1 and server.gone.wait(5.0)


def test_a_model_that_breaks_off_is_spoken_of(talk: Conversation, server: Server) -> None:
    server.script = hangs(server, "It is Paris. And the")
    [turn] = talk(CAPITAL, **with_model(server, first_token_s=1.0, total_s=1.5))
    assert turn.reply == f"It is Paris. {BROKE_OFF}"


class Live:
    """An appliance whose loudspeaker stands in the room of its microphone, at the pace of time."""

    def __init__(self, pipeline: VoicePipeline) -> None:
        self.speaker = RoomSpeaker(pipeline.tts.rate_hz)
        self.microphone = RoomMicrophone(self.speaker, Room(delay_ms=70, gain_db=-20))
        self.turns: list[TurnTrace] = []
        self.states: list[State] = []
        observers = Observers(on_turn=self.turns.append, on_state=self.states.append)
        self.appliance = Appliance(pipeline, self.microphone, self.speaker, observers, hears_itself=True)

    def say(self, text: str) -> None:
        self.microphone.speak(take_16k(text))

    def is_over(self) -> bool:
        return not self.appliance.player.is_playing and self.appliance.is_quiet()


def endless(server: Server) -> Callable[[Exchange], None]:
    def script(exchange: Exchange) -> None:
        exchange.start()
        for number in range(200):
            if not exchange.event(content=f"This is sentence number {number} of a long answer. "):
                server.gone.set()
                return
            time.sleep(0.25)

    return script


@pytest.mark.parametrize("how", ["stop", "button"])
def test_an_answer_is_spoken_while_it_is_written_and_ends_when_it_is_stopped(
    pipeline: VoicePipeline, server: Server, how: str
) -> None:
    before = pipeline.config
    server.script = endless(server)
    values = {key.replace("__", "."): value for key, value in with_model(server, filler_s=20, first_token_s=20).items()}
    pipeline.renew(before.with_values(values), templates=False)
    live = Live(pipeline)
    live.appliance.start()
    try:
        live.say(CAPITAL)
        assert eventually(lambda: live.speaker.accepted > 3 * live.speaker.rate_hz, seconds=60.0)
        assert not server.gone.is_set() and live.turns == [], "it speaks, and the server writes on"
        if how == "stop":
            live.say("Stop.")
        else:
            live.appliance.stop_all()
        assert server.gone.wait(60.0) and eventually(live.is_over, seconds=60.0)
        assert eventually(lambda: len(live.turns) >= 1, seconds=60.0)
        assert live.turns[0].reply.startswith("This is sentence number 0") and live.turns[0].intent is None
        assert State.THINKING in live.states and State.SPEAKING in live.states
        if how == "stop":
            assert eventually(lambda: len(live.turns) == 2, seconds=60.0) and live.turns[1].reply == ""
    finally:
        live.appliance.stop()
        pipeline.renew(before, templates=False)
    assert live.appliance.failure is None


# What is believed


class Waiting:
    """A responder that waits for a yes."""

    def expects(self, text: str) -> float | None:
        return 0.45 if text == "Yes." else None


@pytest.mark.parametrize(
    ("text", "confidence", "is_believed"),
    [("Yes.", 0.45, True), ("Yes.", 0.44, False), ("You.", 0.8, False), ("", 0.0, False)],
)
def test_what_recognition_doubts_is_an_answer_where_one_is_waited_for(
    text: str, confidence: float, is_believed: bool
) -> None:
    heard = Transcript("", guards=("retry", "no_speech"), doubted=text, doubted_confidence=confidence)
    found = believed(heard, Waiting())  # type: ignore[arg-type]
    taken = Transcript("Yes.", confidence, guards=("retry", EXPECTED), doubted=text, doubted_confidence=confidence)
    assert found == (taken if is_believed else heard)
    assert believed(heard, object()) is heard  # type: ignore[arg-type]


def test_what_an_open_slot_heard_keeps_its_commas_and_tea_is_no_letter(talk: Conversation) -> None:
    turns = talk("Put passport, charger and toothbrush on the packing list.", "Set a tea timer for three minutes.")
    assert turns[0].reply.lower() == "added passport, charger and toothbrush to the packing list.", turns
    assert turns[1].reply == "Tea timer for 3 minutes, starting now.", turns
