"""``rtva say``: the contract of its output, its JSON and its exit codes."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_py.__main__ import main

Rtva = Callable[..., "subprocess.CompletedProcess[str]"]


def read(path: Path) -> tuple[int, int, int, float]:
    with wave.open(str(path)) as file:
        return file.getframerate(), file.getnchannels(), file.getsampwidth(), file.getnframes() / file.getframerate()


def test_the_json_has_what_the_contract_says(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "answer.mp3"  # WAV whatever the name
    assert main(["say", "It is 3:05 PM.", "--out", str(out), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    found = json.loads(lines[0])
    assert found.keys() >= {"out", "load_ms", "first_chunk_ms", "total_ms", "audio_s"}
    assert found["out"] == str(out)
    assert 0 < found["first_chunk_ms"] <= found["total_ms"]
    rate_hz, channels, width, seconds = read(out)
    assert (rate_hz, channels, width) == (22050, 1, 2)
    assert seconds == pytest.approx(found["audio_s"], abs=0.001)
    assert seconds > 0.8


def test_without_out_nothing_is_written(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["say", "Yes.", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_is_wrong_use(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", text, "--out", str(tmp_path / "a.wav")]) == 64
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "out", "code"),
    [("...", "a.wav", 65), ("Yes.", "/dev/full", 69), ("Yes.", "nowhere/a.wav", 66), ("Yes.", ".", 69)],
)
def test_a_failure_is_one_line_and_leaves_nothing(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, out: str, code: int
) -> None:
    target = out if out.startswith("/") else str(tmp_path / out)
    assert main(["say", text, "--out", target]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    assert main(["say", "...", "--out", str(target)]) == 65
    assert target.read_bytes() == b"old"


def test_a_pipe_gets_a_wav_with_true_sizes(weights: Path, rtva: Rtva, tmp_path: Path) -> None:
    fifo, got = tmp_path / "pipe", bytearray()
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: got.extend(fifo.read_bytes()))
    reader.start()
    assert rtva("say", "Yes.", "--out", fifo).returncode == 0
    reader.join(30)
    assert got[:4] == b"RIFF"
    assert struct.unpack("<I", got[40:44])[0] == len(got) - 44
    assert fifo.is_fifo()


@pytest.mark.parametrize("out", ["/dev/stdout", "-"])
def test_stdout_carries_the_sound_alone(weights: Path, tmp_path: Path, out: str) -> None:
    from sys import executable

    command = [executable, "-m", "firmware_py", "say", "Yes.", "--out", out]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout[:4] == b"RIFF"
    assert struct.unpack("<I", done.stdout[40:44])[0] == len(done.stdout) - 44


@pytest.mark.parametrize("out", ["/dev/stdout", "-"])
def test_json_and_sound_do_not_share_stdout(capsys: pytest.CaptureFixture[str], out: str) -> None:
    assert main(["say", "Yes.", "--out", out, "--json"]) == 64
    assert capsys.readouterr().out == ""


def test_the_cache_is_used_only_when_asked(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for entry in weights.iterdir():
        if entry.name != "cache":
            (home / entry.name).symlink_to(entry)
    monkeypatch.setenv("RTVA_HOME", str(home))
    assert main(["say", "Yes, it is.", "--json"]) == 0
    assert not (home / "cache").exists()
    sounds = []
    for _ in range(2):
        assert main(["say", "Yes, it is.", "--cache", "--out", str(tmp_path / "a.wav"), "--json"]) == 0
        sounds.append((tmp_path / "a.wav").read_bytes())
    assert sounds[0] == sounds[1]  # a voice draws noise: only a kept sound is the same twice
    assert len(list((home / "cache" / "speech").iterdir())) == 1
    capsys.readouterr()


def test_a_voice_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["say", "Yes.", "--voice", str(tmp_path / "none.onnx")]) in (66, 69)
    assert "none.onnx" in capsys.readouterr().err


def test_playing_without_a_device_lists_what_there_is(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["say", "Yes.", "--play"])
    assert code in (0, 69)
    assert code == 0 or len(capsys.readouterr().err.splitlines()) == 1
