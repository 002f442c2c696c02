"""The governor's hands: which steps there are for a configuration, and how one is taken while the service runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firmware_py import cores
from firmware_py.app import Appliance
from firmware_py.config import PRESETS, Config
from firmware_py.events import TurnTrace
from firmware_py.respond.board import Board as Sensors
from firmware_py.service.renewal import Renewal
from firmware_py.status.board import Board
from firmware_py.telemetry import host
from firmware_py.telemetry.governor import HEAT, LATENCY, MEMORY, Bounds, Governor, Step, Strain

ALL = frozenset({HEAT, MEMORY, LATENCY})

_log = logging.getLogger("rtva")


def bounds(config: Config) -> Bounds:
    governor = config.governor
    return Bounds(
        governor.temperature_c,
        governor.temperature_back_c,
        governor.available_mb,
        governor.pressure_percent,
        governor.stt_ms,
        governor.after_s,
        governor.back_s,
    )


def _threads(config: Config) -> int:
    return cores.recognition_threads(config.stt.optimization.num_workers, cores.available(), leaves_one=True)


def ladder(config: Config, threads: int) -> list[Step]:
    """The steps that make ``config`` lighter, the one that is missed least first; ``threads`` of one recognition."""
    steps = []
    if config.workers.mode == "process" and config.workers.standby != "none":
        steps.append(Step("no stand-bys", {"workers.standby": "none"}, frozenset({MEMORY})))
    if config.stt.streaming and config.stt.partial_results:
        steps.append(Step("no partial transcripts", {"stt.partial_results": False}, ALL))
    if lighter := _lighter_model(config):
        steps.append(Step("light model", lighter, ALL))
    if threads > 1:
        steps.append(Step("fewer threads", {"stt.optimization.num_workers": threads // 2}, frozenset({HEAT})))
    if config.pipeline.processing.mode == "async" and config.stt.streaming:
        steps.append(Step("no drafts", {"pipeline.processing.mode": "sync"}, frozenset({HEAT})))
    if config.stt.guided:
        steps.append(Step("open recognition", {"stt.guided": False}, frozenset({HEAT, LATENCY})))
    return steps


def _lighter_model(config: Config) -> dict[str, Any]:
    """The recognition of the guide's low-latency preset where it is lighter than the configured one."""
    light = str(PRESETS["low-latency"]["stt"]["model"])
    if config.stt.language not in ("en", "auto") and not config.stt.model.endswith(".en"):
        light = light.removesuffix(".en")
    values: dict[str, Any] = {}
    if config.stt.model.split(".")[0] != light.split(".")[0]:
        values["stt.model"] = light
    if config.stt.optimization.compute_type in ("float32", "float16"):
        values["stt.optimization.compute_type"] = "int8"
    return values


class Governing:
    """``each_second`` is called by the watch; a step is done by the turn thread, between two turns.

    ``root`` is where ``/sys`` and ``/proc`` are. ``enabled`` False gives back every step and takes none.
    """

    def __init__(
        self,
        appliance: Appliance,
        board: Board,
        renewal: Renewal,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.root = root
        self.let_stand_by: Callable[[bool], None] = lambda is_wanted: None
        """Has stand-bys kept, or ended; set by who has the workers."""
        self._appliance, self._board, self._renewal = appliance, board, renewal
        config = appliance.pipeline.config
        self._is_enabled = config.governor.enabled
        self._governor = Governor(ladder(config, _threads(config)), bounds(config), clock)
        self._raised: set[str] = set()

    def configure(self, config: Config) -> None:
        """New bounds of a reload; from now on."""
        self._governor.bounds, self._is_enabled = bounds(config), config.governor.enabled

    def add_turn(self, trace: TurnTrace | None) -> None:
        """A turn that is over; one in which nobody spoke says nothing."""
        if trace is not None and trace.transcript and "stt" in trace.stages_ms:
            self._governor.add_turn(trace.stages_ms["stt"])

    def each_second(self) -> None:
        governor = self._governor
        if not self._is_enabled:
            if governor.taken or governor.alerts:
                governor.taken, governor.alerts = [], {}
                self._apply()
            self._tell()
            return
        if governor.look(self.strain()):
            self._apply()
        self._tell()

    def strain(self) -> Strain:
        """The readings of this moment."""
        return Strain(
            Sensors(self.root).temperature_c(),
            host.memory_available_mb(self.root),
            host.memory_pressure_percent(self.root),
            self._governor.stt_ms(),
        )

    def report(self) -> dict[str, Any]:
        """For ``status``."""
        governor = self._governor
        return {
            "is_enabled": self._is_enabled,
            "steps": [{"name": t.step.name, "reason": t.reason, "value": round(t.value, 1)} for t in governor.taken],
            "left": len(governor.ladder) - len(governor.taken),
            "changes": governor.changes,
        }

    def _tell(self) -> None:
        alerts = dict(self._governor.alerts)
        for name in self._raised | set(alerts):
            self._board.set_alert(name, round(alerts[name], 1) if name in alerts else None)
        self._raised = set(alerts)

    def _apply(self) -> None:
        steps = [each.step for each in self._governor.taken]
        names = [step.name for step in steps]
        _log.warning("works %s", f"lighter: {', '.join(names)}" if names else "as configured again")
        self._board.hub.publish("governor", steps=names, reasons=sorted({t.reason for t in self._governor.taken}))
        values = self._governor.values()
        self._appliance.between_turns(lambda: self._do(steps, values))

    def _do(self, steps: list[Step], values: Mapping[str, Any]) -> None:
        """In the turn thread. A step whose engine cannot be made is refused, and what was before is made again."""
        try:
            self._appliance.pipeline.ease(values)
            self.let_stand_by(self._appliance.pipeline.config.workers.standby != "none")
            self._renewal.take()
        except Exception as error:  # whatever an engine raises: the one before it is closed already
            _log.error("the governor's step %r cannot be taken: %s", steps[-1].name if steps else "back", error)
            if steps:
                self._governor.refuse(steps[-1])
            before = {key: value for step in steps[:-1] for key, value in step.values.items()}
            self._renewal.change(lambda: self._appliance.pipeline.ease(before))
