"""Figures and alerts of a running service: collects them from the appliance and hands them to the exporters."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from firmware_py.app import Appliance
from firmware_py.config import Config
from firmware_py.errors import RtvaError
from firmware_py.respond.board import Board as Sensors
from firmware_py.service.controls import ServiceControls
from firmware_py.status.board import Board
from firmware_py.telemetry import host
from firmware_py.telemetry.alerts import CPU_FOR_S, AlertWatch, Readings, Thresholds
from firmware_py.telemetry.statistics import Statistics
from firmware_py.telemetry.window import Window

TOPICS = frozenset({"turn", "failure", "state", "ear", "alert", "stuck", "muted", "volume", "shed", "fault"})

_log = logging.getLogger("rtva")


def thresholds(config: Config) -> Thresholds:
    alerts = config.alerts
    return Thresholds(
        alerts.latency_ms, alerts.error_percent, alerts.cpu_percent, alerts.memory_percent, alerts.queue_waiting
    )


class Measures:
    """``each_second`` is called by the watch; turns and failures come through a queue, and are logged here."""

    def __init__(self, board: Board, config: Config) -> None:
        self.statistics = Statistics()
        self.alerts = AlertWatch(thresholds(config), board.set_alert)
        self.observe: Callable[[dict[str, float]], None] = lambda stages_ms: None
        self.cpu = 0.0
        self.memory = host.memory_used()
        self._cpu, self._cpu_minute = host.Cpu(), Window(CPU_FOR_S)
        self._sensors, self._gpu = Sensors(), host.find_gpu()
        self._subscription = board.hub.subscribe("measures", TOPICS, size=256)
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measures", daemon=True)
        self._thread.start()

    def each_second(self, waiting: int) -> None:
        """Looks at the machine and judges the alerts."""
        self._cpu_minute.add(self._cpu.used())
        self.cpu = self._cpu_minute.spread().mean
        self.memory = host.memory_used()
        turns, errors = self.statistics.recent()
        answer = self.statistics.spreads().get("answer")
        self.alerts.look(
            Readings(turns, errors, answer.p95 if answer else 0.0, self.cpu * 100, self.memory * 100, waiting)
        )

    def report(self) -> dict[str, Any]:
        """For ``status``: milliseconds by stage."""
        return {
            name: {key: round(value, 1) for key, value in asdict(spread).items()}
            for name, spread in self.statistics.spreads().items()
        }

    def machine(self) -> dict[str, Any]:
        """For ``status``: the machine's load in percent (processors: mean of a minute), and its temperature."""
        temperature_c = self._sensors.temperature_c()
        return {
            "cpu_percent": round(100 * self.cpu, 1),
            "memory_percent": round(100 * self.memory, 1),
            "gpu_percent": round(100 * self._gpu(), 1) if self._gpu else None,
            "temperature_c": None if temperature_c is None else round(temperature_c, 1),
            "utterances_per_minute": self.statistics.per_minute(),
        }

    def close(self) -> None:
        self._is_closing.set()
        self._subscription.wake()
        self._thread.join(2.0)
        self._subscription.close()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            notice = self._subscription.get(None)
            while notice is not None:
                self._take(notice.topic, dict(notice.fields))
                notice = self._subscription.take()

    def _take(self, topic: str, told: dict[str, Any]) -> None:
        if topic == "turn":
            self.observe(self.statistics.add_turn(told))
        elif topic == "failure":
            self.statistics.add_error()
        level, words, facts = log_line(topic, told)
        if words:
            _log.log(level, "%s", words, extra={"facts": facts})


def log_line(topic: str, told: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
    """Level, words and facts of a change; no words for one that is not worth a line."""
    if topic == "turn" and told["transcript"]:
        facts = {k: told[k] for k in ("transcript", "intent", "reply", "answer_ms", "gap_ms")}
        return logging.INFO, "turn", {**facts, "guards": ",".join(told["guards"])} if told.get("guards") else facts
    if topic == "ear":
        level = {"lost": logging.ERROR, "closed": logging.INFO}.get(told["ear"], logging.INFO)
        return level, f"microphone {told['ear']}", {"reason": told["reason"]} if told["reason"] else {}
    if topic == "alert":
        word = "raised" if told["is_on"] else "over"
        return logging.WARNING, f"alert {told['name']} {word}", {"value": told["value"]}
    if topic == "fault":
        return logging.WARNING, f"microphone fault {told['name']}", {k: told[k] for k in ("count", "lost_samples")}
    if topic == "shed":
        return logging.WARNING, f"an utterance was dropped unheard: {told['reason']}", {}
    if topic == "stuck" and told["parts"]:
        return logging.CRITICAL, "the walk does not move", {"parts": ",".join(told["parts"])}
    return logging.DEBUG, "", {}


class Exporters:
    """What the configuration names under ``metrics``; nothing is imported where it names nothing."""

    def __init__(self, config: Config, measures: Measures, appliance: Appliance, controls: ServiceControls) -> None:
        self._open: list[Any] = []
        metrics = config.metrics
        if metrics.socket is None and metrics.port is None and metrics.textfile is None:
            return
        from firmware_py.telemetry.exporter import HttpExporter, TextfileExporter
        from firmware_py.telemetry.metrics import Metrics

        gpu = host.find_gpu()
        registry = Metrics(measures.statistics, lambda: read_now(measures, appliance, controls, gpu))
        measures.observe = registry.observe
        for where in (metrics.socket, metrics.port):
            if where is not None:
                try:
                    self._open.append(HttpExporter(where, registry.registry))
                except RtvaError as error:
                    _log.error("%s", error)
        if metrics.textfile is not None:
            self._open.append(TextfileExporter(metrics.textfile, metrics.textfile_interval_s, registry.registry))

    def close(self) -> None:
        while self._open:
            self._open.pop().close()


def read_now(
    measures: Measures, appliance: Appliance, controls: ServiceControls, gpu: Callable[[], float] | None
) -> Any:
    """The readings of this moment."""
    from firmware_py.telemetry.hearing import Heard
    from firmware_py.telemetry.metrics import Now

    status, board = controls.status(), controls.board
    replies, speech = (status["caches"].get(name, {}) for name in ("responses", "speech"))
    return Now(
        state=board.state,
        alerts=status["alerts"],
        cpu=measures.cpu,
        memory=measures.memory,
        gpu=gpu() if gpu else None,
        waiting=appliance.queue.waiting(),
        counts=status["counts"],
        cache=(replies.get("hits", 0), replies.get("misses", 0)),
        speech_cache=(speech.get("hits", 0), speech.get("misses", 0)),
        workers=status["workers"],
        dropped=status["faces"].get("dropped", {}),
        faults=status["faults"],
        governor_steps=len(status["governor"].get("steps", ())),
        language_model=status["language_model"],
        own_commands=status["own_commands"],
        heard=Heard(status["wake"], status["interruption"]),
        guards=status["guards"],
    )
