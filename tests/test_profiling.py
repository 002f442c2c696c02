"""The guide's cProfile recipe on ``python -m firmware_py``, and the trend that ``rtva profile --trend`` keeps."""

from __future__ import annotations

import json
import pstats
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firmware_py.__main__ import main
from firmware_py.cli import profile_trend
from firmware_py.doctor import trend
from firmware_py.errors import Unavailable

ROOT = Path(__file__).resolve().parent.parent


def test_the_cprofile_recipe(tmp_path: Path) -> None:
    stats = tmp_path / "profile.stats"
    recipe = ["-m", "cProfile", "-o", str(stats), "-m", "firmware_py", "understand", "what time is it"]
    done = subprocess.run([sys.executable, *recipe], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0 and done.stdout.startswith("what time is it: time"), done.stderr
    names = {(Path(file).name, name) for file, _, name in pstats.Stats(str(stats)).stats}  # type: ignore[attr-defined]
    assert ("hassil.py", "understand") in names


LIKE = {"pace": "fast", "inputs": profile_trend.OWN_QUESTIONS, "preset": None}


def profiled(stt_ms: float, **fields: Any) -> dict[str, Any]:
    """A drafted profile: what is waited for is next to nothing, whatever recognition costs."""
    stages = [{"stage": "stt", "cost_p50_ms": stt_ms}, {"stage": "nlu", "cost_p50_ms": 20.0}]
    return {"mode": "drafted", "total_ms": 2.0, "turns": 4, "stages": stages, **fields}


def test_the_trend_is_kept_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "home"))
    profile_trend.keep(profiled(80.0), LIKE)
    assert "the first profile of its kind" in capsys.readouterr().err
    profile_trend.keep(profiled(90.0), LIKE)
    assert "1.10 times the median" in capsys.readouterr().err
    profile_trend.keep(profiled(180.0), LIKE)
    said = capsys.readouterr().err
    assert "SLOWER: " in said and "; slower: stt 2.00 (" in said, "a recognition that takes twice as long shows"
    lines = [json.loads(line) for line in trend.path().read_text().splitlines()]
    assert [line["total_ms"] for line in lines] == [100.0, 110.0, 200.0]
    assert lines[0]["stages_ms"] == {"stt": 80.0, "nlu": 20.0}


@pytest.mark.parametrize(
    ("fields", "conditions"),
    [
        ({"mode": "undrafted"}, {}),
        ({"turns": 5}, {}),
        ({}, {"pace": "real"}),
        ({}, {"inputs": "0123456789ab"}),
        ({}, {"preset": "balanced"}),
    ],
)
def test_only_like_is_compared_with_like(
    fields: dict[str, Any],
    conditions: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "home"))
    trend.append({"mode": "drafted", "total_ms": 2.0, "turns": 4, "stages_ms": {}})
    profile_trend.keep(profiled(80.0), LIKE)
    assert "the first profile of its kind" in capsys.readouterr().err, "one of an older version is not compared"
    profile_trend.keep(profiled(800.0, **fields), {**LIKE, **conditions})
    assert "the first profile of its kind" in capsys.readouterr().err
    profile_trend.keep(profiled(80.0), LIKE)
    assert "1.00 times the median" in capsys.readouterr().err


def test_inputs_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("1.wav", "2.wav", "3.wav"))
    for file, sound in ((one, b"a"), (two, b"a"), (other, b"b")):
        file.write_bytes(sound)
    assert profile_trend.inputs_of([one]) == profile_trend.inputs_of([two]) != profile_trend.inputs_of([other])
    assert profile_trend.inputs_of([]) == profile_trend.OWN_QUESTIONS


def test_a_trend_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="profile-trend"):
        profile_trend.keep(profiled(80.0), LIKE)


def test_the_command_keeps_a_real_profile(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(weights / "models")
    monkeypatch.setenv("RTVA_HOME", str(home))
    assert main(["profile", "-n", "1", "--drafts", "off", "--trend", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    kept = trend.newest()
    assert kept is not None and kept["mode"] == "undrafted"
    assert kept["stages_ms"] == {row["stage"]: row["cost_p50_ms"] for row in shown["stages"]}
    assert kept["total_ms"] == pytest.approx(sum(kept["stages_ms"].values()), abs=0.01)
