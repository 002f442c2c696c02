"""Recognition that can be made neither anew nor as it was: said, tried again, and back without a restart."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from status_lab import eventually
from test_governor import Clock, a_copy_of_sys
from test_service_announcements import Chatter, Silence

from firmware_py.app import Appliance
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import Config
from firmware_py.errors import Unavailable
from firmware_py.pipeline import VoicePipeline
from firmware_py.service.governing import Governing
from firmware_py.service.reload import Reloader
from firmware_py.service.renewal import ALERT, Renewal
from firmware_py.status.board import Board, Ear
from firmware_py.status.hub import Hub

FAILURES = [Unavailable("no memory for a process"), MemoryError("no memory for the weights")]


class Recogniser(Chatter):
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


class Pipeline(VoicePipeline):
    """The pipeline with its own templates and replies; recognisers are made by hand while ``error`` is None."""

    error: Exception | None = None
    asked: list[str]

    def _make_stt(self, role: str = "stt") -> Any:
        self.asked.append(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        return Recogniser()


class Service:
    """The appliance in its own threads, and the parts that change it, looked after by hand."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.clock, self.board, self.folder = Clock(), Board(Hub()), folder
        self.board.set_ear(Ear.OPEN)
        self.pipeline = Pipeline(config)
        self.pipeline.asked, self.pipeline.stand_in = [], Chatter()
        self.walk = Appliance(self.pipeline, Silence(), VirtualSpeaker(16_000))
        self.renewal = Renewal(self.walk, self.board.set_alert, self.clock)
        self.governing = Governing(self.walk, self.board, self.renewal, folder, self.clock)
        a_copy_of_sys(folder, 45_000, 3_000_000, "0.00")

    @property
    def recogniser(self) -> Any:
        return self.walk.taker.stations.stt

    def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.s += 1
            self.governing.each_second()
            self.renewal.each_second()
            eventually(self.walk.is_quiet, "the turn thread is done")

    def fail_until_it_can(self) -> None:
        """It is dead and said to be; then the machine can again."""
        eventually(lambda: ALERT in self.board.alerts, "the alert")
        assert self.recogniser.is_closed
        self.pipeline.asked.clear()
        self.pass_s(120)
        assert self.recogniser.is_closed and ALERT in self.board.alerts
        assert 4 < len(self.pipeline.asked) < 15, "again and again, ever later"
        self.pipeline.error = None
        self.pass_s(31)
        assert not self.recogniser.is_closed and ALERT not in self.board.alerts
        assert self.recogniser is self.pipeline.stt and self.walk.failure is None
        assert set(self.pipeline.asked) == {"turn"}, "between two turns, in their thread"
        self.pipeline.asked.clear()
        self.pass_s(60)
        assert not self.pipeline.asked, "what works is left alone"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    service = Service(tmp_path, Config.default().with_values({"stt.model": "small.en", "workers.standby": "none"}))
    service.walk.start()
    yield service
    service.walk.stop()


@pytest.mark.parametrize("error", FAILURES)
def test_a_step_that_fails_and_cannot_be_taken_back_is_made_good(service: Service, error: Exception) -> None:
    old = service.recogniser
    service.pipeline.error = error
    a_copy_of_sys(service.folder, 45_000, 3_000_000, "55.00")
    service.pass_s(12)
    assert old.is_closed and not service.governing.report()["steps"], "refused"
    service.fail_until_it_can()
    assert service.pipeline.config.stt.model == "small.en", "as it was before the step"


@pytest.mark.parametrize("error", FAILURES)
def test_a_reload_whose_recognition_cannot_be_made_is_made_good(service: Service, error: Exception) -> None:
    old, config = service.recogniser, service.pipeline.config
    new = config.with_values({"nlp.context_manager.max_history": 7})
    reloader = Reloader(config, lambda: new, service.walk, lambda config: None, service.renewal)
    service.pipeline.error = error
    assert reloader.reload()["applied"] == ["nlp.context_manager.max_history"]
    eventually(lambda: old.is_closed, "the old one is closed")
    service.fail_until_it_can()
    assert service.walk.taker.stations.responder is service.pipeline.responder


def test_a_step_that_can_be_taken_back_raises_no_alert(service: Service) -> None:
    told = service.board.hub.subscribe("test", frozenset({"alert"}))
    make = service.pipeline._make_stt
    errors: list[Exception | None] = [Unavailable("not here"), None]

    def fails_once(role: str = "stt") -> Any:
        service.pipeline.error = errors.pop(0)
        return make(role)

    service.pipeline._make_stt = fails_once  # type: ignore[method-assign]
    a_copy_of_sys(service.folder, 45_000, 3_000_000, "55.00")
    service.pass_s(12)
    assert not errors and not service.recogniser.is_closed
    assert ALERT not in [notice.fields["name"] for notice in iter(told.take, None)]
