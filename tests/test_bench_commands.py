"""`rtva profile`, `rtva bench` and `scripts/profile_pipeline.py`: the guide's tables and listings, from real turns."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.__main__ import main
from firmware_py.audio.wav import write_wav
from firmware_py.cli import bench_progress, bench_rows
from firmware_py.config import Config
from firmware_py.errors import Unavailable
from firmware_py.events import TurnTrace

ROOT = Path(__file__).resolve().parent.parent
Rtva = Callable[..., "subprocess.CompletedProcess[str]"]
GUIDE_ROW = re.compile(
    r"^(Audio Processing|VAD|Speech-to-Text|NLP|Response Generation|Text-to-Speech):\s+[\d.]+ms \(\s*[\d.]+%\)$"
)
MS = 1_000_000


def trace(endpoint: int, ends: list[int]) -> TurnTrace:
    """A turn whose stages ended at ``ends`` (ms), the endpoint at ``endpoint``."""
    turn = TurnTrace(stages_ms={"audio": 0.25, "vad": 0.5})
    turn.mark("endpoint", endpoint * MS)
    for mark, at in zip(bench_rows.MARKS.values(), ends, strict=True):
        turn.mark(mark, at * MS)
    return turn


@given(st.integers(0, 2000), st.lists(st.integers(0, 2000), min_size=4, max_size=4).map(sorted))
def test_what_is_waited_for_adds_up_to_the_answers_delay(endpoint: int, ends: list[int]) -> None:
    waits = bench_rows.waits(trace(endpoint, ends))
    assert sum(waits[stage] for stage in bench_rows.MARKS) == pytest.approx(max(0, ends[-1] - endpoint))
    assert all(ms >= 0 for ms in waits.values()) and (waits["audio"], waits["vad"]) == (0.25, 0.5)


def test_a_draft_that_was_ready_leaves_nothing_to_wait_for_and_a_late_one_its_rest() -> None:
    assert bench_rows.waits(trace(500, [200, 210, 220, 300]))["stt"] == 0
    late = bench_rows.waits(trace(500, [520, 521, 523, 600]))
    assert [late[stage] for stage in bench_rows.MARKS] == [20, 1, 2, 77]


@pytest.mark.parametrize(
    ("ms", "word"), [(49.9, "target"), (50.0, "acceptable"), (99.9, "acceptable"), (100.0, "needs improvement")]
)
def test_rows_are_graded_by_the_guides_goals(ms: float, word: str) -> None:
    assert bench_rows.grade("stt", ms) == word


def test_the_goals_are_the_guides() -> None:
    page = (ROOT / "docs" / "guide-coverage.md").read_text()
    for stage, (target, acceptable) in bench_rows.GOALS_MS.items():
        assert re.search(rf"< {target:g} ms, < {acceptable:g} ms \| Latency Goals", page), stage


def test_shares_add_up_and_percentiles_are_those_of_the_guides_listing() -> None:
    turns = [bench_rows.waits(trace(0, [10 * n, 10 * n + 1, 10 * n + 2, 30 * n])) for n in range(1, 20)]
    *rows, total = bench_rows.graded(turns, turns)
    assert sum(row["share"] for row in rows) == pytest.approx(1.0, abs=0.001)
    assert total["ms"] == pytest.approx(sum(row["ms"] for row in rows), abs=0.01)
    stt = next(row for row in rows if row["stage"] == "stt")
    assert stt["p95_ms"] == pytest.approx(float(np.percentile([10 * n for n in range(1, 20)], 95)))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_drawn_on_a_terminal_and_gone_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(bench_progress.counted("abcd", 4, "turns")) == [*"abcd"]
    assert "turns [" in screen.getvalue() and " 75%" in screen.getvalue()
    assert screen.getvalue().rsplit("\r", 2)[1].strip() == ""


def test_there_is_no_bar_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(bench_progress.counted("ab", 2, "turns")) == [*"ab"]
    assert len(list(bench_progress.for_seconds(0.0, "x"))) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["profile", "--plot", "turn.jpg"], 64, ".png"),
        (["profile", "--plot", "/nonexistent/turn.png"], 66, "no such folder '/nonexistent'"),
        (["profile", "/nonexistent.wav"], 66, "/nonexistent.wav"),
        (["bench"], 64, "KIND"),
        (["bench", "latency", "-n", "0"], 64, "at least 1"),
        (["bench", "throughput", "--seconds", "-1"], 64, "between 0 and a day"),
        (["bench", "throughput", "--seconds", "nan"], 64, "between 0 and a day"),
        (["bench", "latency", "--stage", "gpu"], 64, "gpu"),
        (["bench", "latency", "/nonexistent.wav"], 66, "/nonexistent.wav"),
    ],
)
def test_a_wrong_call_is_one_line(
    weights: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    try:
        got = main(arguments)
    except SystemExit as stop:
        got = int(stop.code or 0)
    captured = capsys.readouterr()
    assert got == code and captured.out == "" and captured.err.count("\n") == 1 and says in captured.err


@pytest.mark.parametrize("arguments", [["profile", "-n", "1"], ["bench", "latency", "-n", "1"]])
def test_what_is_measured_is_made_and_not_remembered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    seen = []

    def refuse(config: Config, **options: object) -> None:
        seen.append(config.tts.cache.enabled)
        raise Unavailable("this is enough")

    monkeypatch.setattr("firmware_py.pipeline.VoicePipeline", refuse)
    assert main(arguments) == 69
    assert seen == [False]
    capsys.readouterr()


def test_without_pillow_a_picture_is_refused_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert main(["profile", "--plot", str(tmp_path / "turn.png")]) == 69
    assert "pip install 'rtva[plot]'" in capsys.readouterr().err


def test_profile_measures_both_kinds_of_turn_and_draws_one(
    weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "turn.png"
    assert main(["profile", "-n", "2", "--json", "--plot", str(picture)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    for one in (found, found["undrafted"]):
        assert [row["stage"] for row in one["stages"]] == list(bench_rows.ROWS)
        assert one["turns"] == 2 and one["answer_latency_ms"]["p50_ms"] >= 0 and one["response_gap_ms"]["p50_ms"] > 0
        assert {row["grade"] for row in one["stages"]} <= {"target", "acceptable", "needs improvement"}
    assert (found["mode"], found["undrafted"]["mode"]) == ("drafted", "undrafted")
    from PIL import Image

    with Image.open(picture) as image:
        assert image.format == "PNG" and image.width >= 1200 and image.height >= 600
        assert len(image.getcolors(1 << 20) or ()) > 20


def test_the_guides_script_prints_the_guides_table(weights: Path, tmp_path: Path) -> None:
    command = [sys.executable, "scripts/profile_pipeline.py", "-n", "1", "--drafts", "off"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Audio Processing:"))
    assert all(GUIDE_ROW.match(line) for line in lines[start : start + 6]), done.stdout
    assert lines[start + 6] == "-" * 32 and re.match(r"^TOTAL LATENCY:\s+[\d.]+ms$", lines[start + 7])


def test_bench_latency_prints_the_listings_lines_and_every_stage(rtva: Rtva, weights: Path) -> None:
    done = rtva("bench", "latency", "-n", "2")
    assert done.returncode == 0 and done.stderr == ""
    assert re.match(r"Avg Latency: \d+\.\d\dms\nP50: \d+\.\d\dms\nP95: .*ms\nP99: .*ms\n", done.stdout)
    for name in ("Speech-to-Text", "NLP", "Response Generation", "Text-to-Speech", "Total"):
        assert re.search(rf"^{name}(\s+[\d.]+ms){{4}}$", done.stdout, re.MULTILINE), done.stdout


def test_bench_throughput_as_json(weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_wav(tmp_path / "noise.wav", 16_000, [np.random.default_rng(0).normal(0, 500, 16_000).astype(np.int16)])
    picture = tmp_path / "bars.png"
    arguments = ["bench", "throughput", "--seconds", "0.2", "--stage", "stt", "--json", "--plot", str(picture)]
    assert main([*arguments, str(tmp_path / "noise.wav")]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert row["stage"] == "stt" and row["utterances_per_second"] > 0 and row["p50_ms"] <= row["p99_ms"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_stage_that_this_recording_never_reaches_is_an_error(
    weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_wav(tmp_path / "silence.wav", 16_000, [np.zeros(16_000, np.int16)])
    assert main(["bench", "latency", "-n", "1", "--stage", "tts_first", str(tmp_path / "silence.wav")]) == 64
    assert "was not answered" in capsys.readouterr().err
