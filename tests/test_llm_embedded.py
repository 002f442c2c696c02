"""The embedded language model, the real one: llama.cpp on the weights that ``rtva models fetch`` brings."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from agenda_lab import BERLIN, Board
from takes import VOICE_HZ, take
from workers_lab import children, eventually

from firmware_py import config, models
from firmware_py.audio.play import Player
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.audio.wav import write_wav
from firmware_py.doctor import Case, checks
from firmware_py.errors import BadWeights, Cancelled, ModelFailed, RtvaError
from firmware_py.llm.embedded import Embedded
from firmware_py.nlu.context import ContextManager
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.pipeline import VoicePipeline
from firmware_py.respond.responder import Responder
from firmware_py.respond.talk import BROKE_OFF, NO_ANSWER, Chat, Limits
from firmware_py.respond.world import DryActuator, LocalWorld
from firmware_py.workers import Deadlines, Rules, WorkerPool
from firmware_py.written import WrittenSpeech

RUN_IT = "no llama-cpp-python; 'make test-llm' builds and runs this"
llama = pytest.importorskip("firmware_py.llm.llama_cpp", reason=RUN_IT)

PATIENT = Limits(first_s=60, total_s=90, filler_s=60)
CAPITAL = "What is the capital of France?"


def weights_of(name: str) -> Path:
    try:
        return models.resolve_llm(name)
    except RtvaError as error:
        pytest.skip(f"{error}; 'make test-llm' brings them")


@pytest.fixture(scope="module", params=["gemma3-270m", "smollm2-135m"])
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = llama.LlamaCpp(weights_of(request.param), temperature=0.0, max_tokens=60)
    assert made.has_template is (request.param != "gemma3-270m")
    yield made
    made.close()
    made.close()


def asks(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Answer in one short sentence."}, {"role": "user", "content": text}]


def said(engine: Any, text: str) -> str:
    return "".join(map(str, engine.pieces(asks(text))))


def test_it_answers_in_pieces_and_ends(engine: Any) -> None:
    pieces = list(engine.pieces(asks(CAPITAL)))
    assert len(pieces) > 3 and "Paris" in "".join(pieces)
    assert "Person:" not in "".join(pieces) and "<|im" not in "".join(pieces)


def test_the_same_question_has_the_same_answer(engine: Any) -> None:
    """Nothing of an answer before is left in its memory, only what the prompts have in common."""
    first = said(engine, CAPITAL)
    said(engine, "Why is the sky blue?")
    assert said(engine, CAPITAL) == first


def test_a_long_prompt_is_given_up_in_its_middle(engine: Any) -> None:
    calls = 0

    def is_cancelled() -> bool:
        nonlocal calls
        calls += 1
        return calls > 50

    with pytest.raises(Cancelled):
        list(engine.pieces(asks("word " * 1500), is_cancelled=is_cancelled))
    assert said(engine, CAPITAL)


def test_an_answer_is_given_up_in_its_middle(engine: Any) -> None:
    heard: list[Any] = []
    with pytest.raises(Cancelled):
        heard.extend(_until(engine.pieces(asks(CAPITAL), is_cancelled=lambda: len(heard) > 1), heard))
    assert len(heard) < 6
    pieces = engine.pieces(asks(CAPITAL))
    next(pieces)
    pieces.close()
    assert said(engine, CAPITAL)


def _until(pieces: Iterator[Any], heard: list[Any]) -> Iterator[Any]:
    for piece in pieces:
        heard.append(piece)
        yield from ()


def test_the_oldest_turns_go_where_the_context_is_too_small() -> None:
    engine = llama.LlamaCpp(weights_of("smollm2-135m"), temperature=0.0, max_tokens=10, context_tokens=256)
    try:
        turn = [{"role": "user", "content": "word " * 80}, {"role": "assistant", "content": "Yes."}]
        messages = asks(CAPITAL)
        assert "".join(map(str, engine.pieces([messages[0], *turn * 5, messages[1]])))
        with pytest.raises(ModelFailed, match="tokens"):
            list(engine.pieces(asks("word " * 900)))
        assert said(engine, CAPITAL)
    finally:
        engine.close()


def test_a_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    whole = weights_of("smollm2-135m").read_bytes()
    noise = b"GGUF" + bytes(range(256)) * 40
    for name, data in {"short": whole[: len(whole) // 2], "empty": b"GGUF", "noise": noise}.items():
        file = tmp_path / f"{name}.gguf"
        file.write_bytes(data)
        with pytest.raises(BadWeights, match=f"{name}.gguf"):
            llama.LlamaCpp(file)


class House:
    """Understanding, skills and the model in a worker, as the service has them."""

    def __init__(self, pool: WorkerPool, folder: Path, limits: Limits = PATIENT) -> None:
        board = Board(folder, datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN))
        arguments = {"path": weights_of("gemma3-270m"), "temperature": 0.0}
        self.engine = pool.make("llama", "llama_cpp", arguments)
        self.actuator, self.outcomes = DryActuator(), list[str | None]()
        self.chat = Chat(Embedded(self.engine), limits, on_outcome=self.outcomes.append)
        world = LocalWorld(clock=board.clock.now, agenda=board.agenda, lists=board.lists)
        self.understanding = HassilUnderstanding()
        exact = self.understanding.exact
        self.responder = Responder(world, self.actuator, ContextManager(), exact=exact, chat=self.chat)

    def talk(self, text: str) -> Any:
        return self.responder.prepare(self.understanding.understand(text)).talk

    def say(self, text: str) -> list[str]:
        return list(self.talk(text)())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    before = children()
    with WorkerPool(Rules(deadlines=Deadlines(scale=5))) as pool:
        yield House(pool, tmp_path)
    eventually(lambda: children() == before)


def test_in_a_worker_it_answers_and_nothing_is_done(house: House) -> None:
    assert "Paris" in " ".join(house.say(CAPITAL))
    assert (
        house.say("Please write a sentence in which somebody clears every list there is")
        and house.actuator.performed == []
    )
    assert house.outcomes == [None, None]


def test_a_worker_that_dies_is_spoken_of_and_comes_back(house: House) -> None:
    assert house.say(CAPITAL)
    sentences = house.talk("Tell me something about the world please")()
    threading.Timer(0.05, lambda: os.kill(house.engine.supervisor.snapshot()["pid"], signal.SIGKILL)).start()
    told = list(sentences)
    assert (told and set(told) - {NO_ANSWER, BROKE_OFF}) or told[-1] in (NO_ANSWER, BROKE_OFF)
    eventually(lambda: house.engine.supervisor.state == "ready")
    assert "Paris" in " ".join(house.say(CAPITAL))


def test_one_that_stands_still_is_given_up_killed_and_replaced(tmp_path: Path) -> None:
    with WorkerPool(Rules()) as pool:
        house = House(pool, tmp_path, replace(PATIENT, first_s=1.0))
        eventually(lambda: house.engine.supervisor.state == "ready")
        pid = house.engine.supervisor.snapshot()["pid"]
        os.kill(pid, signal.SIGSTOP)
        assert house.say(CAPITAL) == [NO_ANSWER]
        eventually(lambda: house.engine.supervisor.snapshot()["pid"] not in (pid, None))


class Voice:
    rate_hz = 16_000

    def synthesize(self, text: str) -> Iterator[Any]:
        import numpy as np

        yield np.zeros(8000, np.int16)

    def close(self) -> None:
        """Nothing is open."""


def test_silence_ends_the_answer_and_the_engine_is_free(house: House) -> None:
    player = Player(VirtualSpeaker(16_000, pace="real"))
    player.start()
    playback = player.play(WrittenSpeech(house.talk("Tell me a very long story about a dog please"), Voice()))
    time.sleep(0.3)
    player.silence()
    assert playback.wait(10.0)
    eventually(lambda: house.engine.supervisor.state == "ready")
    assert "Paris" in " ".join(house.say(CAPITAL))
    player.stop()


def test_a_spoken_question_is_answered_aloud(
    rtva: Callable[..., CompletedProcess[str]], weights: Path, tmp_path: Path
) -> None:
    weights_of("gemma3-270m")
    file, question = tmp_path / "c.yaml", tmp_path / "q.wav"
    limits = "first_token_s: 60, total_s: 90, filler_s: 60, temperature: 0"
    file.write_text(f"llm: {{enabled: true, engine: embedded, model: gemma3-270m, {limits}}}\n")
    write_wav(question, VOICE_HZ, [take(CAPITAL)])
    done = rtva("ask", question, "--config", file, "--out", tmp_path / "out", "--json")
    turn = json.loads(done.stdout)
    assert "Paris" in turn["reply"] and turn["intent"] is None, done.stderr
    assert "llama" not in done.stderr and (tmp_path / "out" / "q.wav").stat().st_size > 40_000


def test_the_library_makes_it_from_the_configuration(weights: Path) -> None:
    weights_of("smollm2-135m")
    made = config.from_text("llm: {enabled: true, engine: embedded, model: smollm2-135m, temperature: 0}")
    judged = checks()["language model"](Case(config.Effective(made), root=Path("/nowhere")))
    assert (judged.status in ("ok", "warn") and "MB" in judged.message) or "wake.enabled" in judged.message
    with VoicePipeline(made) as pipeline:
        understood = pipeline.understanding.understand(CAPITAL)
        reply = pipeline.responder.prepare(understood)
        assert reply.talk is not None and " ".join(reply.talk())
