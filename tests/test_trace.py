"""What the last turns did and why: the log, the waterfall, the command."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from status_lab import NotedControls

from firmware_py.__main__ import main
from firmware_py.errors import BadInput
from firmware_py.events import Kind, TurnEvent, TurnTrace
from firmware_py.service.turn_log import TurnLog
from firmware_py.status.commands import perform
from firmware_py.status.hub import Hub
from firmware_py.status.socket import ControlSocket
from firmware_py.telemetry.waterfall import drawn, waterfall

MS = 1_000_000


def event(kind: Kind = Kind.ENDPOINT) -> TurnEvent:
    return TurnEvent(kind, 32_000, 4_800, 8_000, 24_000, 2_000 * MS)


def turn() -> TurnTrace:
    trace = TurnTrace(transcript="what time is it", intent="time", score=1.0, reply="It's 3:05 PM.")
    trace.is_guided, trace.margin, trace.guided_score, trace.is_cached = True, 4.25, 0.98, True
    trace.slots = types.MappingProxyType({"zone": Kind.PAUSE})
    trace.draft_hit = trace.draft_ready = True
    trace.drafts_discarded, trace.guards = 1, ("retry",)
    marks = {"speech_start": 500, "speech_end": 1500, "pause": 1600, "endpoint": 2000, "stt_done": 1750}
    for name, ms in {**marks, "play_first": 2002, "heard": 2095}.items():
        trace.mark(name, ms * MS)
    trace.stages_ms = {"audio": 0.1, "stt": 150.0}
    return trace


class Logged(NotedControls):
    def __init__(self, log: TurnLog) -> None:
        super().__init__()
        self.trace = log.last  # type: ignore[method-assign]


@pytest.fixture
def log() -> TurnLog:
    return TurnLog(wall=lambda: 1e9)


@pytest.fixture
def at(tmp_path: Path, log: TurnLog) -> Iterator[list[str]]:
    server = ControlSocket(tmp_path / "c.sock", Logged(log), Hub())
    yield ["--socket", str(server.path)]
    server.close()


def test_it_says_what_happened_and_why(log: TurnLog, at: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", *at]) == 0 and capsys.readouterr().out == "nobody has spoken yet\n"
    log.read_shed = lambda: 2
    log.add(event(), turn())
    log.add(event(Kind.TOO_LONG), None, "the recogniser hangs")
    assert main(["trace", "2", *at]) == 0
    said = capsys.readouterr().out
    for words in (
        "turn 1 at",
        "1.00 s of speech, ended by silence after 500 ms",
        "shed     2 before it",
        "'what time is it' (guided, margin 4.2 nats, score 0.98; confidence 0.00)",
        "time zone=Kind.PAUSE, score 1.00",
        "(from the cache)",
        "used, ready at the endpoint; 1 thrown away before",
        "guards   retry",
        "answer 2 ms, gap 595 ms",
        "turn 2 at",
        "the longest utterance allowed",
        "failed   the recogniser hangs",
    ):
        assert words in said
    assert said.count("shed ") == 1, "what was shed is told once"
    assert main(["trace", *at]) == 0
    assert "turn 1 " not in capsys.readouterr().out
    assert main(["trace", "last", *at, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["error"] == "the recogniser hangs"


@pytest.mark.parametrize("wrong", ["0", "33", "-1", "all", "99999999999"])
def test_a_wrong_count_is_one_line(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput):
        perform(NotedControls(), "trace", wrong)
    if wrong != "-1":
        assert main(["trace", wrong]) == 64
        assert "1 to 32" in capsys.readouterr().err


def test_it_is_bounded(log: TurnLog) -> None:
    for _ in range(50):
        log.add(event(), turn())
    assert [t["number"] for t in log.last(40)] == list(range(19, 51))


def test_a_waterfall_begins_at_the_last_word() -> None:
    trace = turn()
    bars = {bar.name: (bar.start_ms, bar.end_ms) for bar in waterfall(trace.marks_ms(), trace.stages_ms)}
    assert bars == {"silence": (0, 500), "stt": (100, 250), "wait": (500, 502), "device": (502, 595)}
    assert waterfall(TurnTrace().marks_ms(), {}) == []


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0, 1e4)), max_size=8), st.integers(1, 80))
def test_every_line_of_a_drawing_is_as_wide_as_asked(spans: list[tuple[float, float]], cells: int) -> None:
    from firmware_py.telemetry.waterfall import Bar

    lines = drawn([Bar("x", start, start + length) for start, length in spans], cells)
    assert all(len(line) == cells and "#" in line for line in lines) and len(lines) == len(spans)
