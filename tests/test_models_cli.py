"""``rtva models`` as people and programs call it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import weights_lab as lab

from firmware_py import models
from firmware_py.__main__ import main

ONNX = b"\x08\x08\x3a\xd0\x0f" + os.urandom(2000)
CONFIG = json.dumps({"audio": {"sample_rate": 16000}, "phoneme_id_map": {}}).encode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A manifest with a detector and a voice on the loopback, and a model that nobody has."""
    with lab.served() as site:
        site.files |= {"/v.onnx": ONNX, "/joe.onnx": ONNX, "/joe.onnx.json": CONFIG}
        url = site.url
        text = lab.entry_text(
            "v", "vad", "files", [(f"{url}/v.onnx", "v.onnx", ONNX)], default=True, results={"v.onnx": ONNX}
        )
        pieces = [(f"{url}/joe.onnx", "joe.onnx", ONNX), (f"{url}/joe.onnx.json", "joe.onnx.json", CONFIG)]
        text += lab.entry_text(
            "joe", "tts", "files", pieces, default=True, results={"joe.onnx": ONNX, "joe.onnx.json": CONFIG}
        )
        results = {"ggml-q8_0.bin": b"q", "ggml-f16.bin": b"f"}
        text += lab.entry_text("m", "stt", "ggml", [("file:/nowhere", "ggml-q8_0.bin", b"q")], results=results)
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "manifest.toml").write_text(text)
        monkeypatch.setattr(models, "HERE", tmp_path / "package")
        monkeypatch.setenv("RTVA_HOME", str(tmp_path / "home"))
        yield tmp_path / "home"


Run = tuple[int, list[str], list[str]]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> Run:
    try:
        code = main(["models", *map(str, arguments)])
    except SystemExit as error:
        code = int(error.code or 0)
    out, err = capsys.readouterr()
    return code, out.splitlines(), err.splitlines()


def test_fetch_brings_the_default_set_and_then_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "fetch")
    assert code == 0
    assert sorted(Path(line).name for line in out) == ["joe.onnx", "joe.onnx.json", "v.onnx"]
    assert all(line.startswith("rtva: downloading http://") for line in err)
    assert run(capsys, "fetch") == (0, [], [])


def test_quiet_says_nothing_when_all_is_well(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "fetch", "--quiet") == (0, [], [])


def test_fetch_in_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "fetch", "v", "--json")
    assert code == 0 and [json.loads(line) for line in out] == [
        {"file": str(home / "models/vad/v/v.onnx"), "size": len(ONNX)}
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["fetch", "m"], 69, "rtva: m: /nowhere: no such file"),
        (["fetch", "--all"], 69, "rtva: m: /nowhere: no such file"),
        (["fetch", "x"], 69, "rtva: no weights named 'x'; there are: v, joe, m"),
        (["fetch", "--all", "v"], 64, "rtva: give names or --all, not both (see 'rtva models fetch --help')"),
        (["fetch", "v", "--type", "int3"], 64, "rtva: argument --type: invalid choice: 'int3'"),
        (["fetch", "./x.txt"], 64, "rtva: ./x.txt: a voice is an https URL or a path that ends in .onnx"),
        (["fetch", "/nowhere/x.onnx"], 66, "rtva: /nowhere/x.onnx: no such file"),
        (["verify", "x"], 69, "rtva: no weights named 'x'"),
        (["convert", "/nowhere"], 66, "rtva: /nowhere: no such file or directory"),
        (["convert"], 64, "rtva: the following arguments are required: path"),
        ([], 64, "rtva: the following arguments are required: COMMAND"),
    ],
)
def test_a_failure_is_one_line_and_its_exit_code(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    found, out, err = run(capsys, *arguments, *(["--quiet"] if arguments[:1] == ["fetch"] else []))
    assert (found, out) == (code, [])
    assert len(err) == 1 and err[0].startswith(says)


def test_verify_names_each_bad_file(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "fetch")
    assert run(capsys, "verify")[0::2] == (0, [])
    for path in home.rglob("*.onnx"):
        data = bytearray(path.read_bytes())
        data[7] ^= 1
        path.write_bytes(data)
    code, out, err = run(capsys, "verify")
    assert code == 65
    assert [line.split(": sha256")[0] for line in err] == [
        f"rtva: {p}" for p in sorted(home.rglob("*.onnx"), reverse=True)
    ]
    assert [line.split()[0] for line in out] == ["good"]
    code, out, _ = run(capsys, "verify", "v", "--json")
    (found,) = map(json.loads, out)
    assert (code, found["status"], found["file"]) == (65, "bad", "v.onnx")


def test_verify_of_what_is_missing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "verify")
    assert code == 69 and len(err) == 3
    assert err[0] == "rtva: v: v.onnx is not here; run 'rtva models fetch v'"


def test_list_says_what_is_here(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "fetch", "v")
    code, out, err = run(capsys, "list", "--json")
    entries = {entry["name"]: entry for entry in map(json.loads, out)}
    assert (code, err, list(entries)) == (0, [], ["v", "joe", "m"])
    assert [file["present"] for file in entries["v"]["files"]] == [True]
    assert [file["compute_type"] for file in entries["m"]["files"]] == ["int8", "float16"]
    assert entries["m"]["sources"] == [["file:/nowhere"]]
    code, out, _ = run(capsys, "list")
    assert code == 0 and len(out) == 3 and "here (0 MB)" in out[0] and " - " in out[1]


def test_convert_adds_a_model(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lab.write_ct2(tmp_path / "mine", lab.whisper_tensors())
    code, out, err = run(capsys, "convert", folder, "--type", "int4", "--json")
    assert code == 0 and err == [f"rtva: converting {folder} to ggml-q4_0.bin"]
    (found,) = map(json.loads, out)
    assert found["name"] == "mine" and Path(found["file"]).stat().st_size == found["size"]
    code, out, _ = run(capsys, "convert", folder, "--name", "second")
    assert code == 0 and out[-1] == 'use it with: stt: {model: "custom:second"}'
    assert [json.loads(line)["name"] for line in run(capsys, "list", "--json")[1]][-2:] == ["mine", "second"]
    assert run(capsys, "verify", "mine", "second")[0] == 0
    for name in ("model.bin", "vocabulary.json", "config.json"):
        (folder / name).unlink()
        code, _, err = run(capsys, "convert", folder, "--name", "third")
        assert code == 65 and str(folder) in err[-1]
