"""A Coqui model's files, looked at before anything loads them; and, with coqui-tts, loading what does not fit."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from coqui_lab import tiny_model

from firmware_py import models
from firmware_py.errors import BadInput, BadWeights, Unavailable


def model_in(folder: Path, config: str = '{"model": "vits"}') -> Path:
    """What passes the look from outside: a configuration and an archive as torch writes them."""
    (folder / "config.json").write_text(config)
    with zipfile.ZipFile(folder / "model.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    return folder


def test_a_folder_and_its_checkpoint_name_the_same_model(tmp_path: Path) -> None:
    folder = model_in(tmp_path)
    files = models.resolve_coqui(f"{folder}/")
    assert (files.checkpoint, files.config, files.vocoder) == (folder / "model.pth", folder / "config.json", None)
    assert models.resolve_coqui(str(folder / "model.pth")) == files


def test_a_vocoder_in_its_own_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "vocoder").mkdir()
    vocoder = model_in(tmp_path / "vocoder", '{"generator_model": "hifigan_generator"}')
    assert models.resolve_coqui(str(model_in(tmp_path))).vocoder == (vocoder / "model.pth", vocoder / "config.json")


def test_tables_of_speakers_are_no_checkpoint(tmp_path: Path) -> None:
    model_in(tmp_path)
    (tmp_path / "speakers.pth").write_bytes(b"x")
    assert models.resolve_coqui(str(tmp_path)).checkpoint.name == "model.pth"


@pytest.mark.parametrize("voice", ["en_US-joe-medium", "tts_models"])
def test_a_name_is_no_coqui_model(voice: str) -> None:
    with pytest.raises(Unavailable, match=voice):
        models.resolve_coqui(voice)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"nowhere"):
        models.resolve_coqui(str(tmp_path / "nowhere"))
    with pytest.raises(Unavailable, match="there are: none"):
        models.resolve_coqui(str(tmp_path))
    model_in(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(Unavailable, match=r"config\.json: missing"):
        models.resolve_coqui(str(tmp_path))
    (tmp_path / "other.pth").write_bytes(b"x")
    with pytest.raises(Unavailable, match=r"model\.pth, other\.pth"):
        models.resolve_coqui(str(tmp_path))


@pytest.mark.parametrize("config", ["", "{", "[]", "null", "{}", '{"model": 3}', "\x00"])
def test_a_configuration_of_another_kind_is_refused_by_name(tmp_path: Path, config: str) -> None:
    with pytest.raises(BadWeights, match=r"config\.json"):
        models.resolve_coqui(str(model_in(tmp_path, config)))


def test_a_truncated_checkpoint_is_refused_by_name(tmp_path: Path) -> None:
    file = model_in(tmp_path) / "model.pth"
    whole = file.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(BadWeights, match=r"model\.pth"):
            models.resolve_coqui(str(tmp_path))


def test_an_archive_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    model_in(tmp_path)
    with zipfile.ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(BadWeights, match=r"model\.pth: a ZIP archive"):
        models.resolve_coqui(str(tmp_path))


# With the library


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("TTS", reason="coqui-tts is not installed; 'make test-coqui' runs this")
    return tiny_model(tmp_path_factory.mktemp("tiny"))


def loaded(folder: Path) -> object:
    from firmware_py.tts.coqui import Coqui

    files = models.resolve_coqui(str(folder))
    return Coqui(files.checkpoint, files.config, vocoder=files.vocoder)


def test_a_configuration_of_another_model_does_not_load_and_is_named(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "model.pth").write_bytes((tiny / "model.pth").read_bytes())
    config = json.loads((tiny / "config.json").read_text())
    config["model_args"]["hidden_channels"] = 32
    for other in (config, {"model": "no_such_network"}, {"model": "glow_tts"}):
        (tmp_path / "config.json").write_text(json.dumps(other))
        with pytest.raises(BadInput, match=r"model\.pth does not load with config\.json") as caught:
            loaded(tmp_path)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_with_code_in_it_is_not_run(tiny: Path, tmp_path: Path) -> None:
    import os
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "config.json").write_text((tiny / "config.json").read_text())
    with zipfile.ZipFile(tmp_path / "model.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"model": Evil()}))
        archive.writestr("archive/version", "3\n")
    with pytest.raises(BadInput, match=r"model\.pth"):
        loaded(tmp_path)
    assert not (tmp_path / "ran").exists()
