"""Programs of the machine that makes the image."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

TOOLS = {
    "mmdebstrap": "mmdebstrap", "qemu-aarch64-static": "qemu-user-static", "arch-test": "arch-test",
    "mke2fs": "e2fsprogs", "mkfs.vfat": "dosfstools", "mcopy": "mtools", "sfdisk": "fdisk",
    "busybox": "busybox-static", "depmod": "kmod",
}  # fmt: skip


class NotHere(Exception):
    """This machine cannot do it; the text says why."""


def sh(*command: object, **options: object) -> str:
    """What the command prints. Raises NotHere with the end of what it said when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise NotHere(f"{words[0]} failed: {' | '.join((done.stderr or done.stdout).strip().splitlines()[-3:])[-300:]}")
    return str(done.stdout)


def bring(wanted: Mapping[str, str] = TOOLS) -> None:
    """Installs what is missing. Raises NotHere."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotHere("it makes root file systems and needs root on a Debian system")
    missing = [package for program, package in wanted.items() if not shutil.which(program)]
    if missing:
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        sh("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, env=env)
