"""The guide's cProfile recipe on ``python -m firmware_py``, and the trend that ``rtva profile --trend`` keeps."""

from __future__ import annotations

import json
import pstats
import subprocess
import sys
from pathlib import Path

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


FIRST = {
    "mode": "drafted",
    "total_ms": 100.0,
    "turns": 4,
    "stages": [{"stage": "stt", "cost_p50_ms": 80.0}],
}


def test_the_trend_is_kept_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "home"))
    profile_trend.keep(FIRST)
    assert "the first profile of the trend" in capsys.readouterr().err
    profile_trend.keep({**FIRST, "total_ms": 110.0})
    assert "1.10 times the median" in capsys.readouterr().err
    profile_trend.keep({**FIRST, "total_ms": 200.0})
    assert "SLOWER: " in capsys.readouterr().err
    lines = [json.loads(line) for line in trend.path().read_text().splitlines()]
    assert [line["total_ms"] for line in lines] == [100.0, 110.0, 200.0] and lines[0]["stages_ms"] == {"stt": 80.0}


def test_a_trend_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "file"))
    with pytest.raises(Unavailable, match="profile-trend"):
        profile_trend.keep(FIRST)


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
    assert kept is not None and kept["total_ms"] == shown["total_ms"] and kept["mode"] == "undrafted"
