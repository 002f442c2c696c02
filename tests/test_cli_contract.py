"""The command line's promises: exit codes, one line on stderr, one object a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py.__main__ import main
from firmware_py.audio.wav import write_wav
from firmware_py.cli.entry import Parser, make_parser

Rtva = Callable[..., "subprocess.CompletedProcess[str]"]


def one_line(text: str) -> str:
    assert text.count("\n") == 1 and text.startswith("rtva: ") and "Traceback" not in text, text
    return text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 64, "--help"),
        (["frobnicate"], 64, "frobnicate"),
        (["ask"], 64, "FILE"),
        (["ask", "x.wav", "--pace", "slow"], 64, "slow"),
        (["transcribe", "x.wav", "--no-such-option"], 64, "--no-such-option"),
        (["recognize", "x.wav"], 64, "--intents"),
        (["profile", "-n", "0"], 64, "at least 1"),
        (["config", "check", "/nonexistent.yaml"], 66, "/nonexistent.yaml"),
        (["ask", "x.wav", "--config", "/nonexistent.yaml"], 66, "/nonexistent.yaml"),
        (["run", "--preset", "ultra"], 64, "balanced"),
    ],
)
def test_a_wrong_call_is_one_line_and_a_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    try:
        got = main(arguments)
    except SystemExit as stop:
        got = int(stop.code or 0)
    captured = capsys.readouterr()
    assert got == code and captured.out == ""
    assert says in one_line(captured.err)


@pytest.mark.parametrize("command", ["run", "first-boot", "mute", "say", "frobnicate", ""])
def test_one_command_alone_is_read_as_the_whole_line_reads_it(command: str) -> None:
    def commands(parser: Parser) -> dict[str, str]:
        actions = parser._subparsers._group_actions if parser._subparsers else []
        choices: Any = actions[0].choices
        return {name: each.format_help() for name, each in choices.items()}

    alone, all_of_them = commands(make_parser(command)), commands(make_parser())
    assert len(all_of_them) > 20
    if command in all_of_them:
        assert alone[command] == all_of_them[command]
    else:
        assert alone == all_of_them


def test_running_the_service_imports_no_other_command() -> None:
    code = "import sys; from firmware_py.cli.entry import make_parser; make_parser('run');"
    code += "print([m for m in sys.modules if m.startswith(('firmware_py.cli.setup', 'firmware_py.doctor'))])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["record", "--from", "x.wav"], ["record", "--microphone"], ["ask", "x.wav"]])
def test_a_file_where_a_folder_is_meant_is_said(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").touch()
    assert main([*command, "--out", str(tmp_path / "kept")]) == 64
    assert "kept: that is a file; give a folder" in one_line(capsys.readouterr().err)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert not stop.value.code
    out = capsys.readouterr().out
    for command in (
        "run",
        "ask",
        "transcribe",
        "recognize",
        "understand",
        "say",
        "demo",
        "profile",
        "models",
        "doctor",
    ):
        assert f"\n    {command}" in out


@pytest.fixture
def bad_files(tmp_path: Path) -> dict[str, tuple[Path, int]]:
    write_wav(tmp_path / "good.wav", 16_000, [np.zeros(16_000, np.int16)])
    whole = (tmp_path / "good.wav").read_bytes()
    contents = {
        "empty.wav": b"",
        "text.wav": b"this is not sound\n" * 50,
        "truncated.wav": whole[:30],
        "lying.wav": whole[:4]
        + (10**8).to_bytes(4, "little")
        + whole[8:40]
        + (10**8).to_bytes(4, "little")
        + whole[44:],
    }
    files = {}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        files[name] = (tmp_path / name, 65)
    files["missing.wav"] = (tmp_path / "missing.wav", 66)
    files["folder"] = (tmp_path, 65)
    return files


@pytest.mark.parametrize("command", ["ask", "transcribe"])
@pytest.mark.parametrize("name", ["empty.wav", "text.wav", "truncated.wav", "lying.wav", "missing.wav", "folder"])
def test_a_bad_recording_is_named(
    weights: Path, capsys: pytest.CaptureFixture[str], bad_files: dict[str, tuple[Path, int]], command: str, name: str
) -> None:
    path, code = bad_files[name]
    assert main([command, str(path)]) == code
    assert str(path) in one_line(capsys.readouterr().err)


def test_a_bad_file_does_not_stop_the_others(
    weights: Path, capsys: pytest.CaptureFixture[str], bad_files: dict[str, tuple[Path, int]], tmp_path: Path
) -> None:
    files = [str(tmp_path / "good.wav"), *(str(path) for path, _ in bad_files.values()), str(tmp_path / "good.wav")]
    assert main(["transcribe", *files, "--json"]) == 66
    captured = capsys.readouterr()
    objects = [json.loads(line) for line in captured.out.splitlines()]
    assert [o["file"] for o in objects] == files
    assert objects[0]["text"] == objects[-1]["text"] == "" and objects[0]["stt_ms"] >= 0
    assert captured.err.count("\n") == len(bad_files)


def test_a_wrong_intents_file_is_bad_input(weights: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", 16_000, [np.zeros(16_000, np.int16)])
    (tmp_path / "bad.yaml").write_text("language: en\nintents:\n  x:\n    data:\n      - sentences: ['do {nothing}']\n")
    for command in ("ask", "recognize"):
        assert main([command, str(tmp_path / "good.wav"), "--intents", str(tmp_path / "bad.yaml")]) == 65
        assert "bad.yaml" in one_line(capsys.readouterr().err)


def test_one_wrong_bit_in_the_weights_is_refused(rtva: Rtva, weights: Path, tmp_path: Path) -> None:
    from firmware_py import models

    good = models.resolve_stt("tiny.en", "int8").path
    home = tmp_path / "home"
    target = home / good.relative_to(models.home())
    target.parent.mkdir(parents=True)
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 4
    target.write_bytes(content)
    write_wav(tmp_path / "good.wav", 16_000, [np.zeros(16_000, np.int16)])
    import os

    done = rtva("transcribe", tmp_path / "good.wav", env={**os.environ, "RTVA_HOME": str(home)})
    assert done.returncode == 65 and target.name in one_line(done.stderr)


def test_without_weights_it_says_what_brings_them(rtva: Rtva, tmp_path: Path) -> None:
    import os

    write_wav(tmp_path / "good.wav", 16_000, [np.zeros(16_000, np.int16)])
    done = rtva("transcribe", tmp_path / "good.wav", env={**os.environ, "RTVA_HOME": str(tmp_path / "nowhere")})
    assert done.returncode == 69 and "rtva models fetch" in one_line(done.stderr)


@pytest.mark.parametrize(("absent", "there"), [("input", "output"), ("output", "input")])
def test_an_absent_sound_card_is_unavailable(
    rtva: Rtva, weights: Path, tmp_path: Path, absent: str, there: str
) -> None:
    (tmp_path / "config.yaml").write_text(
        f"audio:\n  {absent}:\n    device: hw:NoSuchCard\n  {there}:\n    device: 'null'\n"
    )
    done = rtva("run", "--config", tmp_path / "config.yaml")
    assert done.returncode == 69 and "hw:NoSuchCard" in one_line(done.stderr)


def test_a_closed_pipe_is_no_error(weights: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    command = f"{sys.executable} -m firmware_py config explain | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr and done.stdout.count("\n") == 1


@pytest.mark.parametrize("module", ["firmware_py.config", "firmware_py.cli.ask", "pydantic", "argparse", "numpy"])
def test_ctrl_c_in_the_middle_of_an_import_is_no_traceback(module: str) -> None:
    code = (
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *rest):\n"
        f"        if name == {module!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from firmware_py.__main__ import main\n"
        "sys.exit(main(['ask', 'none.wav']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "" and done.returncode == 130
