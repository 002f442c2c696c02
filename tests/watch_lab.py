"""A service as the watchers see it: a real control socket and hub, with figures that a test chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from status_lab import NotedControls

from firmware_py.events import Kind, TurnEvent, TurnTrace
from firmware_py.service.turn_log import TurnLog
from firmware_py.status.board import Board
from firmware_py.status.hub import Hub
from firmware_py.status.socket import ControlSocket
from firmware_py.telemetry.statistics import Statistics

MS = 1_000_000
ORDERS = (
    ("what time is it", "time", "It's 11:21 PM.", 196.0, 2.0, True),
    ("set the volume to forty percent", "volume_set", "The volume is at forty percent.", 204.0, 1.4, True),
    ("what is the weather like in a place with a very long name", None, "I did not understand that.", 505, 152, False),
)  # fmt: skip


def trace_of(order: tuple[Any, ...], number: int) -> TurnTrace:
    text, intent, reply, silence_ms, answer_ms, is_hit = order
    trace = TurnTrace(transcript=text, intent=intent, reply=reply, score=0.98, confidence=0.9)
    trace.draft_hit = trace.draft_ready = trace.is_guided = is_hit
    trace.margin, trace.guided_score, trace.is_cached = 4.2, 0.98, number == 1
    begin = 100 if is_hit else silence_ms
    stages = {"stt": 74.0, "nlu": 0.4, "reply": 0.2, "tts_first": 21.0}
    marks = {"speech_start": 500.0, "speech_end": 2000.0, "endpoint": 2000 + silence_ms}
    at = 2000.0 + begin
    for stage, mark in (("stt", "stt_done"), ("nlu", "nlu_done"), ("reply", "reply_done"), ("tts_first", "tts_first")):
        at += stages[stage]
        marks[mark] = at
    marks["play_first"] = marks["endpoint"] + answer_ms
    marks["heard"] = marks["play_first"] + 92.9
    for name, ms in marks.items():
        trace.mark(name, int(ms * MS))
    trace.stages_ms = {"audio": 0.02, "vad": 6.5, **stages}
    return trace


class WatchedControls(NotedControls):
    def __init__(self, log: TurnLog, board: Board, statistics: Statistics) -> None:
        super().__init__()
        self._log, self._board, self._statistics = log, board, statistics
        self.level_db, self.asked = -41.0, 0

    def trace(self, count: int) -> list[dict[str, Any]]:
        return self._log.last(count)

    def status(self) -> dict[str, Any]:
        self.asked += 1
        self.level_db = -70.0 + 7 * (self.asked * 3 % 8)
        turns = len(self._log.last(32))
        worker = {"kind": "stt", "name": "whisper_cpp", "state": "ready", "rss_bytes": 135e6, "crashed": 0, "killed": 1}
        return {
            "state": self._board.state.value, "since_s": 12.0, "microphone": "open", "volume": 80, "is_silent": False,
            "alerts": self._board.alerts, "capture": {"is_on": False}, "record": {"is_on": False},
            "level_db": self.level_db, "floor_db": -62.0,
            "counts": {"turns": turns, "errors": 0, "waiting": 0, "shed": 1, "lost_samples": 0, "overrun_samples": 0,
                       "drafts_discarded": 2, "microphone_opened": 1},
            "totals": {"turns": 40}, "machine": {"cpu_percent": 23.4, "memory_percent": 41.0, "gpu_percent": None,
                                                 "temperature_c": 52.3, "utterances_per_minute": 3.0},
            "latency_ms": {name: {"mean": s.mean, "p50": s.p50, "p95": s.p95, "p99": s.p99}
                           for name, s in self._statistics.spreads().items()},
            "workers": [worker], "faces": {}, "turns": list(self._board.turns), "version": "1.2.3",
        }  # fmt: skip


class Watched:
    """``speak`` answers the orders one after the other."""

    def __init__(self, folder: Path) -> None:
        self.hub = Hub()
        self.board, self.log, self.statistics = Board(self.hub), TurnLog(), Statistics()
        self.controls = WatchedControls(self.log, self.board, self.statistics)
        self.server = ControlSocket(folder / "control.sock", self.controls, self.hub)
        self.path = self.server.path
        self.spoken = 0

    def speak(self, count: int = 1) -> None:
        for _ in range(count):
            order = ORDERS[self.spoken % len(ORDERS)]
            trace = trace_of(order, self.spoken)
            end = 32_000
            event = TurnEvent(Kind.ENDPOINT, end + int(order[3] * 16), 3200, 8000, end, 0)
            self.spoken += 1
            self.log.add(event, trace)
            self.board.add_turn(trace)
            self.statistics.add_turn(self.board.turns[-1])

    def close(self) -> None:
        self.server.close()
