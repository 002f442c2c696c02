"""What engines get: verified files, stated stand-ins, the user's own weights."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import weights_lab as lab

from firmware_py import models
from firmware_py.errors import BadWeights, NotFound, Unavailable, UsageError
from firmware_py.weights import ggml
from firmware_py.weights.checkpoints import open_directory
from firmware_py.weights.ggml_reader import GgmlFile

ONNX = b"\x08\x08\x3a\xf1\x03" + os.urandom(497)
"""An ir_version, and a graph of 497 bytes."""
CONFIG = json.dumps({"audio": {"sample_rate": 22050}, "phoneme_id_map": {"_": [0]}}).encode()
GGML = {"ggml-q8_0.bin": os.urandom(700), "ggml-f16.bin": os.urandom(900)}


def stt(name: str, *stand_ins: str) -> str:
    files = [(f"file:/nowhere/{name}", "ggml-q8_0.bin", GGML["ggml-q8_0.bin"])]
    return lab.entry_text(name, "stt", "ggml", files, results=GGML, stand_ins=list(stand_ins))


def voice(name: str, **more: object) -> str:
    files = [(f"file:/nowhere/{name}.onnx", f"{name}.onnx", ONNX), ("file:/nowhere/c", f"{name}.onnx.json", CONFIG)]
    return lab.entry_text(
        name, "tts", "files", files, results={f"{name}.onnx": ONNX, f"{name}.onnx.json": CONFIG}, **more
    )


VAD = lab.entry_text("silero", "vad", "files", [("file:/nowhere/v", "v.onnx", ONNX)], results={"v.onnx": ONNX})
MANIFEST = "\n".join(
    [
        stt("tiny.en", "tiny", "base"),
        stt("base.en", "base", "tiny.en"),
        stt("tiny"),
        stt("base", "tiny"),
        voice("joe", default=True),
        voice("amy"),
        VAD,
    ]
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home under a manifest whose sources lead nowhere."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "manifest.toml").write_text(MANIFEST)
    monkeypatch.setattr(models, "HERE", tmp_path / "package")
    monkeypatch.setenv("RTVA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def put(home: Path) -> Callable[..., Path]:
    def place(kind: str, name: str, *files: tuple[str, bytes]) -> Path:
        folder = home / "models" / kind / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in files:
            (folder / file).write_bytes(data)
        return folder

    return place


INT8 = ("ggml-q8_0.bin", GGML["ggml-q8_0.bin"])
FLOAT16 = ("ggml-f16.bin", GGML["ggml-f16.bin"])


def test_what_is_here_is_given(put: Callable[..., Path]) -> None:
    folder = put("stt", "base.en", INT8, FLOAT16)
    assert models.resolve_stt("base.en") == models.SttWeights(folder / "ggml-q8_0.bin", "base.en")
    assert models.resolve_stt("base.en", "float16").path == folder / "ggml-f16.bin"
    assert models.resolve("base.en", "int8") == folder / "ggml-q8_0.bin"


def test_float32_is_served_by_float16_and_said(put: Callable[..., Path]) -> None:
    folder = put("stt", "base.en", FLOAT16)
    found = models.resolve_stt("base.en", "float32")
    assert (found.path, found.note) == (folder / "ggml-f16.bin", "whisper.cpp has no float32: using float16")


def test_an_english_model_is_stood_in_for_by_its_twin(put: Callable[..., Path]) -> None:
    put("stt", "tiny.en", INT8)
    put("stt", "base", INT8)
    found = models.resolve_stt("base.en")
    assert (found.model, found.language) == ("base", "en")
    assert found.note == "base.en is not here: using base with language en ('rtva models fetch base.en' brings it)"


def test_another_english_model_needs_no_language(put: Callable[..., Path]) -> None:
    put("stt", "tiny.en", INT8)
    found = models.resolve_stt("base.en")
    assert (found.model, found.language) == ("tiny.en", None)
    assert found.note is not None and found.note.startswith("base.en is not here: using tiny.en (")


def test_a_stand_in_has_the_same_precision(put: Callable[..., Path]) -> None:
    put("stt", "base", INT8)
    with pytest.raises(
        Unavailable, match=r"ggml-f16\.bin is not here; run 'rtva models fetch base\.en --type float16'"
    ):
        models.resolve_stt("base.en", "float16")


def test_nothing_here_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(Unavailable, match=r"^tiny\.en: ggml-q8_0\.bin is not here; run 'rtva models fetch tiny\.en'$"):
        models.resolve_stt("tiny.en", "int8")
    with pytest.raises(Unavailable, match="run 'rtva models fetch base'"):
        models.resolve("base", "int8")


@pytest.mark.parametrize("who", ["base.en", "base"])
def test_a_wrong_file_is_refused_and_never_replaced(put: Callable[..., Path], who: str) -> None:
    folder = put("stt", who, ("ggml-q8_0.bin", GGML["ggml-q8_0.bin"][:-1] + b"\0"))
    put("stt", "tiny.en", INT8)
    with pytest.raises(BadWeights, match=rf"^{folder}/ggml-q8_0\.bin: sha256 [0-9a-f]{{12}}\.\.\., expected "):
        models.resolve_stt("base.en")


@pytest.mark.parametrize(("name", "says"), [("silero", "a vad entry"), ("custom:none", "no weights named 'none'")])
def test_what_is_no_model_is_said(home: Path, name: str, says: str) -> None:
    with pytest.raises(Unavailable, match=says):
        models.resolve_stt(name)


def test_an_unknown_compute_type_lists_those_that_exist(home: Path) -> None:
    with pytest.raises(Unavailable, match="no compute type 'int3'; there are: int8, float16, float32, int4"):
        models.resolve_stt("tiny.en", "int3")


def test_the_detector_is_given(put: Callable[..., Path]) -> None:
    with pytest.raises(Unavailable, match="run 'rtva models fetch silero'"):
        models.resolve_vad("silero")
    folder = put("vad", "silero", ("v.onnx", ONNX))
    assert models.resolve_vad("silero") == folder / "v.onnx"


# Voices


def put_voice(put: Callable[..., Path], name: str, onnx: bytes = ONNX) -> Path:
    return put("tts", name, (f"{name}.onnx", onnx), (f"{name}.onnx.json", CONFIG))


def test_a_voice_is_given(put: Callable[..., Path]) -> None:
    folder = put_voice(put, "amy")
    assert models.resolve_voice("amy") == models.VoiceWeights(folder / "amy.onnx", folder / "amy.onnx.json")


@pytest.mark.parametrize("name", ["amy", "never-heard-of"])
def test_a_voice_that_is_not_here_is_replaced_by_the_default_one(put: Callable[..., Path], name: str) -> None:
    folder = put_voice(put, "joe")
    found = models.resolve_voice(name)
    assert found.onnx == folder / "joe.onnx"
    assert found.note == f"voice {name} is not here: using joe ('rtva models fetch {name}' brings it)"


def test_half_a_voice_is_none(put: Callable[..., Path]) -> None:
    put("tts", "joe", ("joe.onnx", ONNX))
    with pytest.raises(Unavailable, match="voice joe is not here; run 'rtva models fetch joe'"):
        models.resolve_voice("joe")


def test_a_wrong_voice_is_refused(put: Callable[..., Path]) -> None:
    put_voice(put, "joe")
    put_voice(put, "amy", ONNX[:-1])
    with pytest.raises(BadWeights, match=r"amy\.onnx: size 501, expected 502"):
        models.resolve_voice("amy")


def test_a_voice_by_path_is_looked_at(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(ONNX)
    with pytest.raises(Unavailable, match=r"mine\.onnx\.json: no such voice file"):
        models.resolve_voice(f"{tmp_path}/mine.onnx")
    (tmp_path / "mine.onnx.json").write_bytes(CONFIG)
    assert models.resolve_voice(f"{tmp_path}/mine.onnx").config == tmp_path / "mine.onnx.json"


@pytest.mark.parametrize(
    ("onnx", "config", "says"),
    [
        (b"<html>", CONFIG, r"mine\.onnx: not an ONNX file"),
        (b"", CONFIG, r"mine\.onnx: not an ONNX file"),
        (ONNX[:-1], CONFIG, r"mine\.onnx: cut short: it has 501 bytes of 502"),
        (ONNX[:4], CONFIG, r"mine\.onnx: cut short"),
        (ONNX + b"\x07", CONFIG, r"mine\.onnx: not an ONNX file \(damaged at byte 502\)"),
        (ONNX, b"{}", r"mine\.onnx\.json: not the configuration of a Piper voice"),
        (ONNX, b"<html>", r"mine\.onnx\.json: not the configuration of a Piper voice"),
        (ONNX, b'{"audio": {"sample_rate": "x"}, "phoneme_id_map": {}}', r"audio\.sample_rate"),
        (ONNX, b"\xff", r"mine\.onnx\.json: not the configuration"),
    ],
)
def test_a_voice_that_is_none_is_refused(home: Path, tmp_path: Path, onnx: bytes, config: bytes, says: str) -> None:
    (tmp_path / "mine.onnx").write_bytes(onnx)
    (tmp_path / "mine.onnx.json").write_bytes(config)
    with pytest.raises(BadWeights, match=says):
        models.resolve_voice(f"{tmp_path}/mine.onnx")
    with pytest.raises(BadWeights, match=says):
        models.fetch([f"{tmp_path}/mine.onnx"])
    assert not list(home.rglob("*.onnx"))


@pytest.fixture
def site() -> Iterator[lab.Site]:
    with lab.served() as site:
        site.files |= {"/voices/nora.onnx": ONNX, "/voices/nora.onnx.json": CONFIG}
        yield site


def test_a_voice_by_url_is_pinned_and_found_by_name_and_url(home: Path, site: lab.Site) -> None:
    said: list[str] = []
    url = f"{site.url}/voices/nora.onnx"
    made = models.fetch([url], say=said.append).paths
    assert sorted(path.name for path in made) == ["nora.onnx", "nora.onnx.json"]
    assert any("no sha256 was known before; pinned what came" in line for line in said)
    assert models.resolve_voice("nora") == models.resolve_voice(url)
    site.requests.clear()
    assert models.fetch([url]).paths == [] and site.requests == []
    assert {each.state for each in models.verify(["nora"])} == {"good"}
    models.resolve_voice("nora").onnx.write_bytes(ONNX[::-1])
    with pytest.raises(BadWeights, match=r"nora\.onnx: sha256"):
        models.resolve_voice("nora")
    assert len(models.fetch([url]).paths) == 2
    assert models.resolve_voice("nora").note is None


def test_a_voice_by_url_that_lacks_its_configuration_leaves_nothing(home: Path, site: lab.Site) -> None:
    del site.files["/voices/nora.onnx.json"]
    with pytest.raises(Unavailable, match=r"nora\.onnx\.json: HTTP 404"):
        models.fetch([f"{site.url}/voices/nora.onnx"])
    with pytest.raises(Unavailable, match="voice nora is not here"):
        models.resolve_voice("nora")


@pytest.mark.parametrize(
    "origin", ["http://example.org/x.onnx", "https://example.org/x.bin", "ftp://x/y.onnx", "./a b.onnx", "/tmp/..onnx"]
)
def test_an_origin_that_cannot_be_a_voice_is_a_usage_error(home: Path, origin: str) -> None:
    with pytest.raises(UsageError):
        models.fetch([origin])


def test_a_voice_may_not_take_a_shipped_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "joe.onnx").write_bytes(ONNX)
    with pytest.raises(UsageError, match="'joe' is one of the shipped weights"):
        models.fetch([f"{tmp_path}/joe.onnx"])


# Models of the user's own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lab.write_hf(tmp_path_factory.mktemp("checkpoints") / "my-whisper", lab.whisper_tensors())


def test_a_checkpoint_becomes_a_model(home: Path, folder: Path) -> None:
    name, path = models.convert(folder)
    assert name == "my-whisper" and GgmlFile(path).kind == "q8_0"
    assert models.resolve_stt("custom:my-whisper") == models.SttWeights(path, "my-whisper")
    assert models.resolve_stt("my-whisper").path == path
    models.convert(folder, "my-whisper", "float16")
    assert GgmlFile(models.resolve_stt("my-whisper", "float16").path).kind == "f16"
    assert models.resolve_stt("my-whisper", "int8").path == path, "the other type is still there"
    path.unlink()
    with pytest.raises(Unavailable, match=r"run 'rtva models convert /.*/my-whisper'"):
        models.resolve("my-whisper")


def test_converting_again_replaces(home: Path, folder: Path, tmp_path: Path) -> None:
    models.convert(folder, "mine")
    other = lab.write_hf(tmp_path / "other", lab.whisper_tensors(seed=1))
    _, path = models.convert(other, "mine")
    assert models.resolve_stt("mine").path == path


@pytest.mark.parametrize(
    ("given", "becomes"), [(None, "q8_0"), ("int4", "q4_0"), ("float16", "f16"), ("float32", "f16")]
)
def test_a_ready_file_becomes_a_model(
    home: Path, folder: Path, tmp_path: Path, given: str | None, becomes: str
) -> None:
    ready = tmp_path / "ggml-mine.bin"
    with ready.open("wb") as out:
        ggml.write(open_directory(folder), "f16", out)
    name, path = models.convert(ready, None, given)
    assert name == "mine" and GgmlFile(path).kind == becomes
    if becomes == "f16":
        assert path.read_bytes() == ready.read_bytes()


def test_a_quantised_file_stays_as_it_is(home: Path, folder: Path, tmp_path: Path) -> None:
    ready = tmp_path / "mine.bin"
    with ready.open("wb") as out:
        ggml.write(open_directory(folder), "q4_0", out)
    with pytest.raises(UsageError, match="is q4_0 and cannot become int8"):
        models.convert(ready, None, "int8")
    _, path = models.convert(ready)
    found = models.resolve_stt("custom:mine", "int8")
    assert (found.path, found.note) == (path, "mine is here as ggml-q4_0.bin: using that")


def test_a_model_by_path_is_checked_from_end_to_end(home: Path, folder: Path, tmp_path: Path) -> None:
    ready = tmp_path / "mine.bin"
    with ready.open("wb") as out:
        ggml.write(open_directory(folder), "q8_0", out)
    assert models.resolve_stt(str(ready)).path == ready
    ready.write_bytes(ready.read_bytes()[:-1])
    with pytest.raises(BadWeights, match=r"mine\.bin: truncated"):
        models.resolve_stt(str(ready))
    with pytest.raises(Unavailable, match=r"no such ggml file; 'rtva models convert .*' makes one"):
        models.resolve_stt(str(folder))
    ready.write_bytes(lab.ggml_f32(lab.whisper_tensors()))
    with pytest.raises(BadWeights, match=r"whisper\.cpp aborts on float32 files"):
        models.resolve_stt(str(ready))


def test_a_bad_checkpoint_leaves_nothing(home: Path, folder: Path, tmp_path: Path) -> None:
    bad = Path(shutil.copytree(folder, tmp_path / "bad"))
    data = (bad / "model.safetensors").read_bytes()
    (bad / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadWeights, match=r"model\.safetensors: truncated"):
        models.convert(bad)
    with pytest.raises(NotFound):
        models.convert(tmp_path / "nothing")
    assert [path.name for path in home.rglob("*") if path.is_file()] == [".lock"]
    with pytest.raises(Unavailable, match="no weights named 'bad'"):
        models.resolve_stt("custom:bad")


@pytest.mark.parametrize("name", ["tiny.en", "../x", "a/b", ".hidden"])
def test_a_name_that_cannot_be_is_a_usage_error(home: Path, folder: Path, name: str) -> None:
    with pytest.raises(UsageError, match="choose"):
        models.convert(folder, name)


# Fetching by name, with stand-ins


def test_a_model_that_cannot_be_reached_is_replaced_and_said(home: Path, put: Callable[..., Path]) -> None:
    put("stt", "base", INT8)
    fetched = models.fetch(["base.en"])
    assert fetched.paths == []
    assert fetched.notes == ["base.en: /nowhere/base.en: no such file: base is here in its place"]


def test_the_others_are_fetched_when_one_fails(home: Path, tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(ONNX)
    text = MANIFEST.replace("file:/nowhere/v", f"file:{tmp_path}/good")
    (tmp_path / "package" / "manifest.toml").write_text(text)
    with pytest.raises(Unavailable, match=r"tiny: /nowhere/tiny: no such file"):
        models.fetch(["tiny", "silero"])
    assert models.resolve_vad("silero").is_file()


def test_verify_reads_everything_and_misses_the_default_set(put: Callable[..., Path]) -> None:
    put("stt", "base", INT8, ("ggml-f16.bin", b"wrong"))
    put("tts", "amy", ("amy.onnx", ONNX))
    found = {(each.name, each.file): each.state for each in models.verify()}
    assert found == {
        ("base", "ggml-q8_0.bin"): "good",
        ("base", "ggml-f16.bin"): "bad",
        ("amy", "amy.onnx"): "good",
        ("amy", "amy.onnx.json"): "missing",
        ("joe", "joe.onnx"): "missing",
        ("joe", "joe.onnx.json"): "missing",
    }
    assert [each.state for each in models.verify(["tiny"])] == ["missing"]
