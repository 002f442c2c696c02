#!/usr/bin/env python3
"""Makes the Debian package from a bundle's tree: ``make deb ARCH=amd64|arm64`` -> ``build/deb/rtva_VERSION_ARCH.deb``.

The environment lies in /usr/lib/rtva. It is put together without running anything of the target, so that arm64 needs no
arm64 here; bytecode is made when the package is configured.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bundle"))
import make_bundle
import wheels as wheelhouse
from wheels import MACHINES, ROOT, CannotBuild, Target

from firmware_py import __version__

HERE = Path(__file__).resolve().parent
PREFIX = "/usr/lib/rtva"
SUITES = {"3.10": "jammy", "3.11": "bookworm", "3.12": "noble", "3.13": "trixie"}
"""By the Python they have; jammy is JetPack 6, noble JetPack 7."""
MAINTAINER = "rtva <rtva@localhost>"
DEPENDS = ("libc6 (>= 2.35)", "libstdc++6", "zlib1g", "libasound2 | libasound2t64", "libgomp1", "systemd")
ENTRY = f"""#!{PREFIX}/bin/python
import sys

from firmware_py.__main__ import main

sys.exit(main())
"""
CONTROL = """Package: rtva
Version: {version}
Architecture: {arch}
Maintainer: {maintainer}
Installed-Size: {kib}
Depends: {depends}
Section: sound
Priority: optional
Description: headless, fully offline, real-time voice assistant
 Hears a sentence through ALSA, recognises it with whisper.cpp along the
 templates of what can be asked, and answers aloud with Piper: timers,
 alarms, lists, the time, commands of your own. It runs as a systemd
 service without a network.
 .
 The weights of the default configuration are part of the package.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=tuple(MACHINES), default="amd64")
    parser.add_argument("--py", choices=tuple(SUITES), default="3.11")
    parser.add_argument("--revision", default="1")
    args = parser.parse_args()
    os.umask(0o022)
    target = Target(args.arch, args.py, make_bundle.BUILD / f"{args.arch}-{args.py}")
    try:
        if not make_bundle.is_of_this_commit(target):
            make_bundle.make(target, "")
        print(make(target, args.revision))
    except CannotBuild as error:
        print(f"deb: {error}", file=sys.stderr)
        return 69
    return 0


def make(target: Target, revision: str) -> Path:
    version = f"{__version__}-{revision}~{SUITES[target.python]}"
    out, root = ROOT / "build" / "deb", ROOT / "build" / "deb" / f"{target.arch}-{target.python}"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or wheelhouse.run("git", "log", "-1", "--format=%ct"))
    environment(target, root / PREFIX[1:])
    system(target.work / "tree" / "share", root)
    documents(root / "usr/share/doc/rtva", version, epoch, (target.work / make_bundle.COMMIT).read_text())
    control(target, root, version)
    for path in root.rglob("*"):
        if not path.is_symlink():
            is_program = path.is_dir() or (
                path.parent.name in ("bin", "DEBIAN") and path.name not in ("control", "md5sums")
            )
            path.chmod(0o755 if is_program else 0o644)
    deb = out / f"rtva_{version}_{target.arch}.deb"
    new = deb.with_suffix(".new")  # what has the final name is whole
    build = ("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", root, new)
    wheelhouse.run(*build, SOURCE_DATE_EPOCH=str(epoch))
    return new.rename(deb)


def environment(target: Target, prefix: Path) -> None:
    """What ``python -m venv`` and pip would make there, for any architecture."""
    house = target.work / "tree" / "wheels"
    site = prefix / "lib" / f"python{target.python}" / "site-packages"
    machine = MACHINES[target.arch]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(17, wheelhouse.NEWEST_GLIBC + 1)]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    wheelhouse.run(
        wheelhouse.environment(target), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index",
        "--no-compile", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--find-links", house,
        *[word for each in platforms for word in ("--platform", each)], "--python-version", target.python,
        "--target", site, "--requirement", house / "requirements.txt",
    )  # fmt: skip
    shutil.rmtree(site / "bin", ignore_errors=True)
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").symlink_to(f"../../../bin/python{target.python}")
    (prefix / "bin" / "rtva").write_text(ENTRY)
    (prefix / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n"
    )


def system(share: Path, root: Path) -> None:
    places = {
        "rtva.service": "usr/lib/systemd/system/rtva.service",
        "rtva-profile.service": "usr/lib/systemd/system/rtva-profile.service",
        "rtva-profile.timer": "usr/lib/systemd/system/rtva-profile.timer",
        "rtva.sysusers": "usr/lib/sysusers.d/rtva.conf",
        "rtva.tmpfiles": "usr/lib/tmpfiles.d/rtva.conf",
        "60-rtva.rules": "usr/lib/udev/rules.d/60-rtva.rules",
    }
    for name, place in places.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        text = (share / "systemd" / name).read_text()
        text = text.replace("/opt/rtva/share/doc", "/usr/share/doc").replace("/opt/rtva", PREFIX)
        (root / place).write_text(text)
    own = root / PREFIX[1:] / "share"
    shutil.copytree(share / "systemd" / "rtva.service.d", own / "systemd" / "rtva.service.d")
    shutil.copytree(share / "rtva", own / "rtva")
    (root / "usr/bin").mkdir()
    (root / "usr/bin/rtva").symlink_to(f"../lib/{PREFIX.rpartition('/')[2]}/bin/rtva")


def documents(folder: Path, version: str, epoch: int, commit: str) -> None:
    """The changelog says which commit it is: the version is the same from one to the next."""
    shutil.copytree(ROOT / "docs", folder)
    shutil.copy(HERE / "copyright", folder)
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(epoch))
    made_of = f"commit {commit}" if commit else "a checkout with changes that were not committed"
    head, item = f"rtva ({version}) unstable; urgency=medium", f"  * Made of {made_of}.\n  * See changelog.gz."
    entry = f"{head}\n\n{item}\n\n -- {MAINTAINER}  {date}\n"
    (folder / "changelog.Debian.gz").write_bytes(gzip.compress(entry.encode(), 9, mtime=0))
    (folder / "changelog.gz").write_bytes(gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), 9, mtime=0))
    overrides = folder.parents[1] / "lintian" / "overrides"
    overrides.mkdir(parents=True)
    shutil.copy(HERE / "lintian-overrides", overrides / "rtva")


def control(target: Target, root: Path, version: str) -> None:
    files = sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    sums = "".join(f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(root)}\n" for p in files)
    kib = sum(-(-p.stat().st_size // 1024) for p in files)
    folder = root / "DEBIAN"
    folder.mkdir()
    (folder / "md5sums").write_text(sums)
    depends = ", ".join((f"python{target.python}", *DEPENDS))
    for name in ("preinst", "postinst", "prerm", "postrm"):
        shutil.copy(HERE / name, folder)
    (folder / "control").write_text(
        CONTROL.format(version=version, arch=target.arch, maintainer=MAINTAINER, kib=kib, depends=depends)
    )


if __name__ == "__main__":
    sys.exit(main())
