"""Where a configuration comes from: the places, the layers, the example, the page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from firmware_py import config
from firmware_py.__main__ import main
from firmware_py.errors import ConfigError, NotFound, UsageError
from firmware_py.settings.knobs import knobs

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no configuration of the system's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(config, "PLACES", (Path("config/config.yaml"), tmp_path / "etc" / "config.yaml"))
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_the_defaults_are_in_force(elsewhere: Path) -> None:
    assert config.find() is None
    loaded = config.load()
    assert loaded == config.Config.default()
    assert (loaded.stt.model, loaded.stt.optimization.compute_type, loaded.tts.engine) == ("tiny.en", "int8", "piper")


def test_the_working_folder_comes_before_the_system(elsewhere: Path) -> None:
    write(elsewhere / "etc" / "config.yaml", "stt: {model: small}")
    assert config.load().stt.model == "small"
    write(elsewhere / "config" / "config.yaml", "vad: {aggressiveness: 3}")
    assert config.load().vad.aggressiveness == 3
    assert config.load().stt.model == "tiny.en", "files are not merged with each other"
    named = write(elsewhere / "mine.yaml", "vad: {aggressiveness: 1}")
    assert config.load(named).vad.aggressiveness == 1


def test_keys_of_the_file_win_over_the_preset(elsewhere: Path) -> None:
    file = write(elsewhere / "c.yaml", "stt:\n  model: base\naudio:\n  input:\ntts:\n")
    found = config.effective(file, "low-latency")
    assert found.config.stt.model == "base"
    assert found.config.audio.input.chunk_size == 512, "an empty section hides nothing of the preset"
    assert found.config.tts.engine == "pyttsx3"
    assert found.origins["stt.model"] == f"{file}:2"
    assert found.origins["tts.engine"] == "preset low-latency"
    assert found.origins["tts.voice"] == "default"


def test_unknown_preset_names_those_that_exist() -> None:
    with pytest.raises(UsageError, match="no preset 'fast'; there are: low-latency, balanced, high-quality"):
        config.load(preset="fast")


def test_relative_paths_are_taken_from_the_files_folder(elsewhere: Path) -> None:
    file = write(
        elsewhere / "etc" / "c.yaml",
        "stt: {model: ./models/own.bin}\ntts: {voice: v/joe.onnx}\n"
        "nlp: {intents: [my, /abs]}\nstatus: {serial: {device: /dev/tty0}}",
    )
    loaded = config.load(Path("etc/c.yaml"))
    assert file.exists()
    assert loaded.stt.model == str(elsewhere / "etc" / "models" / "own.bin")
    assert loaded.tts.voice == str(elsewhere / "etc" / "v" / "joe.onnx")
    assert loaded.nlp.intent_paths() == (elsewhere / "etc" / "my", Path("/abs"))
    assert loaded.status.serial.device == Path("/dev/tty0")
    assert loaded.with_values({"vad.aggressiveness": 3}).stt.model == loaded.stt.model


def test_names_are_left_alone() -> None:
    loaded = config.from_text("stt: {model: 'custom:mine'}\ntts: {voice: en_US-amy-low}")
    assert (loaded.stt.model, loaded.tts.voice) == ("custom:mine", "en_US-amy-low")
    url = "https://example.org/voices/amy.onnx"
    assert config.from_text(f"tts: {{voice: '{url}'}}").tts.voice == url


def test_the_repair_threshold_is_the_measured_one() -> None:
    from firmware_py.nlu.hassil import REPAIR_THRESHOLD

    assert config.Config.default().nlp.repair_threshold == REPAIR_THRESHOLD


def test_a_copy_with_other_values_is_validated() -> None:
    changed = config.Config.default().with_values({"stt.model": "base.en", "audio.input.chunk_size": 512})
    assert (changed.stt.model, changed.audio.input.chunk_size) == ("base.en", 512)
    assert config.Config.default().stt.model == "tiny.en"
    with pytest.raises(ConfigError, match=r"stt\.model: 'huge' is refused"):
        changed.with_values({"stt.model": "huge"})
    with pytest.raises(ConfigError, match=r"stt\.modl: unknown key; did you mean model\?"):
        changed.with_values({"stt.modl": "tiny"})


def test_a_missing_file_is_no_input(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFound, match="no such configuration file"):
        config.load(Path("gone.yaml"))
    assert main(["config", "check", "gone.yaml"]) == 66
    assert capsys.readouterr().err == "rtva: gone.yaml: no such configuration file\n"


def test_the_example_has_every_key_and_changes_nothing() -> None:
    text = (ROOT / "config" / "config.yaml").read_text("utf-8")
    assert config.from_text(text) == config.Config.default()
    uncommented = "\n".join(line.replace("# ", "", 1) if is_key(line) else line for line in text.splitlines())
    assert config.from_text(uncommented) == config.Config.default()
    assert sorted(leaf_keys(yaml.safe_load(uncommented))) == sorted(knobs())


def is_key(line: str) -> bool:
    word = line.strip().removeprefix("# ").partition(":")[0]
    return line.strip().startswith("# ") and word in {key.rpartition(".")[2] for key in knobs()}


def leaf_keys(tree: dict[str, object], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in tree.items():
        found += leaf_keys(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return found


def test_page_and_example_are_up_to_date() -> None:
    script = ROOT / "scripts" / "config_doc.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_default_stands_on_the_page() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    for knob in knobs().values():
        assert f"| `{knob.key}` | `{json.dumps(knob.default)}` |" in page


def test_defaults_are_values_that_the_schema_allows() -> None:
    default = config.Config.default()
    assert default.with_values({key: default.value(key) for key in knobs()}) == default
