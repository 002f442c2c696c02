"""Board presets are configurations, each value has a reason, and the probe tells the boards apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firmware_py import config, cores
from firmware_py.__main__ import main
from firmware_py.boards import BOARDS, recognise
from firmware_py.config import Effective
from firmware_py.doctor import Case, Finding
from firmware_py.doctor.board import leaves, look

MODELS = {
    "Raspberry Pi 4 Model B Rev 1.5": "pi4",
    "Raspberry Pi Compute Module 4 Rev 1.1": "pi4",
    "Raspberry Pi 5 Model B Rev 1.0": "pi5",
    "NVIDIA Jetson Orin Nano Developer Kit": "orin-nano",
    "NVIDIA Jetson AGX Orin Developer Kit": "orin-nano",
    "NVIDIA IGX Orin Development Kit": "orin-nano",
    "NVIDIA Jetson AGX Thor Developer Kit": "",
    "Raspberry Pi 3 Model B Plus Rev 1.3": "",
}


@pytest.mark.parametrize("model", MODELS)
def test_a_board_is_told_by_its_device_tree(model: str, tmp_path: Path) -> None:
    assert recognise(model, "aarch64") == MODELS[model]
    file = tmp_path / "proc" / "device-tree" / "model"
    file.parent.mkdir(parents=True)
    file.write_text(f"{model}\0")
    found = list(look(Case(root=tmp_path), "aarch64"))
    assert model in found[0].message and (len(found) > 4) == bool(MODELS[model])


def test_a_pc_has_no_device_tree() -> None:
    assert recognise("", "x86_64") == "x86" and recognise("", "riscv64") == ""


@pytest.mark.parametrize("name", BOARDS)
def test_a_preset_is_a_configuration_and_its_values_have_reasons(name: str) -> None:
    loaded = config.load(None, name)
    for key, value in leaves(BOARDS[name].values):
        assert loaded.value(key) == value
    assert BOARDS[name].reasons.keys() == dict(leaves(BOARDS[name].values)).keys()
    assert all(BOARDS[name].reasons.values())


def test_what_follows_the_preset_is_good(tmp_path: Path) -> None:
    case = Case(Effective(config.load(None, "x86")), root=tmp_path)
    assert {finding.status for finding in look(case, "x86_64")} == {"ok"}
    other = Case(Effective(config.from_text("stt: {model: base}")), root=tmp_path)
    told = next(finding for finding in look(other, "x86_64") if finding.name == "stt.model")
    assert told.status == "warn" and told.advice == "set stt.model: tiny.en"


@pytest.mark.parametrize(("here", "wanted"), [(1, 1), (2, 2), (4, 4), (16, 4)])
def test_no_more_threads_are_advised_than_there_are_cores(
    here: int, wanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "available", lambda: here)

    def told(threads: int) -> Finding:
        text = f"stt: {{optimization: {{num_workers: {threads}}}}}"
        case = Case(Effective(config.from_text(text)), root=tmp_path)
        return next(finding for finding in look(case, "x86_64") if finding.name == "stt.optimization.num_workers")

    assert told(wanted).status == "ok" and told(4).status == "ok", "what is more than the cores is taken as the cores"
    other = told(3) if wanted == 4 else told(1)
    assert (other.status, other.advice) in (("warn", f"set stt.optimization.num_workers: {wanted}"), ("ok", ""))


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--board", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checks"][0]["name"] == "board"
