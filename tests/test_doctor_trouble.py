"""The guide's troubleshooting answers and its checklist: each on a board or a service that has the fault."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_py import config
from firmware_py.__main__ import main
from firmware_py.config import Effective, describe
from firmware_py.doctor import Case, Finding, checklist, trend, trouble
from firmware_py.doctor.processes import busiest
from firmware_py.doctor.trouble import TOPICS
from firmware_py.stt.device import has_cuda_build

SPREAD = {"mean": 1.0, "p50": 1.0, "p95": 1.0, "p99": 1.0}
WIRED = "audio: {input: {device: 'plughw:CARD=Array,DEV=0'}, output: {device: 'hw:1,0'}}"
CARD = " 0 [Array          ]: USB-Audio - ReSpeaker\n"
QUIET: dict[str, Any] = {
    "latency_ms": {"stt": {**SPREAD, "p95": 40.0}, "answer": SPREAD},
    "counts": {"lost_samples": 0, "overrun_samples": 0, "microphone_opened": 1},
    "machine": {"cpu_percent": 20.0},
    "workers": [{"kind": "stt", "rss_bytes": 135e6}],
    "floor_db": -60.0,
}


def case(tmp_path: Path, text: str = "", status: dict[str, Any] | None = None) -> Case:
    """A healthy board with a healthy service, but for what is given."""
    (tmp_path / "proc").mkdir(exist_ok=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\n")
    (tmp_path / "proc/loadavg").write_text("0.10 0.1 0.1 1/100 1\n")
    return Case(Effective(config.from_text(text)), root=tmp_path, read_service=lambda: {**QUIET, **(status or {})})


def answer(case: Case, topic: str, name: str) -> Finding:
    return next(f for f in trouble.answers(case, topic) if f.name == f"{topic}: {name}")


FAULTS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("latency", "stages", "", {"latency_ms": {"stt": {**SPREAD, "p95": 300}}}, "make native"),
    ("latency", "stages", "stt: {model: base}", {"latency_ms": {"stt": {**SPREAD, "p95": 300}}}, "stt.model"),
    ("latency", "stages", "", {"latency_ms": {"vad": {**SPREAD, "p95": 30}}}, "vad.engine"),
    ("latency", "stages", "", {"latency_ms": {"answer": {**SPREAD, "p95": 900}}}, "rtva trace"),
    ("latency", "model size", "stt: {model: base.en}", {"latency_ms": {"stt": {**SPREAD, "p95": 300}}}, "stt.model"),
    ("latency", "model size", "stt: {model: medium}", {"latency_ms": {}}, "stt.model"),
    ("latency", "small buffers", "audio: {input: {chunk_size: 4096}, output: {buffer_size: 8192}}", {},
     "audio.input.chunk_size to 1024 and audio.output.buffer_size to 2048"),
    ("latency", "features", "pipeline: {processing: {mode: sync}}", {}, "pipeline.processing.mode"),
    ("latency", "features", "stt: {language: auto, model: base}", {}, "stt.language"),
    ("drop-outs", "large buffers", "", {"counts": {"lost_samples": 512}}, "audio.input.chunk_size"),
    ("drop-outs", "late listener", "", {"counts": {"overrun_samples": 160}}, "num_workers"),
    ("drop-outs", "driver", "", {"counts": {"microphone_opened": 4}}, "dmesg"),
    ("drop-outs", "wired", "audio: {input: {device: 'bluealsa:DEV=1'}}", {}, "audio.*.device"),
    ("memory", "quantization", "stt: {optimization: {compute_type: float16}}", {}, "compute_type to int8"),
    ("memory", "cache size", "response_generation: {cache: {size: 500000}}", {}, "cache.size"),
    ("memory", "history", "nlp: {context_manager: {max_history: 500}}", {}, "max_history"),
    ("memory", "cache age", "response_generation: {cache: {ttl: 9000000}}", {}, "cache.ttl"),
    ("cpu", "sample rate", "audio: {input: {sample_rate: 48000}}", {}, "audio.input.sample_rate"),
    ("cpu", "buffers", "audio: {input: {chunk_size: 128}}", {"machine": {"cpu_percent": 95}}, "chunk_size to 1024"),
    ("cpu", "models", "stt: {model: base}", {"machine": {"cpu_percent": 95}}, "stt.model to tiny.en and vad.engine"),
]  # fmt: skip


@pytest.mark.parametrize(("topic", "name", "text", "status", "knob"), FAULTS)
def test_an_answer_names_the_knob(
    topic: str, name: str, text: str, status: dict[str, Any], knob: str, tmp_path: Path
) -> None:
    found = answer(case(tmp_path, text, status), topic, name)
    assert found.status == "warn" and knob in found.advice, found
    assert trouble.summary(case(tmp_path, text, status), topic).status == "warn"


def test_a_board_that_is_well_has_nothing_to_turn(tmp_path: Path) -> None:
    (tmp_path / "proc/asound").mkdir(parents=True)
    (tmp_path / "proc/asound/cards").write_text(CARD)
    for topic in TOPICS:
        found = list(trouble.answers(case(tmp_path, WIRED), topic))
        assert [f.status for f in found] == ["ok"] * 5, found
    silent = Case(Effective(config.from_text("")), root=tmp_path)
    assert {f.status for topic in TOPICS for f in trouble.answers(silent, topic)} == {"ok", "skip"}


def test_every_knob_that_is_named_exists() -> None:
    text = Path(trouble.__file__).read_text() + Path(checklist.__file__).read_text()
    keys = set(describe())
    sections = "|".join(sorted({key.split(".")[0] for key in keys}))
    named = set(re.findall(rf"(?<![.\w])((?:{sections})(?:\.[a-z_]+)+)\b(?! *[(=])", text))
    said = {name for name in named if re.search(rf'"[^"\n]*(?<![.\w{{]){re.escape(name)}(?![(\w])[^"\n]*"', text)}
    known = keys | {"metrics"}
    assert len(said) > 20 and not {name for name in said if name not in known}, {n for n in said if n not in known}


def test_a_full_memory_a_busy_machine_and_a_gpu_are_seen(tmp_path: Path) -> None:
    sick = case(tmp_path, "stt: {optimization: {device: cpu}}")
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4000000 kB\nMemAvailable: 100000 kB\n")
    (tmp_path / "proc/loadavg").write_text("900.0 1 1 1/1 1\n")
    (tmp_path / "proc/device-tree").mkdir()
    (tmp_path / "proc/device-tree/model").write_text("NVIDIA Jetson Orin Nano\0")
    assert "stt.model" in answer(sick, "memory", "model size").advice
    assert answer(sick, "drop-outs", "background").status == "warn"
    for topic in ("latency", "cpu"):
        assert "stt.optimization.device" in answer(sick, topic, "GPU").advice


@pytest.mark.parametrize(
    ("found", "device", "status", "said"),
    [
        ({"devices": [], "is_built": False, "missing": "this build has no CUDA"}, "auto", "warn", "make native-cuda"),
        ({"devices": [], "is_built": False, "missing": "this build has no CUDA"}, "cpu", "warn", "device to auto"),
        ({"devices": [], "is_built": True, "missing": "no driver"}, "auto", "warn", "nvidia-smi"),
        ({"devices": ["H100"], "is_built": True, "missing": ""}, "cpu", "warn", "device to auto"),
        ({"devices": ["H100"], "is_built": True, "missing": ""}, "auto", "ok", "CUDA on H100"),
    ],
)
def test_a_gpu_counts_when_the_build_can_use_it(
    found: dict[str, Any], device: str, status: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trouble, "cuda", lambda: found)
    board = case(tmp_path, f"stt: {{optimization: {{device: {device}}}}}")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    line = next(f for f in checklist.run(board) if f.name.startswith("GPU acceleration"))
    for seen in (answer(board, "latency", "GPU"), answer(board, "cpu", "GPU"), line):
        assert seen.status == status and said in seen.message + seen.advice, seen


def test_this_build_is_asked_about_cuda(tmp_path: Path) -> None:
    found = trouble.cuda()
    assert found["is_built"] == has_cuda_build() and bool(found["missing"]) != bool(found["devices"])
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()
    assert answer(case(tmp_path), "latency", "GPU").status == ("ok" if found["devices"] else "warn")


@pytest.mark.parametrize("kind", ["float16", "float32"])
def test_memory_beside_int8_is_what_was_measured(kind: str, tmp_path: Path) -> None:
    said = answer(case(tmp_path, f"stt: {{optimization: {{compute_type: {kind}}}}}"), "memory", "quantization").message
    assert "1.15 to 1.20 times" in said and "float16" in said
    table = (Path(__file__).parent.parent / "bench/results/matrix.md").read_text()
    shares = [float(s) for s in re.findall(r"^\| [\w.]+ \| int8 \| \d+% \| [^|]+ \| ([\d.]+) \|", table, re.M)]
    assert (round(1 / max(shares), 2), round(1 / min(shares), 2)) == (1.15, 1.20)


@pytest.mark.parametrize(
    ("cards", "text", "said"),
    [("", WIRED, "no sound card"), ("--- no soundcards ---\n", WIRED, "no sound card"), (CARD, "", "default"),
     (CARD, "audio: {input: {device: pulse}, output: {device: 'hw:0'}}", "pulse")],
)  # fmt: skip
def test_wired_is_said_only_where_it_shows(cards: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "proc/asound").mkdir(parents=True)
    (tmp_path / "proc/asound/cards").write_text(cards)
    found = answer(case(tmp_path, text), "drop-outs", "wired")
    assert found.status == "skip" and said in found.message


@pytest.mark.parametrize("option", [["--checklist"], ["--trouble", "all"], ["--measure"], ["--board"]])
def test_a_configuration_that_cannot_be_read_is_not_judged(
    option: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "c.yaml"
    broken.write_text("stt: {modle: x}")
    for file, code in ((broken, 78), (tmp_path / "gone.yaml", 66)):
        assert main(["doctor", "--config", str(file), *option]) == code
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and str(file) in err


def test_who_is_busy_is_seen_and_rtva_itself_is_not_blamed(tmp_path: Path) -> None:
    def stat(pid: int, name: str, ticks: int) -> None:
        (tmp_path / f"proc/{pid}").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"proc/{pid}/stat").write_text(f"{pid} ({name}) S" + " 0" * 10 + f" {ticks} 0 0")

    stat(10, "back (up) d", 0)
    stat(11, "rtva", 0)
    assert busiest(tmp_path, 0.0) == [("back (up) d (10)", 0.0)]
    (tmp_path / "proc/12").mkdir()
    (tmp_path / "proc/12/stat").write_text("garbage")
    assert len(busiest(tmp_path, 0.0)) == 1


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("Using appropriate model size", "stt: {model: small.en}", {"latency_ms": {"stt": {**SPREAD, "p95": 900}}}),
    ("Audio buffer sizes", "", {"counts": {"lost_samples": 9}}),
    ("Audio buffer sizes", "audio: {input: {chunk_size: 8192}}", {}),
    ("Streaming enabled", "tts: {streaming: false}", {}),
    ("Caching enabled", "response_generation: {cache: {enabled: false}}", {}),
    ("VAD properly", "vad: {engine: webrtc}", {"floor_db": -30.0}),
    ("VAD properly", "vad: {padding_duration_ms: 0}", {}),
    ("No unnecessary logging", "", {"record": {"is_on": True}}),
]


@pytest.mark.parametrize(("line", "text", "status"), WRONG)
def test_a_line_of_the_checklist_can_fail(line: str, text: str, status: dict[str, Any], tmp_path: Path) -> None:
    found = {f.name: f for f in checklist.run(case(tmp_path, text, status))}
    [wrong] = [f for name, f in found.items() if name.startswith(line)]
    assert wrong.status == "warn" and wrong.advice


def test_the_checklist_has_the_guides_ten_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "home"))
    well = {f.name: f.status for f in checklist.run(case(tmp_path))}
    assert list(well.values()) == ["ok", "skip", *["ok"] * 7, "warn"], well
    assert list(well) == [
        "Using appropriate model size for use case",
        "GPU acceleration enabled (if available)",
        "Audio buffer sizes optimized",
        "Streaming enabled at all stages",
        "Caching enabled",
        "VAD properly configured",
        "No unnecessary logging in production",
        "Background processes minimized",
        "System resources monitored",
        "Regular profiling performed",
    ]
    trend.append({"total_ms": 180.0})
    assert checklist.profiled(case(tmp_path)).status == "ok"
    trend.path().write_text(json.dumps({"at": time.time() - 30 * 86_400, "total_ms": 1.0}) + "\n")
    assert checklist.profiled(case(tmp_path)).status == "warn"


def test_debug_logging_is_seen_in_the_services_own_environment(tmp_path: Path) -> None:
    (tmp_path / "proc/77").mkdir(parents=True)
    (tmp_path / "proc/77/environ").write_bytes(b"A=b\0RTVA_LOG=debug\0")
    assert checklist.logging(case(tmp_path, status={"pid": 77})).status == "warn"
    assert checklist.logging(case(tmp_path, status={"pid": 78})).status == "ok"


def test_the_trend_is_bounded_and_survives_torn_lines(tmp_path: Path) -> None:
    file = tmp_path / "x" / "trend.jsonl"
    for n in range(trend.MOST_LINES + 5):
        entries = trend.append({"total_ms": float(n + 100)}, file)
    assert len(entries) == trend.MOST_LINES == len(file.read_text().splitlines())
    with file.open("a") as out:
        out.write('{"at": 1, "total')
    assert trend.newest(file)["total_ms"] == trend.MOST_LINES + 104  # type: ignore[index]
    file.write_text('[1]\n{"at": "x", "total_ms": 1}\nnull\n')
    assert trend.read(file) == []
    assert trend.change([{"total_ms": 100.0}]) is None
    assert trend.change([{"total_ms": v} for v in (100.0, 110.0, 90.0, 150.0)]) == 1.5
    assert sorted(os.listdir(file.parent)) == ["trend.jsonl"]  # noqa: PTH208


@pytest.mark.parametrize("option", [["--checklist"], ["--trouble", "all"], ["--trouble", "memory"]])
def test_the_command(option: list[str], capsys: pytest.CaptureFixture[str], rtva: Callable[..., Any]) -> None:
    assert main(["doctor", *option]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith("skipped")
    assert main(["doctor", *option, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["checks"]
    assert len(found) == {"--checklist": 10, "all": 20, "memory": 5}[option[-1]]
    assert not [f for f in found if "could not be checked" in f["message"]]
