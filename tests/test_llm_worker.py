"""The embedded language model as the service has it: an engine in a worker that may fail in every way. A quick engine
stands for llama.cpp (``make test-llm`` runs the real one)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workers_lab import PATIENT, QUICK, children, eventually, text

from firmware_py.config import Config
from firmware_py.errors import ModelFailed, Unavailable, WorkerFailed
from firmware_py.events import ToolCall
from firmware_py.llm.embedded import MOST_WAITING, Embedded
from firmware_py.llm.prompts import CALL_MARK, EXAMPLES, FewShot, Templated
from firmware_py.llm.stream import Stream
from firmware_py.llm.tool_calls import MOST_CALLS, CallSplitter
from firmware_py.ports import LanguageModel, TextEngine

QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}]


def all_of(stream: Stream, within_s: float = 20.0) -> list[str | ToolCall]:
    found = []
    while (piece := stream.take(within_s)) is not None:
        found.append(piece)
    return found


def said(model: Embedded) -> str:
    return "".join(map(str, all_of(model.chat(QUESTION))))


def test_an_answer_comes_in_pieces_and_so_do_calls() -> None:
    with text(said="You asked: {question}") as engine:
        model = Embedded(engine)
        assert isinstance(engine, TextEngine) and isinstance(model, LanguageModel)
        tools = [{"type": "function", "function": {"name": "time"}}]
        pieces = all_of(model.chat(QUESTION, tools))
        assert pieces == ["You", " asked:", " What", " is", " it?", ToolCall("time")]
        assert engine.supervisor.snapshot()["standby"] is None, "no second process is kept for it"


def test_it_is_there_before_it_is_loaded_and_whoever_asks_waits() -> None:
    with text(said="Yes.") as engine:
        assert said(Embedded(engine)) == "Yes."


def test_its_process_gives_way_and_goes_first() -> None:
    with text() as engine:
        assert said(Embedded(engine)) == "Yes."
        manners = engine._call_by_name("manners")
        assert manners["oom"] >= 800 and manners["nice"] >= 10


@pytest.mark.parametrize("fault", ["sigkill", "segfault", "out_of_memory"])
def test_a_worker_that_dies_before_a_word_costs_a_retry(fault: str, tmp_path: Path) -> None:
    with text(said="It is so.", fault=fault, once=tmp_path / "struck") as engine:
        assert said(Embedded(engine)) == "It is so."
        assert engine.supervisor.counts["retries"] == 1


def test_an_answer_that_broke_off_is_not_begun_anew(tmp_path: Path) -> None:
    with text(said="It is so and so.", fault="sigkill", at=3, once=tmp_path / "struck") as engine:
        model, pieces = Embedded(engine), []
        stream = model.chat(QUESTION)
        with pytest.raises(WorkerFailed, match="in the middle of an answer"):
            while (piece := stream.take(20.0)) is not None:
                pieces.append(piece)
        assert pieces == ["It", " is", " so"]
        assert said(model) == "It is so and so.", "the next question is answered by a new worker"


@pytest.mark.parametrize("fault", ["hang", "hang_with_gil", "sigstop"])
def test_one_that_hangs_is_killed_once_it_is_given_up(fault: str, tmp_path: Path) -> None:
    with text(QUICK, said="It is so.", fault=fault, at=1, once=tmp_path / "struck") as engine:
        model = Embedded(engine)
        stream = model.chat(QUESTION)
        assert stream.take(20.0) == "It"
        first = engine.supervisor.snapshot()["pid"]
        with pytest.raises(TimeoutError):
            stream.take(0.1)
        stream.cancel()
        assert stream.take(1.0) is None
        assert said(model) == "It is so."
        assert engine.supervisor.snapshot()["pid"] != first and engine.supervisor.counts["killed"] == 1


def test_a_slow_one_is_cancelled_and_lives_on(tmp_path: Path) -> None:
    with text(said="It is so.", fault="slow", at=1, once=tmp_path / "struck") as engine:
        model = Embedded(engine)
        stream = model.chat(QUESTION)
        assert stream.take(20.0) == "It"
        pid = engine.supervisor.snapshot()["pid"]
        stream.cancel()
        eventually(lambda: not stream.is_alive)
        assert said(model) == "It is so." and engine.supervisor.snapshot()["pid"] == pid


def test_what_cannot_be_loaded_is_said_when_it_is_asked() -> None:
    with text(PATIENT, load_fault="bad_input") as engine, pytest.raises(WorkerFailed, match="no good"):
        said(Embedded(engine))


def test_too_many_that_hang_are_refused(tmp_path: Path) -> None:
    with text(PATIENT, fault="hang") as engine:
        model = Embedded(engine)
        for _ in range(MOST_WAITING):
            model.chat(QUESTION)
        with pytest.raises(ModelFailed, match="hang already"):
            model.chat(QUESTION)
        model.close()


def test_closing_ends_what_is_being_answered() -> None:
    with text(PATIENT, fault="hang") as engine:
        model = Embedded(engine)
        stream = model.chat(QUESTION)
        eventually(lambda: engine.supervisor.state == "busy")
        began = time.monotonic()
        model.close()
        assert stream.take(1.0) is None and time.monotonic() - began < 10 and children() == []


# What it is given, and what it calls


def test_a_base_model_goes_on_with_examples_and_the_last_turns() -> None:
    turns = [
        m for n in range(5) for m in ({"role": "user", "content": f"Q{n}?"}, {"role": "assistant", "content": f"A{n}."})
    ]
    prompt = FewShot()([*QUESTION[:1], *turns, {"role": "user", "content": "What\n is it?"}])
    assert prompt.text.endswith(
        "Person: Q3?\nAssistant: A3.\n\nPerson: Q4?\nAssistant: A4.\n\nPerson: What is it?\nAssistant:"
    )
    assert "Q2?" not in prompt.text and "Be brief" not in prompt.text and prompt.stops == ("\n",)
    assert all(f"Person: {q}\nAssistant: {a}\n" in prompt.text for q, a in EXAMPLES)


def rendering(template: str, refuses_system: bool = False) -> tuple[Templated, list[Any]]:
    seen: list[Any] = []

    def render(messages: list[Any], tools: list[Any] | None) -> Any:
        if refuses_system and messages[0]["role"] == "system":
            raise ValueError("System role not supported")
        seen.append((messages, tools))
        return SimpleNamespace(prompt="x", stop="</s>", added_special=True)

    return Templated(template, render), seen


def test_tools_are_offered_where_the_template_writes_calls() -> None:
    tools = [{"type": "function", "function": {"name": "time"}}]
    knows, seen = rendering(f"{{% if tools %}}{CALL_MARK}")
    knows(QUESTION, tools)
    not_known, seen_too = rendering("{{ messages }}")
    not_known(QUESTION, tools)
    assert seen[0][1] == tools and seen_too[0][1] is None


def test_a_template_without_a_system_has_its_words_before_the_question() -> None:
    made, seen = rendering("", refuses_system=True)
    assert made(QUESTION).stops == ("</s>",)
    assert seen[0][0] == [{"role": "user", "content": "Be brief.\n\nWhat is it?"}]


def test_a_call_before_is_shown_with_its_arguments_as_they_are() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "lists", "arguments": '{"name": "shopping"}'}}
    made, seen = rendering(CALL_MARK)
    made([*QUESTION, {"role": "assistant", "content": "", "tool_calls": [call]}])
    assert seen[0][0][-1]["tool_calls"][0]["function"]["arguments"] == {"name": "shopping"}


def split(written: str, size: int = 3) -> list[str | ToolCall]:
    splitter, found = CallSplitter(), []
    for at in range(0, len(written), size):
        found += splitter.push(written[at : at + size])
    return found + list(splitter.end())


@pytest.mark.parametrize(
    ("written", "told", "calls"),
    [
        ("Paris <b> is it.", "Paris <b> is it.", []),
        ('<tool_call>\n{"name": "time", "arguments": {}}\n</tool_call>', "", [ToolCall("time", "{}", "call_0")]),
        ('So. <tool_call>{"name": "lists", "arguments": {"name": "shopping"}}</tool_call>Yes.', "So. Yes.",
         [ToolCall("lists", '{"name": "shopping"}', "call_0")]),
        ('<tool_call>{"name": "time"}', "", [ToolCall("time", "{}", "call_0")]),
        ("<tool_call>rm -rf /</tool_call>Yes.", "Yes.", []),
        ('<tool_call>["time"]</tool_call>', "", []),
        ("<tool_call>" + "x" * 9000, "", []),
        ('<tool_call>{"name": "time"}</tool_call>' * 9, "",
         [ToolCall("time", "{}", f"call_{n}") for n in range(MOST_CALLS)]),
    ],
)  # fmt: skip
def test_calls_are_taken_out_of_what_is_said(written: str, told: str, calls: list[ToolCall]) -> None:
    found = split(written)
    assert "".join(p for p in found if isinstance(p, str)) == told
    assert [p for p in found if isinstance(p, ToolCall)] == calls


@given(st.text(alphabet='<>/tol_cal{}"name: 1', max_size=60), st.text(max_size=40), st.integers(1, 9))
def test_what_is_written_comes_through_in_any_pieces(noise: str, more: str, size: int) -> None:
    written = noise + more
    found = split(written, size)
    if CALL_MARK not in written:
        assert "".join(map(str, found)) == written
    else:
        assert "".join(p for p in found if isinstance(p, str)).startswith(written[: written.index(CALL_MARK)])
        assert all(isinstance(json.loads(p.arguments), object) for p in found if isinstance(p, ToolCall))


# The configuration


def test_without_its_library_or_its_file_it_is_as_if_it_were_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from firmware_py import language_model

    notes: list[str] = []
    outcomes: list[str | None] = []
    config = Config.default().with_values(
        {"llm.enabled": True, "llm.engine": "embedded", "llm.model": f"{tmp_path}/no.gguf"}
    )
    make = lambda: language_model.make_chat(config, outcomes.append, lambda *a: pytest.fail("made"), notes.append)  # noqa: E731
    monkeypatch.setattr(language_model, "LIBRARY", "no_such_library_of_llamas")
    assert make() is None and "pip install 'rtva[llm]'" in notes[0]
    monkeypatch.setattr(language_model, "LIBRARY", "json")
    assert make() is None and "no such GGUF file" in notes[1]
    (tmp_path / "no.gguf").write_bytes(b"not one")
    assert make() is None and "not a GGUF file" in notes[2]
    assert len(outcomes) == 3 and all(outcomes)
    with pytest.raises(Unavailable, match="a stt entry"):
        language_model.models.resolve_llm("tiny.en")


def test_the_engine_gets_what_the_configuration_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from firmware_py import language_model

    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setattr(language_model, "LIBRARY", "json")
    values = {"model": str(file), "threads": 3, "context_tokens": 512, "max_tokens": 9, "temperature": 0.5}
    config = Config.default().with_values(
        {"llm.enabled": True, "llm.engine": "embedded"} | {f"llm.{k}": v for k, v in values.items()}
    )
    asked: list[Any] = []

    def make_engine(*args: Any) -> Any:
        asked.append(args)
        return SimpleNamespace(close=lambda: None)

    assert language_model.make_chat(config, lambda failure: None, make_engine) is not None
    wanted = {"path": file, **{k: v for k, v in values.items() if k != "model"}}
    assert asked == [("llama", "llama_cpp", wanted)]
