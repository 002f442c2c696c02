"""Fetching into the store: whole or not at all, once, from the first source that works; and reading back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
import weights_lab as lab

from firmware_py.errors import BadWeights, ConfigError, Unavailable
from firmware_py.weights import store
from firmware_py.weights.ggml_reader import GgmlFile
from firmware_py.weights.library import Library

DATA = os.urandom(200_000)
OTHER = os.urandom(1000)


@pytest.fixture
def site() -> Iterator[lab.Site]:
    with lab.served() as site:
        site.files |= {"/graph.onnx": DATA, "/graph.json": OTHER}
        yield site


class Lab:
    """A manifest over a store, made anew as a new process would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []

    def library(self, *entries: str) -> Library:
        if entries:
            (self.folder / "manifest.toml").write_text("\n".join(entries))
        return Library(self.folder / "manifest.toml", self.folder / "home")

    def fetch(self, library: Library, name: str, compute_type: str = "int8") -> list[Path]:
        return library.fetch(library.wanted(name, compute_type), self.said.append)

    def kept(self) -> list[str]:
        """The files of the store proper."""
        root = self.folder / "home" / "models"
        files = (p.relative_to(root) for p in root.rglob("*") if p.is_file())
        return sorted(str(p) for p in files if not p.parts[0].startswith("."))


@pytest.fixture
def bench(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def vad(*origins: str, data: bytes = DATA, **more: object) -> str:
    files = [(origin, "graph.onnx", data) for origin in origins[:1]]
    text = lab.entry_text("v", "vad", "files", files, results={"graph.onnx": DATA}, **more)
    for origin in origins[1:]:
        piece = f'{{ from = "{origin}", as = "graph.onnx", {lab.pin(DATA)} }}'
        text = text.replace(
            "[weights.results]", f'[[weights.sources]]\nform = "files"\nfiles = [{piece}]\n[weights.results]'
        )
    return text


def test_a_file_comes_once(bench: Lab, site: lab.Site) -> None:
    library = bench.library(vad(f"{site.url}/graph.onnx"))
    made = bench.fetch(library, "v")
    assert [path.read_bytes() for path in made] == [DATA]
    assert bench.kept() == ["vad/v/graph.onnx"]
    site.requests.clear()
    assert bench.fetch(bench.library(), "v") == []
    assert site.requests == []
    assert library.verified(library.entry("v"), "graph.onnx") == made[0]


def test_a_fetched_file_is_believed_without_reading_it_and_a_touched_one_is_read(
    bench: Lab, site: lab.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.fetch(bench.library(vad(f"{site.url}/graph.onnx")), "v")[0]
    read: list[Path] = []
    real = store.digest
    monkeypatch.setattr(store, "digest", lambda file: read.append(file) or real(file))  # type: ignore[func-returns-value]
    bench.fetch(bench.library(), "v")
    assert read == []
    os.utime(path, ns=(1, 1))
    bench.fetch(bench.library(), "v")
    bench.fetch(bench.library(), "v")
    assert read == [path]


@pytest.mark.parametrize("damage", ["bit", "cut", "longer", "other"])
def test_a_damaged_file_is_refused_by_name_and_fetched_again(bench: Lab, site: lab.Site, damage: str) -> None:
    path = bench.fetch(bench.library(vad(f"{site.url}/graph.onnx")), "v")[0]
    stat = path.stat()
    data = bytearray(DATA)
    data[len(data) // 2] ^= 0x10
    changed = {"bit": bytes(data), "cut": DATA[:-1], "longer": DATA + b"\0", "other": DATA[::-1]}[damage]
    path.write_bytes(changed)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a bad block changes no time: only reading finds it
    library = bench.library()
    with pytest.raises(BadWeights, match=rf"{path}: (size|sha256) .*expected"):
        library.verified(library.entry("v"), "graph.onnx")
    os.utime(path)
    assert bench.fetch(library, "v") == [path]
    assert path.read_bytes() == DATA


def test_a_missing_file_says_how_to_get_it(bench: Lab, site: lab.Site) -> None:
    library = bench.library(vad(f"{site.url}/graph.onnx"))
    with pytest.raises(Unavailable, match=r"^v: graph\.onnx is not here; run 'rtva models fetch v'$"):
        library.verified(library.entry("v"), "graph.onnx")


def test_an_unknown_name_lists_those_that_exist(bench: Lab) -> None:
    with pytest.raises(Unavailable, match="no weights named 'w'; there are: v"):
        bench.library(vad("file:/nowhere")).entry("w")


def test_the_next_source_is_tried(bench: Lab, site: lab.Site) -> None:
    library = bench.library(vad("file:/nowhere/at/all", f"{site.url}/gone", f"{site.url}/graph.onnx"))
    assert len(bench.fetch(library, "v")) == 1


def test_a_source_with_a_wrong_file_is_passed_over(bench: Lab, site: lab.Site) -> None:
    site.files["/bad"] = DATA[::-1]
    library = bench.library(vad(f"{site.url}/bad", f"{site.url}/graph.onnx"))
    assert len(bench.fetch(library, "v")) == 1


def test_when_no_source_works_each_says_why(bench: Lab, site: lab.Site) -> None:
    site.files["/bad"] = DATA[::-1]
    library = bench.library(vad("file:/nowhere", f"{site.url}/bad"))
    with pytest.raises(BadWeights, match=r"^v: /nowhere: no such file; http.*/bad: sha256 .*refused$"):
        bench.fetch(library, "v")
    assert bench.kept() == []


def test_a_result_that_is_not_the_pinned_one_is_refused(bench: Lab, site: lab.Site) -> None:
    text = (
        vad(f"{site.url}/graph.onnx").replace(lab.pin(DATA), lab.pin(OTHER)).replace(lab.pin(OTHER), lab.pin(DATA), 1)
    )
    with pytest.raises(BadWeights, match=r"graph\.onnx came out with sha256 .*expected"):
        bench.fetch(bench.library(text), "v")
    assert bench.kept() == []


def test_a_checkpoint_is_converted_and_pinned_in_the_store(bench: Lab, tmp_path: Path) -> None:
    folder = lab.write_ct2(tmp_path / "ct2", lab.whisper_tensors())
    files = [(f"file:{folder}/{name}", name, (folder / name).read_bytes()) for name in ("model.bin", "vocabulary.json")]
    library = bench.library(lab.entry_text("m", "stt", "ctranslate2", files))
    path = bench.fetch(library, "m")[0]
    assert GgmlFile(path).kind == "q8_0"
    again = bench.library()
    assert again.verified(again.entry("m"), "ggml-q8_0.bin") == path
    assert bench.kept() == ["stt/m/ggml-q8_0.bin", "user.toml"]
    assert GgmlFile(bench.fetch(again, "m", "float16")[0]).kind == "f16"
    last = bench.library()
    assert set(last.entry("m").results) == {"ggml-q8_0.bin", "ggml-f16.bin"}
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(BadWeights):
        last.verified(last.entry("m"), "ggml-q8_0.bin")


def test_a_ready_file_serves_the_types_that_it_can(bench: Lab, tmp_path: Path) -> None:
    folder = lab.write_ct2(tmp_path / "ct2", lab.whisper_tensors())
    source = [
        (f"file:{folder}/{name}", name, (folder / name).read_bytes()) for name in ("model.bin", "vocabulary.json")
    ]
    library = bench.library(lab.entry_text("m", "stt", "ctranslate2", source))
    made = {kind: bench.fetch(bench.library(), "m", kind)[0] for kind in ("int8", "float16")}
    kept = {kind: Path(shutil.copy(path, tmp_path / path.name)) for kind, path in made.items()}
    shutil.rmtree(tmp_path / "home")
    pieces = [(f"file:{path}", path.name, path.read_bytes()) for path in kept.values()]
    text = lab.entry_text("m", "stt", "ggml", pieces[:1])
    second = f'{{ from = "{pieces[1][0]}", as = "{pieces[1][1]}", {lab.pin(pieces[1][2])} }}'
    library = bench.library(text + f'[[weights.sources]]\nform = "ggml"\nfiles = [{second}]\n')
    assert bench.fetch(library, "m", "int8")[0].read_bytes() == pieces[0][2]
    assert bench.fetch(library, "m", "float16")[0].read_bytes() == pieces[1][2]
    assert GgmlFile(bench.fetch(library, "m", "int4")[0]).kind == "q4_0"


# Interruptions


def test_a_killed_fetch_leaves_nothing_half_written(bench: Lab, site: lab.Site, tmp_path: Path) -> None:
    """A process killed in the middle of a transfer: the old file stays whole, the rest is resumed and swept."""
    site.files["/big.onnx"] = big = os.urandom(8_000_000)
    text = lab.entry_text("v", "vad", "files", [(f"{site.url}/big.onnx", "big.onnx", big)], results={"big.onnx": big})
    (tmp_path / "manifest.toml").write_text(text)
    site.stop_after = 3_000_000
    site.hold = 30.0
    code = (
        "import sys; from pathlib import Path; from firmware_py.weights.library import Library;"
        "books = Library(Path(sys.argv[1]) / 'manifest.toml', Path(sys.argv[1]) / 'home');"
        "books.fetch(books.wanted('v'), print)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.DEVNULL)
    partial = tmp_path / "home" / "models" / ".incoming" / "partial"
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size > 2_000_000 for p in partial.glob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    site.release.set()
    assert bench.kept() == []
    site.stop_after, site.hold = None, 0.0
    site.requests.clear()
    assert bench.fetch(bench.library(), "v")[0].read_bytes() == big
    assert site.requests[0][1] is not None, "the transfer was resumed"
    assert not any((tmp_path / "home" / "models" / ".incoming").rglob("*.onnx"))
    assert not list(partial.iterdir())


def test_what_a_killed_process_left_is_swept(bench: Lab, site: lab.Site) -> None:
    library = bench.library(vad(f"{site.url}/graph.onnx"))
    old = library.store.incoming / "work" / "old"
    old.mkdir(parents=True)
    (old / "half").write_bytes(b"x")
    bench.fetch(library, "v")
    assert not (library.store.incoming / "work").exists()


def test_a_second_process_waits_and_then_has_nothing_to_do(bench: Lab, site: lab.Site) -> None:
    import threading

    first, second = bench.library(vad(f"{site.url}/graph.onnx")), bench.library()
    with first.store.writing(bench.said.append):
        thread = threading.Thread(target=bench.fetch, args=(second, "v"))
        thread.start()
        deadline = time.monotonic() + 10
        while not bench.said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert bench.said == ["waiting for another process that is changing the weights"]
        assert site.requests == []
    thread.join(10)
    assert bench.kept() == ["vad/v/graph.onnx"]


# The machine


def test_a_disk_that_is_too_full_is_said_before_anything_is_downloaded(
    bench: Lab, site: lab.Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(Unavailable, match=r"1 MB are needed for v, 0 MB are free"):
        bench.fetch(bench.library(vad(f"{site.url}/graph.onnx")), "v")
    assert site.requests == []


def test_a_home_that_cannot_be_written_is_one_line(bench: Lab, site: lab.Site, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file, where a directory should be")
    with pytest.raises(Unavailable, match=r"home.*(Not a directory|File exists)"):
        bench.fetch(bench.library(vad(f"{site.url}/graph.onnx")), "v")


def test_a_damaged_memo_is_only_a_slower_answer(bench: Lab, site: lab.Site) -> None:
    bench.fetch(bench.library(vad(f"{site.url}/graph.onnx")), "v")
    memo = bench.library().store.root / ".verified.json"
    for text in ("", "[]", '{"vad/v/graph.onnx": 3}', "\xff"):
        memo.write_text(text, encoding="latin-1")
        assert bench.fetch(bench.library(), "v") == []


def test_a_damaged_local_manifest_is_named(bench: Lab, site: lab.Site) -> None:
    bench.fetch(bench.library(vad(f"{site.url}/graph.onnx")), "v")
    path = bench.library().local_path
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"user\.toml: not UTF-8"):
        bench.library()
    path.write_text("[[weights]]")
    with pytest.raises(ConfigError, match=r"user\.toml, weights 1: name"):
        bench.library()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"RTVA_HOME": "/a", "STATE_DIRECTORY": "/b", "XDG_DATA_HOME": "/c"}, "/a"),
        ({"STATE_DIRECTORY": "/b:/other", "XDG_DATA_HOME": "/c"}, "/b"),
        ({"XDG_DATA_HOME": "/c"}, "/c/rtva"),
        ({"XDG_DATA_HOME": "relative"}, "/home/person/.local/share/rtva"),
        ({}, "/home/person/.local/share/rtva"),
        ({"RTVA_HOME": ""}, "/home/person/.local/share/rtva"),
    ],
)
def test_the_home_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("RTVA_HOME", "STATE_DIRECTORY", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/person")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert store.home() == Path(expected)
