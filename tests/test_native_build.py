"""``make native``: what it checks before it changes anything. The build itself takes minutes and is not run here."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from firmware_py.doctor.checks_build import NATIVE_SHARE, native_saves

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The script as a module, with a mark and a store of its own, and nothing installed."""
    spec = importlib.util.spec_from_file_location("native", ROOT / "scripts" / "native.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "MARK", tmp_path / "mark.json")
    monkeypatch.setattr(module, "STORE", tmp_path / "store")
    module.installed = []
    monkeypatch.setattr(module, "install", lambda *what: module.installed.append(what[0]))
    return module


def wheel_in(native: Any, name: str) -> Path:
    folder = native.STORE / name
    (folder / "lib").mkdir(parents=True)
    (folder / "pywhispercpp-0-any.whl").touch()
    return Path(folder)


def test_an_unknown_word_is_one_line_of_usage() -> None:
    done = subprocess.run([sys.executable, "scripts/native.py", "fast"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (64, 1)


def test_without_a_compiler_it_says_what_to_install(native: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", ["native.py", "build"])
    assert native.main() == 69
    assert capsys.readouterr().err == "native: no C++ compiler (cc, c++): apt-get install g++\n"
    assert native.installed == []


def test_a_build_that_does_not_load_is_not_installed(native: Any) -> None:
    folder = wheel_in(native, native.key())
    (folder / "lib" / "_pywhispercpp.py").write_text("raise ImportError('libwhisper.so.1: cannot open')")
    with pytest.raises(native.Failed, match="cannot open"):
        native.build()
    assert native.installed == []
    assert not native.MARK.exists()


def test_a_build_that_is_not_the_one_loaded_is_not_installed(native: Any) -> None:
    wheel_in(native, native.key())  # an empty folder: the library of .venv is found instead
    with pytest.raises(native.Failed, match="instead of the new build"):
        native.build()
    assert native.installed == []


def test_a_build_that_hears_other_words_is_not_installed(native: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel_in(native, native.key())
    monkeypatch.setattr(native, "a_sentence", lambda: Path("sentence.wav"))
    monkeypatch.setattr(
        native,
        "hear",
        lambda folder, sound: {"text": "Turn on the ramp." if folder else "Turn on the lamp.", "ms": [1]},
    )
    with pytest.raises(native.Failed, match="ramp"):
        native.build()
    assert native.installed == []


def test_what_was_measured_is_kept_for_doctor(native: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = wheel_in(native, native.key())
    monkeypatch.setattr(native, "a_sentence", lambda: Path("sentence.wav"))
    monkeypatch.setattr(native, "is_native", lambda: False)
    monkeypatch.setattr(native, "hear", lambda where, sound: {"text": "Yes, lamp", "ms": [50.0 if where else 100.0]})
    native.build()
    assert native.installed == [str(folder / "pywhispercpp-0-any.whl")]
    assert json.loads(native.MARK.read_text()) == {"native": native.key(), "native_ms": 50.0, "generic_ms": 100.0}
    native.generic()
    assert native.installed[1:] == [native.requirement()]
    assert json.loads(native.MARK.read_text())["native"] is None
    assert "0.50 of its processor time here (100 ms" in native_saves(native.MARK)


@pytest.mark.parametrize(
    ("wanted", "is_native", "builds"),
    [(None, False, 0), ("the key", True, 0), ("the key", False, 1), ("another processor's", True, 1)],
)
def test_set_up_keeps_what_was_chosen(
    native: Any, monkeypatch: pytest.MonkeyPatch, wanted: str | None, is_native: bool, builds: int
) -> None:
    built: list[int] = []
    native.remember(native=wanted)
    monkeypatch.setattr(native, "key", lambda: "the key")
    monkeypatch.setattr(native, "is_native", lambda: is_native)
    monkeypatch.setattr(native, "build", lambda: built.append(1))
    native.ensure()
    assert len(built) == builds


def test_another_version_is_another_build(native: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = native.key()
    assert native.key() == before
    monkeypatch.setattr(native, "requirement", lambda: "pywhispercpp==99")
    assert native.key() != before


@pytest.mark.parametrize("text", [None, "", "{}", '{"native_ms": 1, "generic_ms": 0}', "[]"])
def test_without_a_measurement_doctor_quotes_ours(tmp_path: Path, text: str | None) -> None:
    mark = tmp_path / "mark.json"
    if text is not None:
        mark.write_text(text)
    assert f"{NATIVE_SHARE:g} of its processor time on an x86-64" in native_saves(mark)


# With CUDA


def cuda_toolkit(folder: Path, *known: str) -> Path:
    """A toolkit that knows some architectures and compiles nothing."""
    for file in ("bin/nvcc", "lib64/libcublas.so", "include/cublas_v2.h"):
        (folder / file).parent.mkdir(parents=True)
        (folder / file).touch()
    nvcc = folder / "bin" / "nvcc"
    version = "echo 'Cuda compilation tools, release 13.0, V13.0.88'\n"
    nvcc.write_text("#!/bin/sh\n" + version + "".join(f"echo compute_{arch}\n" for arch in known))
    nvcc.chmod(0o755)
    return folder


@pytest.mark.parametrize(("arch", "said"), [("none", "is no GPU architecture"), ("61", "it knows 75, 87")])
def test_an_architecture_that_nvcc_does_not_know_is_refused_before_anything_is_built(
    native: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, arch: str, said: str
) -> None:
    monkeypatch.setattr(native.cuda, "HOMES", (str(cuda_toolkit(tmp_path / "cuda", "75", "87")),))
    monkeypatch.setattr(sys, "argv", ["native.py", "cuda", arch])
    assert native.main() == 69
    err = capsys.readouterr().err
    assert (said in err, err.count("\n")) == (True, 1)
    assert native.installed == []


def test_without_nvcc_it_says_what_to_install(native: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(native.cuda, "HOMES", ("", "/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", ["native.py", "cuda", "87"])
    assert native.main() == 69
    assert "no nvcc: install NVIDIA's CUDA toolkit" in capsys.readouterr().err


def test_a_cuda_build_is_another_build_and_is_remembered(
    native: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native.cuda, "HOMES", (str(cuda_toolkit(tmp_path / "cuda", "87")),))
    plain = native.key()
    native.use_cuda("87")
    assert native.FLAGS["CMAKE_CUDA_ARCHITECTURES"] == "87"
    assert native.FLAGS["GGML_CUDA_NO_VMM"] == "ON"
    assert native.key() != plain
    wheel_in(native, native.key())
    monkeypatch.setattr(native, "compared", lambda folder: {})
    monkeypatch.setattr(native, "hear", lambda folder, sound: {})
    native.build()
    assert json.loads(native.MARK.read_text()) == {"native": native.key(), "cuda": "87"}
    native.generic()
    assert json.loads(native.MARK.read_text()) == {"native": None}


def test_a_toolkit_without_cublas_is_completed_in_a_copy(
    native: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = cuda_toolkit(tmp_path / "cuda", "87")
    (home / "lib64" / "libcublas.so").unlink()
    monkeypatch.setattr(native.cuda, "HOMES", (str(home),))
    asked: list[list[str]] = []

    def pip(command: list[str], environment: Any = None) -> None:
        """Brings a package as the index's is laid out."""
        asked.append(command)
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "nvidia_cublas-13.0.whl", "w") as package:
            package.writestr("nvidia/cu13/include/cublas_v2.h", "here")
            package.writestr("nvidia/cu13/lib/libcublas.so.13", "here")

    monkeypatch.setattr(native, "run", pip)
    native.use_cuda("87")
    copy = native.STORE / "toolkit-13.0"
    assert (copy / "lib64" / "libcublas.so").read_text() == "here"
    assert native.FLAGS["CMAKE_CUDA_COMPILER"] == str(copy / "bin" / "nvcc")
    assert native.BESIDE == ["nvidia-cublas==13.0.*", "nvidia-cuda-runtime==13.0.*"]
    assert not (home / "lib64" / "libcublas.so").exists()
    native.use_cuda("87")
    assert len(asked) == 1
