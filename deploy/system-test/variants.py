#!/usr/bin/env python3
"""Bundles to test with, from the one that was just made: ``variants.py ARCH PYTHON FOLDER``.

``first.tar`` as it is, ``second.tar`` with another note, ``mute.tar`` with a voice that cannot be loaded,
``deaf.tar`` with a recogniser that cannot, ``stranger.tar`` by another key, ``changed.tar`` with one byte of a wheel
changed, ``short.tar`` cut off.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bundle"))
import make_bundle
from wheels import Target

EPOCH = 1_700_000_000


def main() -> None:
    arch, python = sys.argv[1:3]
    target = Target(arch, python, make_bundle.BUILD / f"{arch}-{python}")
    folder, tree = Path(sys.argv[3]), target.work / "tree"
    folder.mkdir(parents=True)

    def pack(name: str, key: Path) -> Path:
        for old in ("manifest", "manifest.sig"):
            (tree / old).unlink(missing_ok=True)
        return Path(shutil.move(make_bundle.pack(tree, target, key, EPOCH), folder / f"{name}.tar"))

    stamp = target.work / make_bundle.COMMIT
    made_of = stamp.read_text()
    stamp.unlink()  # until everything is back: a tree that was left with a "{}" for a voice is of no commit
    own = make_bundle.signing_key()
    pack("first", own)
    note = tree / "share" / "rtva" / "note.txt"
    note.write_text("another release\n")
    second = pack("second", own)
    other = target.work / "other.pem"
    subprocess.run(("openssl", "genpkey", "-algorithm", "ed25519", "-out", other), check=True)
    pack("stranger", other)
    for name, file in (("mute", "*.onnx.json"), ("deaf", "ggml-*.bin")):
        weights = next((tree / "share").rglob(file))
        kept = weights.read_bytes()
        weights.write_text("{}")
        pack(name, own)
        weights.write_bytes(kept)
    note.unlink()
    stamp.write_text(made_of)
    damage(second, folder)


def damage(bundle: Path, folder: Path) -> None:
    shutil.copyfile(bundle, folder / "changed.tar")
    with (folder / "changed.tar").open("r+b") as file:
        file.seek(-1_000_000, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    shutil.copyfile(bundle, folder / "short.tar")
    os.truncate(folder / "short.tar", bundle.stat().st_size // 2)


if __name__ == "__main__":
    main()
