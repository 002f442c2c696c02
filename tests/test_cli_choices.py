"""Choices that do not exist, met as a user meets them: one line with what there is, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_py import models
from firmware_py.__main__ import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    try:
        code = main(list(map(str, arguments)))
    except SystemExit as error:  # argparse's own way out
        code = int(error.code or 0)
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return code, err


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("stt: {model: huge}", "tiny.en, tiny, base.en, base, small.en, small, medium.en, medium"),
        ("tts: {engine: festival}", "pyttsx3, piper, coqui"),
        ("stt: {optimization: {device: tpu}}", "cpu, cuda, auto"),
        ("stt: {optimization: {compute_type: int2}}", "float32, float16, int8, int4"),
        ("stt: {language: klingon}", "auto, af, am"),
        ("audio: {backend: oss}", "alsa, sounddevice"),
    ],
)
def test_a_choice_that_does_not_exist(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, there: str
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(text)
    for command in (["transcribe", "x.wav"], ["say", "Yes."]):
        code, err = refused(capsys, *command, "--config", config)
        assert code == 78
        assert f"allowed: {there}" in err


def test_an_engine_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, err = refused(capsys, "say", "Yes.", "--engine", "festival")
    assert code == 64
    assert all(name in err for name in ("piper", "pyttsx3", "coqui"))


def test_a_checkpoint_of_another_architecture_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "wav2vec2"}))
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    code, err = refused(capsys, "models", "convert", tmp_path)
    assert code == 65
    assert f"{tmp_path}/config.json: model_type is 'wav2vec2', expected 'whisper'" in err


def test_a_truncated_model_is_refused_before_it_is_loaded(
    weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model, config = tmp_path / "short.bin", tmp_path / "c.yaml"
    model.write_bytes(models.resolve_stt("tiny.en").path.read_bytes()[:3_000_000])
    config.write_text(f"stt: {{model: {model}}}\n")
    code, err = refused(capsys, "transcribe", "x.wav", "--config", config)
    assert (code, "short.bin: truncated" in err) == (65, True)


def test_a_voice_without_its_configuration_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    voice = tmp_path / "x.onnx"
    voice.write_bytes(b"\x08\x08")
    code, err = refused(capsys, "say", "Yes.", "--voice", voice)
    assert (code, f"{voice}.json" in err) == (69, True)


def test_a_coqui_model_that_is_broken_is_no_reason_to_take_another_voice(
    weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"model": "vits"}')
    (tmp_path / "model.pth").write_bytes(b"PK\x03\x04")
    code, err = refused(capsys, "say", "Yes.", "--engine", "coqui", "--voice", f"{tmp_path}/")
    assert (code, "model.pth: truncated, or no torch checkpoint" in err) == (65, True)
