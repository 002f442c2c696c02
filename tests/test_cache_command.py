"""``rtva cache``: what lies on the disk, what the service adds, and what clearing leaves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from status_lab import NotedControls

from firmware_py.__main__ import main
from firmware_py.status.hub import Hub
from firmware_py.status.socket import ControlSocket
from firmware_py.tts.store import SpeechStore


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of a home of our own, with two pieces in it."""
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "cache" / "speech"
    store = SpeechStore(folder)
    for name in ("aa", "bb"):
        store.put(name, np.ones(100, np.int16))
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["cache", *arguments, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_stats_tell_what_lies_on_the_disk(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "stats")
    assert found["folder"] == str(folder)
    assert found["disk_entries"] == 2
    assert found["disk_bytes"] == sum(p.stat().st_size for p in folder.iterdir())
    assert found["disk_limit_bytes"] == 64 << 20
    assert found["service"] is None


def test_clear_empties_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "clear")["removed"] == 2
    assert list(folder.iterdir()) == []
    assert told(capsys, "clear")["removed"] == 0


def test_a_home_without_a_cache_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "none"))
    assert told(capsys, "stats")["disk_entries"] == 0
    assert not (tmp_path / "none").exists()


def test_the_running_service_is_asked_too(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    controls = NotedControls()
    path = tmp_path / "control.sock"
    face = ControlSocket(path, controls, Hub())
    try:
        assert told(capsys, "stats", "--socket", str(path))["service"] == {}
        told(capsys, "clear", "--socket", str(path))
    finally:
        face.close()
    assert controls.calls == [("cache", "stats"), ("cache", "clear")]


def test_for_people_it_is_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "stats"]) == 0
    assert "2 pieces of speech" in capsys.readouterr().out


def test_another_word_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["cache", "burn"])
    assert caught.value.code == 64


def test_build_makes_what_a_start_finds(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from firmware_py.nlu import kept_grammar
    from firmware_py.pipeline import VoicePipeline

    home = folder.parent.parent
    (home / "models").symlink_to(weights / "models")
    found = told(capsys, "build")
    assert found["folder"] == str(home / "cache" / "grammar") and found["files"] == 1
    assert told(capsys, "build") == found
    monkeypatch.delattr(kept_grammar, "compile_understanding")
    with VoicePipeline() as pipeline:
        assert pipeline.guidance("en") is not None


def test_build_for_an_installation_lies_beside_the_program(
    folder: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent.parent / "models").symlink_to(weights / "models")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    assert told(capsys, "build", "--shipped")["folder"] == str(tmp_path / "prefix/share/rtva/grammar")
    assert not (folder.parent / "grammar").exists()


def test_build_says_where_it_cannot_keep_anything(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent.parent / "models").symlink_to(weights / "models")
    (folder.parent / "grammar").touch()
    assert main(["cache", "build"]) == 69
    assert "grammar: nothing can be kept there" in capsys.readouterr().err


def test_build_fails_where_another_file_is_kept_but_not_this_one(
    folder: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder.parent.parent / "models").symlink_to(weights / "models")
    (kept,) = (Path(told(capsys, "build")["folder"])).glob("*.grammar")
    kept.rename(kept.with_stem("0" * 64))
    kept.mkdir()
    assert main(["cache", "build"]) == 69
    assert "grammar: nothing can be kept there" in capsys.readouterr().err
