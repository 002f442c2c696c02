"""The figures: against numpy, against prometheus-client's own parser, against the guide's thresholds and promtool."""

from __future__ import annotations

import logging
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from status_lab import eventually

from firmware_py.config import Config
from firmware_py.errors import Unavailable
from firmware_py.events import State
from firmware_py.telemetry import alerts as alerts_module
from firmware_py.telemetry import host, journal
from firmware_py.telemetry.alerts import AlertWatch, Readings, Thresholds
from firmware_py.telemetry.exporter import HttpExporter, TextfileExporter
from firmware_py.telemetry.hearing import ECHO_COUNTS, ECHO_DB, Heard
from firmware_py.telemetry.metrics import COUNTS, Metrics, Now
from firmware_py.telemetry.statistics import Statistics
from firmware_py.telemetry.window import Window, spread

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy" / "monitoring" / "rtva.rules.yml"
TURN = {"transcript": "hi", "intent": "x", "stages_ms": {"stt": 80.0}, "answer_ms": 210.0, "gap_ms": None}
TURN = {**TURN, "draft_hit": True}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_percentiles_are_numpys(values: list[float]) -> None:
    found = spread(values)
    expected = np.percentile(values, [50, 95, 99])
    assert np.allclose([found.p50, found.p95, found.p99], expected, rtol=1e-9, atol=1e-6)
    assert np.isclose(found.mean, np.mean(values)) and found.count == len(values)


def test_a_window_forgets() -> None:
    now = [0.0]
    window = Window(10.0, clock=lambda: now[0])
    for second in range(30):
        now[0] = second
        window.add(second)
    assert window.values() == list(range(19, 30)) and window.per_minute() == 11
    now[0] = 100
    assert window.spread().count == 0 and window.per_minute() == 0


def watch(thresholds: Thresholds | None = None) -> tuple[AlertWatch, dict[str, float], list[float]]:
    on: dict[str, float] = {}
    now = [0.0]

    def set_alert(name: str, value: float | None) -> None:
        on.pop(name, None)
        if value is not None:
            on[name] = value

    return AlertWatch(thresholds or Thresholds(), set_alert, clock=lambda: now[0]), on, now


@pytest.mark.parametrize(
    ("name", "within", "beyond", "for_s"),
    [
        ("latency", Readings(turns=20, latency_p95_ms=500), Readings(turns=20, latency_p95_ms=501), 0),
        ("errors", Readings(turns=95, errors=5), Readings(turns=94, errors=6), 0),
        ("cpu", Readings(cpu_percent=80), Readings(cpu_percent=81), 60),
        ("memory", Readings(memory_percent=90), Readings(memory_percent=91), 0),
        ("queue", Readings(waiting=1), Readings(waiting=2), 5),
    ],
)
def test_an_alert_is_on_beyond_its_threshold_for_its_time(
    name: str, within: Readings, beyond: Readings, for_s: float
) -> None:
    watcher, on, now = watch()
    watcher.look(within)
    now[0] += 1000
    watcher.look(within)
    assert on == {}
    watcher.look(beyond)
    if for_s:
        assert on == {}, "not yet"
        now[0] += for_s - 0.1
        watcher.look(beyond)
        assert on == {}
        now[0] += 0.1
        watcher.look(beyond)
    assert list(on) == [name]
    watcher.look(within)
    assert on == {}


def test_too_few_turns_are_no_series() -> None:
    watcher, on, _ = watch()
    watcher.look(Readings(turns=2, errors=1, latency_p95_ms=9000))
    assert on == {}


def test_the_defaults_are_the_guides_and_the_rules_have_the_same() -> None:
    rules = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    limit = Thresholds()
    expected = {
        "RtvaLatencyHigh": (limit.latency_ms / 1000, 0.0),
        "RtvaErrors": (limit.error_percent / 100, 0.0),
        "RtvaCpuHigh": (limit.cpu_percent / 100, alerts_module.CPU_FOR_S),
        "RtvaMemoryHigh": (limit.memory_percent / 100, 0.0),
        "RtvaQueueLong": (float(limit.queue_waiting), alerts_module.QUEUE_FOR_S),
    }
    for name, (threshold, for_s) in expected.items():
        rule = rules[name]
        found = re.search(r"> (=? ?[\d.]+)|>= ([\d.]+)", rule["expr"])
        assert found is not None
        assert float(found.group(1) or found.group(2)) == threshold
        seconds = {"1m": 60.0, "5s": 5.0, "": 0.0}[rule.get("for", "")]
        assert seconds == for_s
    assert f">= {alerts_module.LEAST_TURNS}" in rules["RtvaLatencyHigh"]["expr"]
    assert f">= {alerts_module.LEAST_ERRORS}" in rules["RtvaErrors"]["expr"]
    shown = Config.default().alerts.model_dump(exclude={"microphone_s"})  # the microphone's own, not a figure's
    assert Thresholds(**shown) == limit


def test_promtool_agrees() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; the Debian package prometheus brings it")
    for command in ("check", "test"):
        file = "rtva.rules.yml" if command == "check" else "rtva.rules.test.yml"
        done = subprocess.run([promtool, command, "rules", file], cwd=RULES.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


ECHO: dict[str, Any] = {**dict.fromkeys(ECHO_DB, -61.0), **dict.fromkeys(ECHO_COUNTS, 0), "is_trusted": True}
HEARD = Heard(
    {"words": {"alexa": {"heard": 3, "near": 2}}, "unused": 1},
    {"by": "any_speech", "count": 5, "by_speech": 4, "echo": ECHO},
)


@pytest.fixture
def metrics() -> Metrics:
    statistics = Statistics()
    for ms in (100.0, 200.0, 700.0):
        statistics.add_turn({**TURN, "answer_ms": ms})
    statistics.add_error()
    worker: dict[str, Any] = {"kind": "stt", "state": "ready", "rss_bytes": 5, "crashed": 1, "killed": 2}
    found = Metrics(
        statistics,
        lambda: Now(
            State.SPEAKING,
            ["cpu"],
            0.5,
            0.25,
            0.75,
            1,
            dict.fromkeys(COUNTS, 4),
            (3, 1),
            [worker],
            {"serial": 9},
            (5, 2),
            heard=HEARD,
        ),
    )
    found.observe({"stt": 80.0})
    return found


EXPECTED = {
    ("rtva_latency_seconds", ("0.5", "answer")): 0.2,
    ("rtva_latency_mean_seconds", ("answer",)): 1 / 3,
    ("rtva_utterances_total", ()): 3.0,
    ("rtva_errors_total", ()): 1.0,
    ("rtva_error_ratio", ()): 0.25,
    ("rtva_utterances_per_minute", ()): 3.0,
    ("rtva_cache_hit_ratio", ()): 0.75,
    ("rtva_speech_cache_hits_total", ()): 5.0,
    ("rtva_speech_cache_misses_total", ()): 2.0,
    ("rtva_cpu_ratio", ()): 0.5,
    ("rtva_memory_ratio", ()): 0.25,
    ("rtva_gpu_ratio", ()): 0.75,
    ("rtva_queue_waiting", ()): 1.0,
    ("rtva_utterances_shed_total", ()): 4.0,
    ("rtva_state", ("speaking",)): 1.0,
    ("rtva_state", ("idle",)): 0.0,
    ("rtva_alert", ("cpu",)): 1.0,
    ("rtva_worker_up", ("stt",)): 1.0,
    ("rtva_worker_ended_total", ("killed", "stt")): 2.0,
    ("rtva_notices_dropped_total", ("serial",)): 9.0,
    ("rtva_stage_seconds_count", ("stt",)): 1.0,
    ("rtva_stage_seconds_bucket", ("0.1", "stt")): 1.0,
    ("rtva_stage_seconds_bucket", ("0.05", "stt")): 0.0,
}


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.values()))): s.value for family in families for s in family.samples}


def test_every_metric_of_the_guide_is_there_and_right(metrics: Metrics, tmp_path: Path) -> None:
    written: list[None] = []
    exporter = TextfileExporter(tmp_path / "rtva.prom", 60, metrics.registry, lambda: written.append(None))
    eventually(lambda: written)
    found = samples((tmp_path / "rtva.prom").read_text())
    assert {key: found[key] for key in EXPECTED} == pytest.approx(EXPECTED)
    exporter.close()
    assert list(tmp_path.iterdir()) == [], "no old figure lives on, nor a temporary file"


def test_over_http_on_a_unix_socket_and_on_loopback(metrics: Metrics, tmp_path: Path) -> None:
    exporter = HttpExporter(tmp_path / "m.sock", metrics.registry)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / "m.sock"))
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert b"200" in head.split(b"\r\n")[0] and samples(body.decode())[("rtva_cpu_ratio", ())] == 0.5
    assert oct((tmp_path / "m.sock").stat().st_mode & 0o777) == "0o660"
    exporter.close()
    assert not (tmp_path / "m.sock").exists()
    exporter = HttpExporter(0, metrics.registry)
    with urllib.request.urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=10) as answer:
        assert samples(answer.read().decode())[("rtva_utterances_total", ())] == 3.0
    with pytest.raises(Unavailable, match=r"network\.conf"):
        HttpExporter(exporter.port, metrics.registry)
    exporter.close()


def test_the_documented_metrics_are_the_real_ones(metrics: Metrics) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    documented = set(re.findall(r"^\| `(rtva_\w+?)(?:\{.*?\})?` ", page, re.M))
    real = {family.name + ("_total" if family.type == "counter" else "") for family in metrics.registry.collect()}
    process = {name for name in real if name.startswith("rtva_process")}
    assert documented == real - process


def test_the_machine(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    stat, meminfo = tmp_path / "proc" / "stat", tmp_path / "proc" / "meminfo"
    stat.write_text("cpu  100 0 100 800 0 0 0 0 0 0\n")
    cpu = host.Cpu(tmp_path)
    stat.write_text("cpu  175 0 100 820 5 0 0 0 0 0\n")
    assert cpu.used() == pytest.approx(0.75)
    assert cpu.used() == 0.0, "no time has passed"
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\n")
    assert host.memory_used(tmp_path) == 0.75
    assert host.memory_used(tmp_path / "none") == 0.0 and host.Cpu(tmp_path / "none").used() == 0.0
    assert host.resident_bytes() > 1_000_000 and host.resident_bytes(0) == 0
    assert host.find_gpu(tmp_path) is None
    load = tmp_path / "sys" / "devices" / "platform" / "gpu.0" / "load"
    load.parent.mkdir(parents=True)
    load.write_text("420\n")
    read = host.find_gpu(tmp_path)
    assert read is not None and read() == 0.42


def test_journal_lines_have_priority_and_facts() -> None:
    record = logging.LogRecord("rtva.x", logging.WARNING, "", 0, "two\nlines", (), None)
    record.facts = {"text": 'say "hi"', "none": None, "n": 3, "yes": True, "empty": "", "eq": "a=b"}
    line = journal.FactsFormatter(for_journal=True).format(record)
    assert line == '<4>rtva.x: two\n<4>rtva.x: lines text="say \\"hi\\"" none=- n=3 yes=true empty="" eq="a=b"'
    record = logging.LogRecord("rtva", logging.DEBUG, "", 0, "x", (), None)
    assert journal.FactsFormatter(for_journal=False).format(record) == "rtva: DEBUG: x"


def test_the_journal_is_known_by_its_inode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        status = (tmp_path / "log").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert journal.is_journal(stream)
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:1")
        assert not journal.is_journal(stream)


def test_every_metric_of_the_grafana_dashboard_exists() -> None:
    import json

    dashboard = json.loads((RULES.parent / "rtva-grafana.json").read_text())
    everything = Now(gpu=0.5, counts=dict.fromkeys(COUNTS, 1), alerts=["cpu"], dropped={"control": 1}, workers=[
        {"kind": "stt", "state": "ready", "rss_bytes": 1, "crashed": 0, "killed": 0}])  # fmt: skip
    metrics = Metrics(Statistics(), lambda: everything)
    metrics.observe({"stt": 50.0})
    there = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    there |= {"rtva_latency_seconds", "rtva_latency_mean_seconds"}
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for expression in asked for name in re.findall(r"\brtva_[a-z_]+", expression)}
    assert len(named) > 20 and named <= there, named - there
    stages = {stage for expression in asked for stage in re.findall(r'stage="(\w+)"', expression)}
    assert stages == {"audio", "vad", "stt", "nlu", "reply", "tts_first", "answer", "gap"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert "__inputs" not in dashboard and "${datasource}" in json.dumps(dashboard)


def exported(heard: Heard) -> dict[tuple[str, tuple[str, ...]], float]:
    return samples(generate_latest(Metrics(Statistics(), lambda: Now(heard=heard)).registry).decode())


def test_who_is_heard_and_what_is_left_of_the_loudspeaker_are_metrics(metrics: Metrics) -> None:
    found = samples(generate_latest(metrics.registry).decode())
    assert found[("rtva_wake_words_total", ("alexa", "near"))] == 2 and found[("rtva_wake_unused_total", ())] == 1
    assert found[("rtva_interruptions_total", ("speech",))] == 4
    assert found[("rtva_interruptions_total", ("wake_word",))] == 1
    assert found[("rtva_interruption_by", ("any_speech",))] == 1 and found[("rtva_interruption_by", ("nothing",))] == 0
    assert found[("rtva_echo_residual_db", ())] == -61 and found[("rtva_echo_is_trusted", ())] == 1


def test_what_is_not_known_yet_has_no_sample() -> None:
    unknown = Heard(interruption={**HEARD.interruption, "echo": {**ECHO, "residual_db": None}})
    found = samples(generate_latest(Metrics(Statistics(), lambda: Now(heard=unknown)).registry).decode())
    assert ("rtva_echo_room_db", ()) in found and ("rtva_echo_residual_db", ()) not in found
    found = samples(generate_latest(Metrics(Statistics(), Now).registry).decode())
    assert not any(name.startswith(("rtva_echo", "rtva_interruption")) for name, _ in found)
