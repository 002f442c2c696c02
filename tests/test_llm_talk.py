"""What no template knows, answered by a language model: trusted, bounded, interruptible, and never an action."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from agenda_lab import BERLIN, Board
from hypothesis import given
from hypothesis import strategies as st
from llm_lab import Exchange, Script, Server, hangs, says, serving

from firmware_py.audio.play import Player
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import Config
from firmware_py.events import Pcm16, Reply, ToolCall, Understood
from firmware_py.llm.endpoint import Endpoint
from firmware_py.nlu.context import ContextManager
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import Sentences
from firmware_py.respond import phrases
from firmware_py.respond.responder import Responder
from firmware_py.respond.sentences import MOST, SentenceBuffer, is_said
from firmware_py.respond.talk import BROKE_OFF, FILLER, MOST_SAME, NO_ANSWER, Chat, Limits
from firmware_py.respond.tools import TOOLS, Toolbox
from firmware_py.respond.world import DryActuator, LocalWorld
from firmware_py.written import WrittenSpeech

QUICK = Limits(first_s=2.0, total_s=4.0, filler_s=1.5)
UNDERSTANDING = HassilUnderstanding()


class House:
    """Understanding, skills and a model, as the appliance has them."""

    def __init__(self, server: Server, folder: Path, limits: Limits = QUICK, tools: tuple[str, ...] = ()) -> None:
        self.board = Board(folder, datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN))
        self.board.has_network_time()
        self.actuator = DryActuator()
        self.outcomes: list[str | None] = []
        self.chat = Chat(Endpoint(server.url), limits, tools=tools, on_outcome=self.outcomes.append)
        self.history = ContextManager(max_history=3)
        self.world = LocalWorld(clock=self.board.clock.now, agenda=self.board.agenda, lists=self.board.lists)
        self.responder = Responder(self.world, self.actuator, self.history, exact=UNDERSTANDING.exact, chat=self.chat)

    def prepare(self, text: str, **heard: Any) -> Reply:
        return self.responder.prepare(replace(UNDERSTANDING.understand(text), **heard))

    def say(self, text: str, **heard: Any) -> list[str]:
        """One turn; the sentences of its reply."""
        reply = self.prepare(text, **heard)
        self.responder.commit(reply)
        return list(reply.talk()) if reply.talk else [reply.text]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def test_what_no_template_knows_is_answered_sentence_by_sentence(server: Server, tmp_path: Path) -> None:
    server.script = says("Paris is the capital of France. Dr. Who lives at No. 3, e.g. there.\nIs that **all**?")
    house = House(server, tmp_path)
    said = house.say("What is the capital of France?")
    assert said == ["Paris is the capital of France.", "Dr. Who lives at No. 3, e.g. there.", "Is that **all**?"]
    roles = [m["role"] for m in server.requests[0]["messages"]]
    assert (
        roles == ["system", "user"]
        and "Friday, 27 November 2026, 18:00" in server.requests[0]["messages"][0]["content"]
    )
    assert house.outcomes == [None] and vars(house.chat.counts)["answered"] == 1


def test_a_model_that_says_the_same_again_and_again_is_ended(server: Server, tmp_path: Path) -> None:
    server.script = says("The capital of France? " * 40)
    house = House(server, tmp_path)
    assert house.say("What is the capital of France?") == ["The capital of France?"] * MOST_SAME
    assert house.outcomes == [None]
    server.script = says("No. Yes. No. Yes. No.")
    assert " ".join(house.say("What is the capital of Spain?")) == "No. Yes. No. Yes. No."


def test_a_known_command_never_reaches_the_model(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    assert house.say("What time is it?") == ["It's 6:00 PM."]
    assert house.say("Set a timer for fifteen minutes.") == ["15 minutes, starting now."]
    assert house.say("No, fifty.") == ["50 minutes, starting now."]
    assert server.requests == []


def test_a_draft_asks_nobody(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    assert house.prepare("What is the capital of France?").talk is not None
    time.sleep(0.1)
    assert server.requests == [] and house.chat.counts.asked == 0


@pytest.mark.parametrize(
    "heard",
    [{"confidence": 0.3}, {"guards": ("loop",)}, {"guards": ("retry", "no_speech")}],
)
def test_text_that_cannot_be_trusted_is_not_asked(server: Server, tmp_path: Path, heard: dict[str, Any]) -> None:
    house = House(server, tmp_path)
    assert house.say("What is the capital of France?", **heard) == [phrases.UNKNOWN]
    assert house.say("Hm.") == [phrases.UNKNOWN]
    assert server.requests == [] and house.chat.counts.distrusted == 2
    assert house.say("What is the capital of France?", confidence=0.8, guards=("retry",)) == ["Yes."]


def test_nothing_it_says_is_done(server: Server, tmp_path: Path) -> None:
    server.script = says("Set a timer for ten minutes. Turn the volume to 100 percent. Clear the shopping list.")
    house = House(server, tmp_path)
    assert len(house.say("please tell me some commands you know about")) == 3
    assert house.actuator.performed == [] and house.board.agenda.entries(phase=None) == []


def test_the_conversation_goes_along_and_is_bounded(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    for number in range(5):
        server.script = says(f"Answer {number}.")
        house.say(f"Tell me something about number {number} please")
    house.say("What time is it?")
    house.say("And what is it in Tokyo then?")
    sent = [m["content"] for m in server.requests[-1]["messages"][1:]]
    assert sent == [
        "Tell me something about number 3 please", "Answer 3.", "Tell me something about number 4 please", "Answer 4.",
        "What time is it?", "It's 6:00 PM.", "And what is it in Tokyo then?",
    ]  # fmt: skip
    server.script = says("x" * 5000 + ".")
    assert sum(map(len, house.say("Say something very long to me"))) < 1600 + MOST
    house.say("And another thing I want to know")
    assert sum(len(m["content"]) for m in server.requests[-1]["messages"]) < 5000


def test_repeat_says_what_the_model_said(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    house.say("What is the capital of France?")
    assert house.say("Repeat that.") == ["Yes."]


def test_one_moment_covers_a_slow_start(server: Server, tmp_path: Path) -> None:
    def script(exchange: Exchange) -> None:
        time.sleep(0.6)
        exchange.start()
        exchange.words("Paris is the capital.")
        exchange.done()

    server.script = script
    house = House(server, tmp_path, replace(QUICK, filler_s=0.2))
    assert house.say("What is the capital of France?") == [FILLER, "Paris is the capital."]
    assert house.history.last_reply() == "Paris is the capital." and house.chat.counts.fillers == 1
    assert {FILLER, NO_ANSWER, BROKE_OFF} <= set(house.responder.fixed_phrases()), "they are rendered ahead"


@pytest.mark.parametrize("filler_s", [0.2, 0.45])
def test_an_answer_that_began_in_time_is_not_ended_by_the_filler(
    server: Server, tmp_path: Path, filler_s: float
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.start()
        exchange.words("Par")
        time.sleep(0.9)
        exchange.words("is is the capital.")
        exchange.done()

    server.script = script
    house = House(server, tmp_path, Limits(first_s=0.4, total_s=5, filler_s=filler_s))
    filler = [FILLER] if filler_s < 0.4 else []
    assert house.say("What is the capital of France?") == [*filler, "Paris is the capital."]


@pytest.mark.parametrize(
    ("limits", "after", "said"),
    [
        (Limits(first_s=0.3, total_s=5, filler_s=0.1), "", [FILLER, NO_ANSWER]),
        (Limits(first_s=0.3, total_s=5, filler_s=1), "", [NO_ANSWER]),
        (Limits(first_s=2, total_s=0.5, filler_s=1), "Paris it is. And", ["Paris it is.", BROKE_OFF]),
    ],
)
def test_a_model_that_hangs_is_given_up(
    server: Server, tmp_path: Path, limits: Limits, after: str, said: list[str]
) -> None:
    server.script = hangs(server, after)
    house = House(server, tmp_path, limits)
    assert house.say("What is the capital of France?") == said
    assert house.chat.counts.timed_out == 1 and house.outcomes == ["too slow"]
    assert server.gone.wait(5.0), "its connection is closed"


BROKEN: list[tuple[Script, list[str]]] = [
    (lambda e: (e.start(500, "application/json"), None)[1], [NO_ANSWER]),
    (lambda e: (e.start(), e.raw(b"data: }\n\n"), None)[2], [NO_ANSWER]),
    (lambda e: (e.start(), e.done(), None)[2], [NO_ANSWER]),
    (says("*** ... ***"), [NO_ANSWER]),
    (lambda e: (e.start(), e.words("Half an answer. And th"), None)[2], ["Half an answer.", BROKE_OFF]),
]


@pytest.mark.parametrize(("script", "said"), BROKEN, ids=["500", "garbage", "empty", "no words", "breaks off"])
def test_what_fails_is_said_and_the_next_question_works(
    server: Server, tmp_path: Path, script: Script, said: list[str]
) -> None:
    server.script = script
    house = House(server, tmp_path)
    assert house.say("What is the capital of France?") == said
    server.script = says("Yes.")
    assert house.say("What is the capital of Spain?") == ["Yes."]
    assert house.outcomes[-1] is None and isinstance(house.outcomes[0], str)


def wants(name: str, arguments: str) -> Callable[[Exchange], None]:
    def script(exchange: Exchange) -> None:
        exchange.start()
        if any(m["role"] == "tool" for m in exchange.body["messages"]):
            exchange.words(f"I heard: {exchange.body['messages'][-1]['content']}")
        else:
            call = {"index": 0, "id": "7", "function": {"name": name, "arguments": arguments}}
            exchange.event(tool_calls=[call])
        exchange.done()

    return script


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("time", "", "I heard: It's 6:00 PM. It's Friday, November 27th, 2026."),
        ("lists", '{"name": "shopping"}', "I heard: On the shopping list: milk and bread."),
        ("timers", "{}", "I heard: 10 minutes left on the pasta timer."),
        ("timers", '{"kind": "timer", "all": true}', "error: all: Extra inputs are not permitted"),
        ("timers", '{"kind": "bomb"}', "error: kind: Input should be 'timer', 'alarm' or 'reminder'"),
        ("lists", '{"name": 5}', "error: name: Input should be a valid string"),
        ("lists", "[1", "error: arguments: Invalid JSON"),
        ("board", "{}", "error: there is no tool 'board'"),
        ("list_clear", "{}", "error: there is no tool 'list_clear'"),
    ],
)
def test_tools_are_those_allowed_with_the_arguments_they_have(
    server: Server, tmp_path: Path, name: str, arguments: str, said: str
) -> None:
    house = House(server, tmp_path, tools=("time", "timers", "lists"))
    house.board.lists.add("shopping", ["milk", "bread"])
    house.board.agenda.count_down("timer", "pasta", 600)
    server.script = wants(name, arguments)
    answer = " ".join(house.say("Tell me what you know about me please"))
    assert said in answer
    assert [t["function"]["name"] for t in server.requests[0]["tools"]] == ["time", "timers", "lists"]
    assert house.board.lists.items("shopping") == ["milk", "bread"] and house.actuator.performed == []


def test_what_a_model_calls_wrongly_goes_back_as_json_that_a_server_can_read(server: Server, tmp_path: Path) -> None:
    """Servers parse the arguments of the calls that come back, and refuse the whole question for one that is none."""

    def script(exchange: Exchange) -> None:
        exchange.start()
        if len(server.requests) == 1:
            for at, (name, arguments) in enumerate(
                (("time", '{"at": '), ("lists", '{"name": "shopping"}'), ("x", "[]"))
            ):
                exchange.event(
                    tool_calls=[{"index": at, "id": f"id{at}", "function": {"name": name, "arguments": arguments}}]
                )
        else:
            exchange.words("Milk.")
        exchange.done()

    server.script = script
    house = House(server, tmp_path, tools=("time", "lists"))
    house.board.lists.add("shopping", ["milk"])
    assert house.say("Tell me what I have to buy please") == ["Milk."]
    *_, asked, time_, lists_, x = server.requests[1]["messages"]
    sent = [json.loads(call["function"]["arguments"]) for call in asked["tool_calls"]]
    assert sent == [{}, {"name": "shopping"}, {}]
    assert [m["tool_call_id"] for m in (time_, lists_, x)] == ["id0", "id1", "id2"]
    assert "Invalid JSON" in time_["content"] and "milk" in lists_["content"] and "no tool 'x'" in x["content"]


def test_tools_are_called_only_so_often(server: Server, tmp_path: Path) -> None:
    def always(exchange: Exchange) -> None:
        exchange.start()
        exchange.event(tool_calls=[{"index": 0, "id": "7", "function": {"name": "time", "arguments": "{}"}}])
        exchange.done()

    server.script = always
    assert House(server, tmp_path, tools=("time",)).say("What is it that you know?") == [NO_ANSWER]
    assert len(server.requests) == 3 and "tools" not in server.requests[-1]


def test_every_tool_only_reads(tmp_path: Path) -> None:
    board = Board(tmp_path, datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN))
    world = LocalWorld(clock=board.clock.now, agenda=board.agenda, lists=board.lists)
    box = Toolbox(tuple(TOOLS), world)
    before = (board.agenda.entries(phase=None), board.lists.names())
    assert all(not box.call(ToolCall(name)).startswith("error") for name in TOOLS)
    assert (board.agenda.entries(phase=None), board.lists.names()) == before
    assert all(s["function"]["parameters"]["additionalProperties"] is False for s in box.schemas())


class Voice:
    """A tenth of a second of sound a word; ``texts`` are what was spoken."""

    rate_hz = 16_000

    def __init__(self) -> None:
        self.texts: list[str] = []

    def synthesize(self, text: str) -> Iterator[Pcm16]:
        self.texts.append(text)
        for _ in text.split():
            yield np.full(1600, 1000, np.int16)

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("after", ["", "Paris is the capital of France. And"])
def test_silence_ends_the_answer_and_its_connection(server: Server, tmp_path: Path, after: str) -> None:
    server.script = hangs(server, after)
    house, voice = House(server, tmp_path, Limits(first_s=20, total_s=30, filler_s=20)), Voice()
    player = Player(VirtualSpeaker(16_000, pace="real"))
    player.start()
    reply = house.prepare("What is the capital of France?")
    assert reply.talk is not None
    speech = WrittenSpeech(reply.talk, voice)
    playback = player.play(speech)
    until = time.monotonic() + 10
    while not (server.requests and (playback.first_ns or not after)) and time.monotonic() < until:
        time.sleep(0.01)
    player.silence()
    assert playback.wait(5.0) and server.gone.wait(5.0)
    assert house.chat.counts.cancelled == 1
    assert house.outcomes == ([None] if after else []), "what had begun was an answer: an alert from before is over"
    assert speech.said == ("Paris is the capital of France." if after else "")
    assert house.history.last_reply() == speech.said, "what was said of it is remembered"
    player.stop()


def test_speech_that_is_thrown_away_asked_nobody(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    reply = house.prepare("What is the capital of France?")
    assert reply.talk is not None
    speech = WrittenSpeech(reply.talk, Voice())
    speech.close()
    assert list(speech) == [] and server.requests == []


def test_speech_that_is_ended_while_it_begins_asked_nobody(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    talk = house.prepare("What is the capital of France?").talk
    assert talk is not None

    def begin() -> Sentences:
        speech.cancel()  # another thread, before the sentences are known
        return talk()

    speech = WrittenSpeech(begin, Voice())
    assert list(speech) == [] and server.requests == [] and house.chat.counts.asked == 0


@given(st.text(max_size=400), st.integers(1, 20))
def test_sentences_do_not_depend_on_how_the_text_comes(text: str, size: int) -> None:
    whole, pieces = SentenceBuffer(), SentenceBuffer()
    first = [*whole.push(text), *whole.end()]
    second = [s for at in range(0, len(text), size) for s in pieces.push(text[at : at + size])] + list(pieces.end())
    assert all(is_said(s) and len(s) <= MOST + 1 for s in first + second)
    if "<" not in text:
        assert "".join("".join(first).split()) == "".join("".join(second).split())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is 3.5 m long. Yes!", ["It is 3.5 m long.", "Yes!"]),
        ("<think>\nHe asks. So I\nsay it.</think>\n\nParis.", ["Paris."]),
        ("So I think.</think> Paris. Good.", ["Paris.", "Good."]),
        ("1. Milk.\n2. Bread.", ["1. Milk.", "2. Bread."]),
        ("He said \"Go.\" Then he went", ['He said "Go."', "Then he went"]),
        ("Mr. Smith, e.g., lives in the U.S. now. Oh", ["Mr. Smith, e.g., lives in the U.S. now.", "Oh"]),
        ("Well, I know. I do", ["Well, I know.", "I do"]),
        ("no end " * 60, None),
    ],
)  # fmt: skip
def test_where_sentences_end(text: str, sentences: list[str] | None) -> None:
    buffer = SentenceBuffer()
    found = [s for char in text for s in buffer.push(char)] + list(buffer.end())
    assert found == sentences if sentences else len(found) == 2


def test_it_is_off_by_default_and_made_from_the_configuration(server: Server) -> None:
    with VoicePipeline(Config.default()) as off:
        assert off.responder.prepare(Understood("What is the capital of France?")).text == phrases.UNKNOWN
        assert off.responder.chat_counts() == {}  # type: ignore[attr-defined]
    on = Config.default().with_values({"llm.enabled": True, "llm.url": server.url, "llm.tools": ("time",)})
    with VoicePipeline(on) as pipeline:
        reply = pipeline.responder.prepare(Understood("What is the capital of France?"))
        assert reply.talk is not None and list(reply.talk()) == ["Yes."]
        assert pipeline.responder.chat_counts()["answered"] == 1  # type: ignore[attr-defined]


def test_a_spoken_question_is_answered_aloud(
    rtva: Callable[..., CompletedProcess[str]], weights: Path, server: Server, tmp_path: Path
) -> None:
    server.script = says("Paris is the capital of France. It lies on the Seine.", 0.01)
    config, question = tmp_path / "c.yaml", tmp_path / "q.wav"
    config.write_text(f"llm: {{enabled: true, url: '{server.url}'}}\n")
    assert rtva("say", "What is the capital of France?", "--out", question).returncode == 0
    done = rtva("ask", question, "--config", config, "--out", tmp_path / "out", "--json")
    turn = json.loads(done.stdout)
    assert turn["reply"] == "Paris is the capital of France. It lies on the Seine." and turn["intent"] is None
    assert (tmp_path / "out" / "q.wav").stat().st_size > 100_000
    assert turn["marks_ms"]["play_first"] > turn["marks_ms"]["endpoint"]
    assert len(server.requests) == 1, "the draft asked nobody"


def test_threads_end(server: Server, tmp_path: Path) -> None:
    house = House(server, tmp_path)
    for _ in range(3):
        house.say("What is the capital of France?")
    until = time.monotonic() + 5
    while any(t.name == "llm" for t in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(t.name == "llm" for t in threading.enumerate())
