"""The guide's own YAML blocks, to the letter, and the presets made of the last three of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from firmware_py import config
from firmware_py.__main__ import main
from firmware_py.settings.schema import WHISPER_SIZES

TEXT = (Path(__file__).parent / "data" / "guide_blocks.md").read_text("utf-8")
BLOCKS = re.findall(r"^## (.*?)\n\n```yaml\n(.*?)^```", TEXT, re.M | re.S)


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def test_the_copy_has_all_blocks() -> None:
    assert len(BLOCKS) == 14


@pytest.mark.parametrize(("heading", "block"), BLOCKS, ids=[heading for heading, _ in BLOCKS])
def test_each_block_passes_check_and_takes_effect(
    heading: str, block: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(block, "utf-8")
    assert main(["config", "check", str(file)]) == 0
    assert capsys.readouterr() == (f"{file}: good\n", "")
    loaded = config.load(file)
    for key, value in leaves(yaml.safe_load(block)).items():
        assert loaded.value(key) == value, key


def test_all_blocks_in_one_file_are_knobs_of_the_guide() -> None:
    written = {key for _, block in BLOCKS for key in leaves(yaml.safe_load(block))}
    from_guide = {knob.key for knob in config.describe().values() if knob.guide}
    assert written == from_guide


@pytest.mark.parametrize(
    ("name", "heading"),
    [("low-latency", "Low-Latency Mode"), ("balanced", "Balanced Mode"), ("high-quality", "High-Quality Mode")],
)
def test_a_preset_is_the_guides_block(name: str, heading: str) -> None:
    assert config.PRESETS[name] == yaml.safe_load(dict(BLOCKS)[heading])


@pytest.mark.parametrize("size", WHISPER_SIZES)
@pytest.mark.parametrize("form", ["", ".en"])
def test_every_size_of_the_guide_is_a_model(size: str, form: str) -> None:
    assert config.from_text(f"stt: {{model: {size}{form}}}").stt.model == size + form


@pytest.mark.parametrize("name", ["pyttsx3", "piper", "coqui"])
def test_every_voice_engine_of_the_guide_is_known(name: str) -> None:
    assert config.from_text(f"tts: {{engine: {name}}}").tts.engine == name
