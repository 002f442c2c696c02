"""A bundle is taken whole and as signed, or not at all."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.errors import BadInput, NotFound
from firmware_py.release import manifest, signature
from firmware_py.release.bundle import Bundle
from firmware_py.release.manifest import File
from tests.release_lab import make_bundle, make_key, tar

# RFC 8032, section 7.1, test 2
KEY = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


def test_the_signature_of_the_standard() -> None:
    assert signature.verify(KEY, SIGNATURE, b"\x72")
    assert not signature.verify(KEY, SIGNATURE, b"\x73")
    assert not signature.verify(KEY, SIGNATURE[:-1] + b"\1", b"\x72")
    assert not signature.verify(KEY, b"", b"\x72") and not signature.verify(b"", SIGNATURE, b"\x72")


@pytest.mark.parametrize("text", ["", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", "ssh-ed25519 AAAA"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadInput, match="Ed25519"):
        signature.public_key(text)


words = st.text("abcxyz019", min_size=1, max_size=6)
names = st.lists(words, min_size=1, max_size=3).map("/".join)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
files = st.dictionaries(names, st.builds(File, st.integers(0, 9999), hashes), max_size=5)


@given(files)
def test_a_manifest_reads_as_it_was_written(found: dict[str, File]) -> None:
    made = manifest.make("1.2.3", "arm64", "3.13", found)
    assert manifest.parse(made.text().encode()) == made


@given(st.binary(max_size=300) | st.binary(max_size=99).map(lambda b: manifest.FORMAT.encode() + b"\n" + b))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        manifest.parse(data)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a//x", "a/./x", ".x", "-x", "a b", "a/"])
def test_a_path_that_leaves_the_folder_is_no_file(path: str) -> None:
    made = manifest.Manifest("1.0-0123456789", "amd64", "3.11", {path: File(1, "0" * 64)})
    with pytest.raises(BadInput, match="no file"):
        manifest.parse(made.text().encode())


def test_it_unpacks_what_was_signed(tmp_path: Path) -> None:
    private, pem = make_key(tmp_path)
    made = make_bundle(tmp_path, private)
    for form in (made, made.with_suffix("")):
        out = tmp_path / f"out{form.suffix}"
        bundle = Bundle(form, signature.public_key(pem))
        bundle.unpack(out)
        there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
        assert there == set(bundle.manifest.files) and "share/systemd/rtva.service" in there


def change(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(path.read_bytes() + b"x")
    return folder


def without(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder


def linked(folder: Path) -> Path:
    path = folder / "share" / "rtva" / "config.yaml"
    path.unlink()
    path.symlink_to("/etc/passwd")
    return folder


def with_more(folder: Path) -> Path:
    (folder / "more").write_text("not signed")
    return folder


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "the manifest": (lambda f: change(f, "manifest"), "signature"),
    "the signature": (lambda f: change(f, "manifest.sig"), "signature"),
    "a file": (lambda f: change(f, "share/rtva/config.yaml"), "not what was signed"),
    "a file less": (lambda f: without(f, "share/rtva/config.yaml"), "missing"),
    "a file more": (with_more, "not in the manifest"),
    "no manifest": (lambda f: without(f, "manifest"), "no manifest"),
    "a link": (linked, "no plain file|missing"),
}


@pytest.mark.parametrize("is_packed", [True, False], ids=["tar", "folder"])
@pytest.mark.parametrize("what", BAD)
def test_a_changed_bundle_is_refused(tmp_path: Path, what: str, is_packed: bool) -> None:
    private, pem = make_key(tmp_path)
    folder = make_bundle(tmp_path, private).with_suffix("")
    doing, why = BAD[what]
    path = doing(folder)
    if is_packed:
        there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())
        path = tar(folder, sorted(there, key=lambda name: (not name.startswith("manifest"), name)))
    with pytest.raises(BadInput, match=why):
        Bundle(path, signature.public_key(pem)).unpack(tmp_path / "out")


def test_another_key_is_refused_before_anything_is_unpacked(tmp_path: Path) -> None:
    made = make_bundle(tmp_path, make_key(tmp_path)[0])
    with pytest.raises(BadInput, match="nothing was unpacked"):
        Bundle(made, signature.public_key(make_key(tmp_path, "other")[1]))


def test_a_cut_or_foreign_archive_is_one_line(tmp_path: Path) -> None:
    private, pem = make_key(tmp_path)
    made, key = make_bundle(tmp_path, private), signature.public_key(pem)
    size = made.stat().st_size
    for length in (0, 700, size // 3, size // 2):
        os.truncate(made, length)
        with pytest.raises(BadInput):
            Bundle(made, key).unpack(tmp_path / f"out{length}")
    made.write_bytes(b"no archive" * 999)
    with pytest.raises(BadInput, match="tar"):
        Bundle(made, key)
    with pytest.raises(NotFound):
        Bundle(tmp_path / "none.tar", key)


def test_a_size_beyond_all_numbers_is_one_line(tmp_path: Path) -> None:
    private, pem = make_key(tmp_path)
    made = make_bundle(tmp_path, private)
    raw = bytearray(made.read_bytes())
    raw[124:136] = b"\x80" + b"\x7f" * 11  # the first header's, in base 256
    raw[148:156] = b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    made.write_bytes(raw)
    with pytest.raises(BadInput):
        Bundle(made, signature.public_key(pem)).unpack(tmp_path / "out")


def test_a_device_in_the_archive_is_refused(tmp_path: Path) -> None:
    private, pem = make_key(tmp_path)
    made = make_bundle(tmp_path, private)
    with tarfile.open(made, "a") as archive:
        info = tarfile.TarInfo("bundle/share/null")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    with pytest.raises(BadInput, match="no plain file"):
        Bundle(made, signature.public_key(pem)).unpack(tmp_path / "out")
