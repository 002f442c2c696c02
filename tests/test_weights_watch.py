"""A service without its weights: it stays with its faces, costs next to nothing, and goes on once they are whole."""

from __future__ import annotations

import shutil
import threading
import time
from pathlib import Path

import pytest
from status_lab import eventually
from test_service_run import Running, folder  # noqa: F401

from firmware_py.config import from_text
from firmware_py.errors import BadWeights, RtvaError, Unavailable
from firmware_py.service import weights_watch
from firmware_py.service.weights_watch import check, wait_for

FILE = Path("stt") / "tiny.en" / "ggml-q8_0.bin"


def own_models(home: Path, weights: Path) -> Path:
    """A store of its own, its recognition a copy; returns that."""
    shutil.rmtree(home / "models", ignore_errors=True)
    (home / "models").unlink(missing_ok=True)
    shutil.copytree(weights / "models" / "stt" / "tiny.en", home / "models" / "stt" / "tiny.en")
    for kind in ("tts", "vad"):
        if (weights / "models" / kind).exists():
            (home / "models" / kind).symlink_to(weights / "models" / kind)
    return home / "models" / FILE


def waits(running: Running) -> bool:
    running.has_told("")
    return any("waiting for the weights" in line for line in running.told)


def test_both_are_read_before_anything_is_loaded(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    file = own_models(tmp_path, weights)
    check(from_text(""))
    with file.open("r+b") as bad:
        bad.seek(1_000_000)
        byte = bad.read(1)[0]
        bad.seek(1_000_000)
        bad.write(bytes([byte ^ 1]))
    with pytest.raises(BadWeights):
        check(from_text(""))
    file.unlink()
    with pytest.raises(Unavailable):
        check(from_text(""))
    with pytest.raises(Unavailable, match="voice"):
        (tmp_path / "models" / "tts").unlink()
        shutil.copytree(weights / "models" / "stt" / "tiny.en", file.parent, dirs_exist_ok=True)
        check(from_text(""))
    check(from_text(""), needs_voice=False)


def test_what_was_refused_is_read_again_only_once_a_file_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    monkeypatch.setattr(weights_watch, "LAST_S", 0.01)
    (tmp_path / "models" / "stt").mkdir(parents=True)
    looks, told = [], []  # type: list[float], list[tuple[RtvaError | None, float]]

    def look() -> None:
        looks.append(time.monotonic())
        if not (tmp_path / "models" / "stt" / "good").exists():
            raise Unavailable("not here")

    stopping, done = threading.Event(), []  # type: threading.Event, list[bool]
    thread = threading.Thread(target=lambda: done.append(wait_for(look, lambda e, s: told.append((e, s)), stopping)))
    thread.start()
    eventually(lambda: len(told) > 20)
    assert len(looks) == 1
    (tmp_path / "models" / "stt" / "bad").touch()
    eventually(lambda: len(looks) == 2)
    (tmp_path / "models" / "stt" / "good").touch()
    thread.join(10)
    assert done == [True] and len(looks) == 3 and told[-1][0] is None


def test_told_to_stop_it_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))

    def look() -> None:
        raise BadWeights("spoilt")

    stopping = threading.Event()
    stopping.set()
    assert not wait_for(look, lambda e, s: None, stopping)


def test_the_service_stays_and_goes_on(folder: Path, weights: Path) -> None:  # noqa: F811
    file = own_models(folder / "home", weights)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    running = Running(folder, "--wait")
    eventually(lambda: waits(running), seconds=60)
    eventually(lambda: "weights" in running.ask("status")["alerts"], seconds=60)
    file.write_bytes(whole)
    running.until_told("READY=1")
    assert "weights" not in running.ask("status")["alerts"]
    assert running.end()[0] == 0
    file.write_bytes(whole[:-1])
    (folder / "notify").unlink()
    again = Running(folder, "--wait")
    eventually(lambda: waits(again), seconds=60)
    assert again.end()[0] == 0, "an orderly end while it waits"


def test_a_read_error_of_a_worn_card_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    stopping, told = threading.Event(), []  # type: threading.Event, list[RtvaError | None]

    def look() -> None:
        raise OSError(5, "Input/output error", "ggml.bin")

    def tell(error: RtvaError | None, wait_s: float) -> None:
        told.append(error)
        stopping.set()

    assert not wait_for(look, tell, stopping)
    assert isinstance(told[0], BadWeights) and "ggml.bin: Input/output error" in str(told[0])


def test_a_file_that_the_configuration_names_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    own = tmp_path / "own.bin"
    files = weights_watch.chosen(from_text(f"stt: {{model: {own}}}"))
    before = weights_watch.snapshot(files)
    own.touch()
    assert weights_watch.snapshot(files) != before


def test_a_spoilt_list_of_the_owners_weights_is_kept_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    weights_watch.set_aside_spoilt_list()
    listed = tmp_path / "models" / "user.toml"
    listed.parent.mkdir()
    listed.write_bytes(b"\xff\x00" * 100)
    weights_watch.set_aside_spoilt_list()
    assert not listed.exists() and listed.with_name("user.toml.bad").read_bytes() == b"\xff\x00" * 100
