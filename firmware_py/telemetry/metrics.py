"""The metrics as Prometheus reads them; every name is listed in ``docs/monitoring.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from firmware_py.events import State
from firmware_py.telemetry.hearing import Heard
from firmware_py.telemetry.statistics import Statistics
from firmware_py.telemetry.window import QUANTILES

BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
"""The bounds of the guide's Latency Goals are all among them."""


@dataclass(frozen=True)
class Now:
    """What is read at the moment of a scrape. ``gpu`` None: there is none. Shares are 0..1, counts only rise."""

    state: State = State.STARTING
    alerts: Iterable[str] = ()
    cpu: float = 0.0
    memory: float = 0.0
    gpu: float | None = None
    waiting: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    cache: tuple[int, int] = (0, 0)
    workers: list[dict[str, Any]] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    speech_cache: tuple[int, int] = (0, 0)
    faults: dict[str, int] = field(default_factory=dict)
    governor_steps: int = 0
    heard: Heard = field(default_factory=Heard)
    guards: dict[str, int] = field(default_factory=dict)
    language_model: dict[str, int] = field(default_factory=dict)
    own_commands: dict[str, int] = field(default_factory=dict)


COUNTS = {
    "shed": ("rtva_utterances_shed", "Utterances dropped because too many waited."),
    "lost_samples": ("rtva_capture_lost_samples", "Samples (16 kHz) that the capture device dropped."),
    "absent_samples": (
        "rtva_capture_absent_samples",
        "Samples (16 kHz) of the time without a capture device: muted, unplugged, busy.",
    ),
    "surplus_samples": (
        "rtva_capture_surplus_samples",
        "Samples (16 kHz) that came too many, from a device that ran faster than it said.",
    ),
    "overrun_samples": ("rtva_ring_overrun_samples", "Samples that the listener was too late for."),
    "playbacks_dropped": ("rtva_playbacks_dropped", "Answers and announcements that were dropped before they began."),
    "drafts_discarded": ("rtva_drafts_discarded", "Answers prepared in a pause that was none."),
    "drafts_failed": ("rtva_drafts_failed", "Drafts that an engine failed in; the work was done again."),
    "microphone_opened": ("rtva_microphone_opened", "Times the capture device was opened again."),
}


class Metrics:
    """A registry of its own: nothing global, nothing that another library registered."""

    def __init__(self, statistics: Statistics, read_now: Callable[[], Now]) -> None:
        self.registry = CollectorRegistry()
        self._statistics, self._read_now = statistics, read_now
        self._stages = Histogram(
            "rtva_stage_seconds", "Time of each stage of a turn.", ["stage"], buckets=BUCKETS_S, registry=self.registry
        )
        ProcessCollector(namespace="rtva", registry=self.registry)
        self.registry.register(self)

    def observe(self, stages_ms: dict[str, float]) -> None:
        """The stages of one turn."""
        for stage, ms in stages_ms.items():
            self._stages.labels(stage).observe(ms / 1000)

    def describe(self) -> list[Metric]:
        """Nothing is read while registering."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Asked by the registry at each scrape."""
        now = self._read_now()
        yield from self._latencies()
        yield from self._rates(now)
        yield from _machine(now)
        yield from _walk(now)
        yield from _workers(now)

    def _latencies(self) -> Iterator[Metric]:
        mean = GaugeMetricFamily("rtva_latency_mean_seconds", "Mean over the latest turns.", labels=["stage"])
        ranks = GaugeMetricFamily(
            "rtva_latency_seconds", "Percentiles over the latest turns.", labels=["stage", "quantile"]
        )
        for stage, spread in self._statistics.spreads().items():
            if not spread.count:
                continue
            mean.add_metric([stage], spread.mean / 1000)
            for q, ms in zip(QUANTILES, (spread.p50, spread.p95, spread.p99), strict=True):
                ranks.add_metric([stage, f"{q:g}"], ms / 1000)
        yield from (mean, ranks)

    def _rates(self, now: Now) -> Iterator[Metric]:
        statistics = self._statistics
        yield _counter("rtva_utterances", "Utterances answered.", statistics.turns)
        yield _counter("rtva_errors", "Turns that failed.", statistics.errors)
        yield _counter("rtva_drafts_used", "Turns whose answer was prepared in the pause.", statistics.drafts_used)
        yield _gauge("rtva_utterances_per_minute", "Utterances of the last minute.", statistics.per_minute())
        turns, errors = statistics.recent()
        tried = turns + errors
        yield _gauge("rtva_recent_turns", "Turns that the percentiles are made of.", turns)
        yield _gauge("rtva_recent_errors", "Turns of that time that failed.", errors)
        yield _gauge("rtva_error_ratio", "Share of the latest turns that failed.", errors / tried if tried else 0.0)
        hits, misses = now.cache
        yield _counter("rtva_cache_hits", "Replies taken from the cache.", hits)
        yield _counter("rtva_cache_misses", "Replies that were not in it.", misses)
        spoken, made = now.speech_cache
        yield _counter("rtva_speech_cache_hits", "Sentences whose sound was kept already.", spoken)
        yield _counter("rtva_speech_cache_misses", "Sentences whose sound had to be made.", made)
        asked = hits + misses
        yield _gauge("rtva_cache_hit_ratio", "Share of replies taken from the cache.", hits / asked if asked else 0.0)


def _machine(now: Now) -> Iterator[Metric]:
    yield _gauge("rtva_cpu_ratio", "Share of the processors' time in use on this machine.", now.cpu)
    yield _gauge("rtva_memory_ratio", "Share of the memory in use on this machine.", now.memory)
    if now.gpu is not None:
        yield _gauge("rtva_gpu_ratio", "Load of the GPU.", now.gpu)


def _walk(now: Now) -> Iterator[Metric]:
    yield _gauge("rtva_queue_waiting", "Utterances that wait for the one being answered.", now.waiting)
    state = GaugeMetricFamily("rtva_state", "1 for the state it is in.", labels=["state"])
    for each in State:
        state.add_metric([each.value], float(each is now.state))
    yield state
    alert = GaugeMetricFamily("rtva_alert", "1 for each alert that is on.", labels=["alert"])
    for name in now.alerts:
        alert.add_metric([name], 1.0)
    yield alert
    yield _gauge("rtva_governor_steps", "Steps by which rtva works lighter than configured.", now.governor_steps)
    for key, (name, text) in COUNTS.items():
        if key in now.counts:
            yield _counter(name, text, now.counts[key])
    faults = CounterMetricFamily("rtva_microphone_faults", "What went wrong with the microphone.", labels=["fault"])
    for fault, count in now.faults.items():
        faults.add_metric([fault], count)
    yield faults
    yield from now.heard.metrics()
    guards = CounterMetricFamily("rtva_guard_fired", "What kept noise from being words or answered.", labels=["guard"])
    for guard, count in now.guards.items():
        guards.add_metric([guard], count)
    yield guards
    answers = CounterMetricFamily(
        "rtva_language_model", "Sentences for the language model, and what came of them.", labels=["what"]
    )
    for what, count in now.language_model.items():
        answers.add_metric([what], count)
    yield answers
    actions = CounterMetricFamily("rtva_actions", "Actions of the user's own commands: done, failed.", labels=["what"])
    for what in ("done", "failed"):
        actions.add_metric([what], now.own_commands.get(what, 0))
    yield actions
    dropped = CounterMetricFamily("rtva_notices_dropped", "Changes that a face was too slow for.", labels=["face"])
    for face, count in now.dropped.items():
        dropped.add_metric([face], count)
    yield dropped


def _workers(now: Now) -> Iterator[Metric]:
    up = GaugeMetricFamily("rtva_worker_up", "1 while the engine's process serves.", labels=["kind"])
    rss = GaugeMetricFamily("rtva_worker_resident_bytes", "Resident memory of it.", labels=["kind"])
    ended = CounterMetricFamily("rtva_worker_ended", "Processes that crashed or were killed.", labels=["kind", "how"])
    for worker in now.workers:
        kind = str(worker["kind"])
        up.add_metric([kind], float(worker["state"] in ("ready", "busy")))
        rss.add_metric([kind], worker["rss_bytes"])
        for how in ("crashed", "killed"):
            ended.add_metric([kind, how], worker[how])
    yield from (up, rss, ended)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)
