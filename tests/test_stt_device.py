"""cpu, cuda or auto: what runs where, and what is said on a machine without a GPU."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_py.config import Config
from firmware_py.errors import Unavailable
from firmware_py.pipeline import VoicePipeline
from firmware_py.stt import device

Rtva = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def no_gpu() -> None:
    if device.cuda_devices():
        pytest.skip("this machine has a GPU that whisper.cpp uses; one without runs this")


def test_the_library_is_asked_and_not_guessed_about() -> None:
    import _pywhispercpp

    assert _pywhispercpp.whisper_print_system_info()
    registry = device._loaded("libggml")
    assert registry is not None
    assert device._loaded("libggml-base") is not None
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    assert registry.ggml_backend_dev_count() >= 1  # the processor is a device too


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("libggml-base-319ad4fb.so.0.13.1", "libggml-base"),
        ("libggml.so.0", "libggml"),
        ("libggml-base.so", "libggml-base"),
        ("libggml-684d824a.so.0.13.1", "libggml"),
        ("libggml-cuda.so", "libggml-cuda"),
    ],
)
def test_a_hash_in_a_file_name_is_no_part_of_the_name(file: str, name: str) -> None:
    assert device._plain(file) == name


def test_auto_is_the_processor_without_a_gpu(no_gpu: None) -> None:
    assert device.uses_gpu("auto") is device.uses_gpu("cpu") is False


def test_cuda_without_a_gpu_says_which_half_is_missing(no_gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_cuda_build", lambda: False)
    with pytest.raises(Unavailable, match=r"no CUDA .*make native-cuda.*auto or cpu"):
        device.uses_gpu("cuda")
    monkeypatch.setattr(device, "has_cuda_build", lambda: True)
    with pytest.raises(Unavailable, match="no NVIDIA GPU, or no driver"):
        device.uses_gpu("cuda")


def test_another_device_is_named_with_those_there_are() -> None:
    with pytest.raises(Unavailable, match="no device 'tpu'; there are: cpu, cuda, auto"):
        device.uses_gpu("tpu")


def test_where_the_process_cannot_be_looked_into_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "MAPS", Path("/nowhere/maps"))
    assert device.cuda_devices() == []


@pytest.mark.parametrize("mode", ["process", "in_process"])
def test_cuda_on_a_board_without_it_is_one_line(
    no_gpu: None, weights: Path, rtva: Rtva, tmp_path: Path, mode: str
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"stt: {{optimization: {{device: cuda}}}}\nworkers: {{mode: {mode}}}\n")
    for command in (["transcribe", "x.wav"], ["run"], ["demo"]):
        done = rtva(*command, "--config", config)
        assert done.returncode == 69
        assert len(done.stderr.splitlines()) == 1
        assert "stt.optimization.device is cuda, and" in done.stderr or "ALSA" in done.stderr


def test_auto_recognises_on_the_processor(no_gpu: None, weights: Path) -> None:
    with VoicePipeline(Config.default().with_values({"stt.optimization.device": "auto"})) as pipeline:
        pipeline.warm_recognition()
        assert pipeline.notes == []
