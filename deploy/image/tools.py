"""Programs of the machine that makes the image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

NOT_HERE = 77
TOOLS = {
    "mmdebstrap": "mmdebstrap", "qemu-aarch64-static": "qemu-user-static", "arch-test": "arch-test",
    "mke2fs": "e2fsprogs", "mkfs.vfat": "dosfstools", "mcopy": "mtools", "sfdisk": "fdisk",
    "busybox": "busybox-static", "depmod": "kmod", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "/usr/aarch64-linux-gnu/include/stdio.h": "libc6-dev-arm64-cross",
}  # fmt: skip
"""What has to be there, a program or a file, and the package that has it."""


class NotHere(Exception):
    """This machine cannot do it at all; the text says why. A test that meets it is skipped."""


class CommandFailed(Exception):
    """A program that is here said no; the text is the end of what it said."""


def sh(*command: object, **options: object) -> str:
    """What the command prints. Raises CommandFailed; NotHere where there is no such program, or a script says so."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    except FileNotFoundError as error:
        raise NotHere(f"no {error.filename}") from error
    if done.returncode:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[-3:])[-300:]
        raise (NotHere if done.returncode == NOT_HERE else CommandFailed)(f"{words[0]} failed: {said}")
    return str(done.stdout)


def bring(wanted: Mapping[str, str] = TOOLS) -> None:
    """Installs what is missing. Raises NotHere, CommandFailed."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotHere("it makes root file systems and needs root on a Debian system")
    missing = [package for name, package in wanted.items() if not (shutil.which(name) or Path(name).is_file())]
    if missing:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env)
