"""``deploy/bundle``: what decides the bytes of a bundle, and what is refused before minutes of building."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from firmware_py.release import signature
from tests.release_lab import ROOT, make_key

BUNDLE = ROOT / "deploy" / "bundle"
MASKS = [0o077, 0o027, 0o022, 0o002]


@pytest.fixture
def make_bundle(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BUNDLE))
    for name in ("make_bundle", "wheels", "sbom"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import make_bundle  # type: ignore[import-not-found]

    return make_bundle  # type: ignore[no-any-return]


@pytest.fixture
def umask() -> object:
    before = os.umask(0o022)
    yield None
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o7777 for path in (folder, *folder.rglob("*"))}


@pytest.mark.usefixtures("umask")
def test_the_source_of_a_wheel_has_the_modes_of_git(make_bundle: ModuleType, tmp_path: Path) -> None:
    """They go into the wheel, and the same commit shall give the same bytes."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what is tracked cannot be asked")
    made = []
    for mask in MASKS:
        target = make_bundle.Target("amd64", "3.11", tmp_path / f"{mask:o}")
        os.umask(mask)
        made.append(modes(make_bundle.wheelhouse.copy_of_source(target)))
    assert all(each == made[0] for each in made) and len(made[0]) > 100
    assert set(made[0].values()) <= {0o755, 0o644} and made[0]["pyproject.toml"] == 0o644


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", MASKS)
def test_a_bundle_is_made_under_one_umask(make_bundle: ModuleType, monkeypatch: pytest.MonkeyPatch, mask: int) -> None:
    monkeypatch.setattr(make_bundle, "make", lambda *_: os.umask(0o022))
    monkeypatch.setattr(sys, "argv", ["make_bundle.py", "--py", "3.11"])
    os.umask(mask)
    assert make_bundle.main() == 0 and os.umask(0o022) == 0o022
    text = (ROOT / "deploy/deb/make_deb.py").read_text()
    assert text.index("os.umask(0o022)") < text.index("make_bundle.make(")


def test_a_key_that_boards_take_not_is_told_before_anything_is_built(
    make_bundle: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = make_key(tmp_path)
    (tmp_path / "public.pem").write_text(public)
    rsa = ("openssl", "genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024", "-out", tmp_path / "rsa.pem")
    subprocess.run(rsa, check=True, capture_output=True)
    target = make_bundle.Target("amd64", "3.11", tmp_path / "work")

    class Begun(Exception):
        pass

    def house(*_: object) -> None:
        raise Begun

    monkeypatch.setattr(make_bundle.wheelhouse, "house", house)
    for name, says in (
        ("rsa.pem", "no private Ed25519"),
        ("public.pem", "no private Ed25519"),
        ("none", "no such file"),
    ):
        monkeypatch.setenv("RTVA_SIGNING_KEY", str(tmp_path / name))
        with pytest.raises(make_bundle.CannotBuild, match=says) as told:
            make_bundle.make(target, "")
        assert "\n" not in str(told.value)
    monkeypatch.setenv("RTVA_SIGNING_KEY", str(private))
    with pytest.raises(Begun):
        make_bundle.make(target, "")
    assert signature.public_key(make_bundle.public_half(private)) == signature.public_key(public)


def test_a_bundle_is_made_once_for_a_commit(
    make_bundle: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --unless-current what is there is taken; not after another commit, a change, a note, or a loss."""
    private, target = make_key(tmp_path)[0], make_bundle.Target("amd64", "3.11", tmp_path / "amd64-3.11")
    tree, now, made = target.work / "tree", ["abc"], []
    monkeypatch.setattr(make_bundle, "BUILD", tmp_path)
    monkeypatch.setattr(make_bundle, "commit", lambda: now[0])

    def make(target: object, note: str) -> Path:
        shutil.rmtree(tree, ignore_errors=True)
        (tree / "share").mkdir(parents=True)
        (tree / "share" / "note.txt").write_text(f"{now} {note}")
        (tree.parent / make_bundle.COMMIT).write_text("" if note else now[0])
        made.append(make_bundle.pack(tree, target, private, 0))
        return Path(made[-1])

    def bundle(*more: str) -> Path:
        monkeypatch.setattr(sys, "argv", ["make_bundle.py", "--py", "3.11", "--unless-current", *more])
        assert make_bundle.main() == 0
        return Path(capsys.readouterr().out.strip())

    monkeypatch.setattr(make_bundle, "make", make)
    first = bundle()
    assert first == bundle() == made[0] and len(made) == 1 and first.name.endswith("-amd64-py3.11.tar")
    for number, change in enumerate((lambda: now.__setitem__(0, "def"), lambda: now.__setitem__(0, ""), first.unlink)):
        change()
        bundle()
        assert len(made) == number + 2
        now[0] = "abc"
    assert bundle("--note", "other") == made[-1] != made[0] and bundle() == made[0]


@pytest.mark.parametrize("script", ["bundle/make_bundle.py", "deb/make_deb.py"])
@pytest.mark.parametrize("python", ["3", "3.9", "3.14"])
def test_a_python_that_no_board_has_is_refused_at_once(script: str, python: str) -> None:
    command = [sys.executable, str(ROOT / "deploy" / script), "--py", python]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 2 and "3.10" in done.stderr.splitlines()[-1], done.stderr


@pytest.mark.parametrize(
    "argument",
    ["--help", "-h", "/", "..", "build", "build/arm64", "build/x/../../deploy/x", "deploy/x", "build/x/arm64 sid"],
)
def test_a_folder_of_others_is_not_removed_for_an_arm64_system(tmp_path: Path, argument: str) -> None:
    """In a copy of the checkout, with nothing that could make a system."""
    script = tmp_path / "deploy/bundle/arm64.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(BUNDLE / "arm64.sh", script)
    for place in ("build/arm64", "build/x", "deploy/x"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "deploy/x/theirs").touch()
    done = subprocess.run([str(script), *argument.split()], capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (64, 1, ""), done.stderr
    assert (tmp_path / "deploy/x/theirs").exists() and (tmp_path / "build/arm64").exists()


def test_a_package_says_of_which_commit_it_is(
    make_bundle: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gzip

    monkeypatch.syspath_prepend(str(ROOT / "deploy/deb"))
    monkeypatch.delitem(sys.modules, "make_deb", raising=False)
    import make_deb  # type: ignore[import-not-found]

    for number, (commit, says) in enumerate((("abc123", "commit abc123"), ("", "not committed"))):
        folder = tmp_path / str(number) / "doc" / "rtva"
        make_deb.documents(folder, "0.1.0-1~bookworm", 0, commit)
        entry = gzip.decompress((folder / "changelog.Debian.gz").read_bytes()).decode()
        assert says in entry and entry.startswith("rtva (0.1.0-1~bookworm)")


OF_PACKAGE = {
    "libc6": ("libc.so.6", "libm.so.6", "libmvec.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux"),
    "libstdc++6": ("libstdc++.so.6", "libgcc_s.so.1"),  # it brings libgcc-s1 itself
    "zlib1g": ("libz.so.1",),
    "libasound2": ("libasound.so.2",),
    "libgomp1": ("libgomp.so.1",),
}
"""Which package of the system has what the wheels are linked to."""


def test_a_package_depends_on_all_that_its_wheels_are_linked_to(
    make_bundle: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare Ubuntu 24.04 has no libstdc++6. Asked of the installed wheels here, which are the package's."""
    import re
    import sysconfig
    from importlib.metadata import distribution

    for folder in ("deb", "jetson"):
        monkeypatch.syspath_prepend(str(ROOT / "deploy" / folder))
    monkeypatch.delitem(sys.modules, "make_deb", raising=False)
    import elf  # type: ignore[import-not-found]
    import make_deb

    named = {word for each in make_deb.DEPENDS for word in re.findall(r"[a-z][a-z0-9+-]+", each)}
    known = tuple(library for package in OF_PACKAGE if package in named for library in OF_PACKAGE[package])
    site, seen = Path(sysconfig.get_paths()["platlib"]), set()
    for wheel in ("numpy", "onnxruntime", "pywhispercpp", "piper-tts", "pyalsaaudio", "soxr", "rapidfuzz"):
        files = [site / str(file) for file in distribution(wheel).files or () if ".so" in file.name]
        for file in (path for path in files if path.is_file()):
            seen |= {(file.name, library) for library in elf.needed(file.read_bytes())}
    brought = {path.name for path in site.rglob("*.so*")}
    assert ("libstdc++.so.6" in {library for _, library in seen}) and len(seen) > 20
    missing = {pair for pair in seen if pair[1] not in brought and not pair[1].startswith(known)}
    assert not missing, f"no dependency of the package brings {missing}"
