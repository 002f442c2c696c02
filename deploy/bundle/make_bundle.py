#!/usr/bin/env python3
"""Makes a bundle: ``make bundle ARCH=amd64|arm64 PY=3.11`` -> ``build/bundle/rtva-RELEASE-ARCH-pyVERSION.tar``.

The same commit gives the same bytes with the same key: times come from the commit (or SOURCE_DATE_EPOCH), names are
sorted, nothing compiled carries a path. The key is RTVA_SIGNING_KEY, else one that is made once in build/signing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import wheels as wheelhouse
from sbom import sbom
from wheels import ROOT, CannotBuild, Target

from firmware_py import __version__, models
from firmware_py.errors import BadInput
from firmware_py.release import manifest, signature
from firmware_py.tts.parts import INDEX, parts_folder
from firmware_py.tts.piper import Piper

BUILD = ROOT / "build" / "bundle"
ARM64_ROOT = BUILD / "arm64-root"
COMMIT = "commit"
UNITS = ("rtva.service", "rtva-profile.service", "rtva-profile.timer", "rtva-settle.service", "rtva.sysusers",
         "rtva.tmpfiles", "60-rtva.rules", "settle.sh")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=tuple(wheelhouse.MACHINES), default="amd64")
    here = ".".join(map(str, sys.version_info[:2]))
    parser.add_argument("--py", choices=wheelhouse.PYTHONS, default=here)
    parser.add_argument("--note", default="", help="a line in the bundle, which makes it another release")
    parser.add_argument("--unless-current", action="store_true", help="none, where there is one of this very commit")
    args = parser.parse_args()
    os.umask(0o022)  # modes get into wheels
    target = Target(args.arch, args.py, BUILD / f"{args.arch}-{args.py}")
    try:
        print((args.unless_current and not args.note and current(target)) or make(target, args.note))
    except CannotBuild as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 69
    return 0


def make(target: Target, note: str) -> Path:
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or wheelhouse.run("git", "log", "-1", "--format=%ct"))
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch)
    key = signing_key()
    public = public_half(key)
    house = wheelhouse.house(target, ARM64_ROOT)
    tree = target.work / "tree"
    shutil.copytree(house, tree / "wheels")
    shutil.copy(ROOT / "deploy" / "bundle" / "install.sh", tree)
    share(tree / "share", note)
    weights = list(put_weights(tree / "share" / "rtva" / "models"))
    (tree / "share" / "rtva" / "sbom.json").write_text(sbom(__version__, house.glob("*.whl"), weights, epoch))
    (target.work / COMMIT).write_text("" if note else commit())
    (tree / "key.pem").write_text(public)
    return pack(tree, target, key, epoch)


def commit() -> str:
    """What the checkout is at; "" where something of it is not committed."""
    return "" if wheelhouse.run("git", "status", "--porcelain") else wheelhouse.run("git", "rev-parse", "HEAD")


def is_of_this_commit(target: Target) -> bool:
    """Whether the tree of a bundle is there and made of what is checked out now."""
    stamp, now = target.work / COMMIT, commit()
    return bool(now) and (target.work / "tree" / "manifest").exists() and stamp.exists() and stamp.read_text() == now


def current(target: Target) -> Path | None:
    """The bundle that was packed last from the tree, where that is of this commit."""
    if not is_of_this_commit(target):
        return None
    path = packed(target, manifest.parse((target.work / "tree" / "manifest").read_bytes()).release)
    return path if path.exists() else None


def packed(target: Target, release: str) -> Path:
    return BUILD / f"rtva-{release}-{target.arch}-py{target.python}.tar"


def share(folder: Path, note: str) -> None:
    """Units, drop-ins, documents, licence, and the configuration as the service has it."""
    shutil.copytree(ROOT / "docs", folder / "doc" / "rtva")
    shutil.copy(ROOT / "LICENSE", folder / "doc" / "rtva")
    shutil.copytree(ROOT / "systemd" / "drop-in", folder / "systemd")
    for name in UNITS:
        shutil.copy(ROOT / "systemd" / name, folder / "systemd" / name)
    (folder / "rtva").mkdir()
    config = (ROOT / "config" / "config.yaml").read_text()
    lines = [line for line in config.splitlines(True) if not line.startswith('  # mode: "in_process"')]
    at = lines.index("workers:\n") + 1
    lines.insert(at, "  mode: process\n")  # in the service each engine has a process of its own
    (folder / "rtva" / "config.yaml").write_text("".join(lines))
    if note:
        (folder / "rtva" / "note.txt").write_text(f"{note}\n")


def put_weights(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """The weights of the default configuration, verified; yields (name, licence, file)."""
    voice, stt, vad = (
        models.resolve_voice("en_US-joe-medium"),
        models.resolve_stt("tiny.en", "int8"),
        models.resolve_vad(),
    )
    books, root = models.library(), models.home() / "models"
    for path in (stt.path, vad, voice.onnx, voice.config):
        copy = folder / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        name = path.parent.name
        yield name, books.entry(name).licence, copy
    name = voice.onnx.parent.name
    for copy in put_parts(voice, folder / voice.onnx.parent.relative_to(root)):
        yield name, books.entry(name).licence, copy


def put_parts(voice: models.VoiceWeights, folder: Path) -> list[Path]:
    """The voice cut into its parts: what a board would do for a minute and more. Its onnxruntime is the board's, by
    the constraints; where it is another, the board cuts anew."""
    Piper(voice.onnx, voice.config)
    source, target = parts_folder(voice.onnx), folder / parts_folder(voice.onnx).name
    if not (source / INDEX).exists():
        raise CannotBuild(f"{source}: the parts of the voice cannot be kept there")
    shutil.copytree(source, target)
    found = json.loads((source / INDEX).read_text())
    found["source"]["mtime_ns"] = 0  # what differs from one cut to the next; the sha256 tells whose parts they are
    found.pop("largest_error")
    (target / INDEX).write_text(json.dumps(found, indent=2) + "\n")
    return sorted(target.iterdir())


def signing_key() -> Path:
    named = os.environ.get("RTVA_SIGNING_KEY")
    if named:
        if not Path(named).is_file():
            raise CannotBuild(f"RTVA_SIGNING_KEY names {named}, and no such file is there")
        return Path(named)
    key = ROOT / "build" / "signing" / "key.pem"
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        old = os.umask(0o077)
        wheelhouse.run("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        os.umask(old)
        print(f"bundle: signed with a key made for this checkout, {key.relative_to(ROOT)}", file=sys.stderr)
    return key


def public_half(key: Path) -> str:
    """As PEM. Raises CannotBuild for a key that boards do not take."""
    try:
        pem = wheelhouse.run("openssl", "pkey", "-in", key, "-pubout")
        signature.public_key(pem)
    except (CannotBuild, BadInput):
        how = "'openssl genpkey -algorithm ed25519 -out key.pem' makes one"
        raise CannotBuild(f"{key} is no private Ed25519 key ({how})") from None
    return pem


def pack(tree: Path, target: Target, key: Path, epoch: int) -> Path:
    """Signs the tree and writes it as one tar, manifest and signature first."""
    names = sorted(p.relative_to(tree).as_posix() for p in tree.rglob("*") if p.is_file())
    files = {}
    for name in names:
        data = (tree / name).read_bytes()
        files[name] = manifest.File(len(data), hashlib.sha256(data).hexdigest())
    made = manifest.make(__version__, target.arch, target.python, files)
    manifest.parse(made.text().encode())
    (tree / "manifest").write_text(made.text())
    subprocess.run(
        (
            "openssl",
            "pkeyutl",
            "-sign",
            "-rawin",
            "-inkey",
            key,
            "-in",
            tree / "manifest",
            "-out",
            tree / "manifest.sig",
        ),
        check=True,
    )
    done = packed(target, made.release)
    top, out = done.stem, done.with_suffix(".new")
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in ["manifest", "manifest.sig", *names]:
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size, info.mtime = (tree / name).stat().st_size, epoch
            info.mode = 0o755 if name.endswith(".sh") else 0o644
            with (tree / name).open("rb") as file:
                tar.addfile(info, file)
    return out.rename(done)  # what has the final name is whole


if __name__ == "__main__":
    sys.exit(main())
