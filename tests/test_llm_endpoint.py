"""The endpoint of a language model, against a server that speaks the protocol well, badly and not at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_lab import Exchange, hangs, says, serving

from firmware_py.errors import ModelFailed
from firmware_py.events import ToolCall
from firmware_py.llm import endpoint
from firmware_py.llm.deltas import Deltas
from firmware_py.llm.endpoint import Endpoint, Stream, reach
from firmware_py.llm.sse import MOST_EVENT, Events, TooLong

DATA = Path(__file__).parent / "data" / "llm"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]


def all_of(stream: Stream, within_s: float = 5.0) -> list[str | ToolCall]:
    found = []
    while (piece := stream.take(within_s)) is not None:
        found.append(piece)
    return found


def text_of(stream: Stream) -> str:
    return "".join(str(piece) for piece in all_of(stream))


def test_an_answer_comes_in_pieces(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret\n")
    with serving(says("Paris, größer als Köln.")) as server:
        model = Endpoint(f"{server.url}/", "tiny", key, max_tokens=7, temperature=0.0)
        pieces = all_of(model.chat(QUESTION))
    assert "".join(map(str, pieces)) == "Paris, größer als Köln." and len(pieces) > 3
    asked = server.requests[0]
    assert (asked["model"], asked["messages"], asked["stream"], asked["max_tokens"]) == ("tiny", QUESTION, True, 7)
    assert "tools" not in asked and server.headers[0]["Authorization"] == "Bearer secret"


def test_a_server_that_does_not_stream_is_understood() -> None:
    def script(exchange: Exchange) -> None:
        exchange.start(kind="application/json")
        exchange.raw(json.dumps({"choices": [{"message": {"content": "Paris."}, "finish_reason": "stop"}]}).encode())

    with serving(script) as server:
        assert text_of(Endpoint(server.url).chat(QUESTION)) == "Paris."


def test_tools_are_called_in_pieces() -> None:
    def script(exchange: Exchange) -> None:
        exchange.start()
        function = {"name": "lists", "arguments": ""}
        exchange.event(tool_calls=[{"index": 0, "id": "a", "type": "function", "function": function}])
        exchange.event(tool_calls=[{"index": 0, "function": {"arguments": '{"name": '}}])
        exchange.event(tool_calls=[{"index": 0, "function": {"arguments": '"shopping"}'}}, {"index": 1}, "x", None])
        exchange.done()

    with serving(script) as server:
        tools = [{"type": "function", "function": {"name": "lists"}}]
        assert all_of(Endpoint(server.url).chat(QUESTION, tools)) == [ToolCall("lists", '{"name": "shopping"}', "a")]
        assert server.requests[0]["tools"] == tools


@pytest.mark.parametrize("kind", ["sse", "json"])
def test_a_call_as_a_real_server_sent_it(kind: str) -> None:
    """Recorded from ``python -m llama_cpp.server`` 0.3.36 with smollm2-135m: name and id come with every piece."""
    recorded = (DATA / f"llama_cpp_python_tool_call.{kind}").read_bytes()

    def script(exchange: Exchange) -> None:
        exchange.start(kind="text/event-stream" if kind == "sse" else "application/json")
        for at in range(0, len(recorded), 100):
            exchange.raw(recorded[at : at + 100])

    with serving(script) as server:
        (call,) = all_of(Endpoint(server.url).chat(QUESTION, [{"type": "function", "function": {"name": "timers"}}]))
    assert isinstance(call, ToolCall) and (call.name, call.arguments) == ("timers", '{"kind": "timer"}')
    assert call.call_id.startswith("call__0_timers_cmpl-") and call.call_id.count("call_") == 1


def test_two_calls_at_once_are_two_whatever_their_index() -> None:
    def calls(*indices: int) -> list[ToolCall]:
        deltas = Deltas()
        for at, name in zip(indices, ("time", "lists"), strict=True):
            call = {"index": at, "id": f"id-{name}", "function": {"name": name, "arguments": ""}}
            deltas.push(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}))
            call["function"] = {"name": name, "arguments": "{}"}
            deltas.push(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}))
        return deltas.calls

    both = [ToolCall("time", "{}", "id-time"), ToolCall("lists", "{}", "id-lists")]
    assert calls(0, 1) == both and calls(0, 0) == both


BROKEN = {
    "500": (lambda e: (e.start(500, "application/json"), e.raw(b'{"error": {"message": "out of\\n memory"}}')),
            "HTTP 500 out of memory"),
    "404": (lambda e: (e.start(404, "text/html"), e.raw(b"<html>")), "HTTP 404"),
    "redirect": (lambda e: e.start(302), "HTTP 302"),
    "garbage": (lambda e: (e.start(), e.raw(b"data: {nonsense\n\n")), "no JSON"),
    "a list": (lambda e: (e.start(), e.raw(b"data: [1]\n\n")), "no JSON object"),
    "an error": (lambda e: (e.start(), e.event(content="Par"), e.raw(b'data: {"error": "cuda"}\n\n')), "cuda"),
    "breaks off": (lambda e: (e.start(), e.event(content="Paris")), "broke off"),
    "nothing": (lambda e: e.start(), "broke off"),
    "a long line": (lambda e: (e.start(), e.raw(b"data: " + b"x" * (MOST_EVENT + 10))), "more than"),
    "too much": (lambda e: (e.start(), e.raw(b": keep alive\n" * 100_000)), "more than"),
    "no http": (lambda e: e.raw(b"\x00\xff" * 100), "http:"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_a_broken_server_sends_is_one_error(name: str) -> None:
    script, words = BROKEN[name]
    with serving(script) as server, pytest.raises(ModelFailed, match=words):
        text_of(Endpoint(server.url).chat(QUESTION))


def test_nobody_there_and_no_such_host() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ModelFailed, match="refused"):
            text_of(Endpoint(url).chat(QUESTION))
        with pytest.raises(ModelFailed, match="refused"):
            reach(url)
    with pytest.raises(ModelFailed):
        text_of(Endpoint("http://nobody.invalid/v1").chat(QUESTION))


def test_a_missing_key_is_an_error_of_the_answer() -> None:
    with serving() as server, pytest.raises(ModelFailed, match="No such file"):
        text_of(Endpoint(server.url, key_file=Path("/nowhere/key")).chat(QUESTION))


@pytest.mark.parametrize("held", ["", "\n \n", "sk-sec\tret", "sk-sécret", "sk-sec\0ret", "\ufeffsk-secret"])
def test_a_file_without_a_key_is_one_error_that_tells_nothing_of_it(tmp_path: Path, held: str) -> None:
    key = tmp_path / "key"
    key.write_text(held)
    with serving() as server, pytest.raises(ModelFailed, match=r"llm\.key_file holds no key") as failed:
        text_of(Endpoint(server.url, key_file=key).chat(QUESTION))
    assert "sk-" not in str(failed.value) and not server.requests


def test_of_a_key_file_the_first_line_is_the_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-secret\nfrom the console, 3 March\r\n")
    with serving(says("Yes.")) as server:
        assert text_of(Endpoint(server.url, key_file=key).chat(QUESTION)) == "Yes."
    assert server.headers[0]["Authorization"] == "Bearer sk-secret"


def test_a_question_that_cannot_be_made_tells_its_kind_alone() -> None:
    with serving() as server, pytest.raises(ModelFailed, match=r"no question can be made \(UnicodeEncodeError\)$"):
        text_of(Endpoint(f"{server.url}/größe").chat(QUESTION))


def test_a_slow_piece_is_waited_for_only_so_long() -> None:
    with serving() as server:
        server.script = hangs(server)
        stream = Endpoint(server.url).chat(QUESTION)
        with pytest.raises(TimeoutError):
            stream.take(0.1)
        stream.cancel()


@pytest.mark.parametrize("after", ["", "Paris is"])
def test_cancelling_closes_the_connection_and_wakes_who_waits(after: str) -> None:
    with serving() as server:
        server.script = hangs(server, after)
        stream = Endpoint(server.url).chat(QUESTION)
        got: list[object] = []
        waiting = threading.Thread(target=lambda: got.extend(all_of(stream, 20.0)))
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive() and not server.gone.is_set()
        stream.cancel()
        stream.cancel()
        waiting.join(5.0)
        assert not waiting.is_alive() and server.gone.wait(5.0)
        assert stream.take(1.0) is None
    deadline = time.monotonic() + 5
    while stream.is_alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not stream.is_alive


def test_a_server_that_loads_its_model_is_asked_again_until_it_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LOADING_S", 0.05)
    loads = 3

    def loading(exchange: Exchange) -> None:
        if len(server.requests) > loads:
            return says("Paris.")(exchange)
        exchange.start(503, "application/json")  # as llama.cpp's own server says it
        exchange.raw(b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}')

    with serving(loading) as server:
        assert text_of(Endpoint(server.url).chat(QUESTION)) == "Paris." and len(server.requests) == 4
        loads = 1_000_000
        stream = Endpoint(server.url).chat(QUESTION)
        with pytest.raises(TimeoutError):
            stream.take(0.3)
        stream.cancel()
        assert stream.take(1.0) is None
        deadline = time.monotonic() + 30
        while stream.is_alive and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not stream.is_alive, "nobody asks for ever"


def test_connections_that_hang_are_counted_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "MOST_LEFT", 2)
    with serving() as server:
        server.script = hangs(server)
        model = Endpoint(server.url)
        streams = [model.chat(QUESTION) for _ in range(2)]
        with pytest.raises(ModelFailed, match="hang already"):
            model.chat(QUESTION)
        model.close()
        for stream in streams:
            assert stream.take(5.0) is None


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20), max_size=8),
       st.integers(1, 7))  # fmt: skip
def test_events_do_not_depend_on_how_the_bytes_come(texts: list[str], size: int) -> None:
    sent = b"".join(f": c\ndata: {text}\r\n\r\n".encode() for text in texts)
    events, found = Events(), []
    for at in range(0, len(sent), size):
        found += events.push(sent[at : at + size])
    assert [*found, *events.end()] == texts


@given(st.binary(max_size=300))
def test_any_bytes_are_events_or_none(data: bytes) -> None:
    events = Events()
    assert all(isinstance(text, str) for text in [*events.push(data), *events.end()])


def test_an_event_is_bounded() -> None:
    with pytest.raises(TooLong):
        list(Events().push(b"data: x\n" * MOST_EVENT * 2))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "delta", "content", "tool_calls", "function", "index", "name", "arguments", "id"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(_JSON, max_size=5))
def test_any_json_is_text_or_an_error(bodies: list[object]) -> None:
    deltas = Deltas()
    for body in bodies:
        try:
            assert isinstance(deltas.push(json.dumps(body)), str)
        except ModelFailed:
            continue
    assert all(isinstance(call, ToolCall) for call in deltas.calls)
