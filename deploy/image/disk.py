"""Three partitions in one file, without loop devices and without mounting anything.

1  boot   FAT32       kernel, RAM disk, device trees, firmware, rtva-setup.txt; any computer can write it
2  root   ext4        never written; without a journal, for there is nothing to replay; with room for a later system
3  state  ext4        what is kept: /var/lib/rtva, /etc/rtva, name, zone, random seed
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tools import sh

MIB = 1 << 20
BOOT_MIB, STATE_MIB = 160, 512
START_MIB = 4
ROOM_FOR_LATER = 1.25
"""The root's partition over its first system: a later one that is larger is written there too."""


@dataclass(frozen=True)
class Parts:
    """The three file systems, each in a file of its own."""

    boot: Path
    root: Path
    state: Path


def fat(files: Path, target: Path) -> None:
    """A FAT32 file system with what lies in ``files``."""
    target.unlink(missing_ok=True)
    sh("mkfs.vfat", "-F", "32", "-s", "1", "-n", "RTVA-BOOT", "-C", target, BOOT_MIB * 1024)
    for path in sorted(files.iterdir()):
        sh("mcopy", "-s", "-i", target, path, "::")


def ext4(tree: Path, label: str, mib: int, target: Path, *options: str) -> None:
    target.unlink(missing_ok=True)
    sh("mke2fs", "-q", "-t", "ext4", "-L", label, "-m", "0", *options, "-d", tree, target, f"{mib}M")


def size_mib(tree: Path) -> int:
    """What an ext4 file system needs that holds the tree, and a little."""
    used = int(sh("du", "-sm", "--apparent-size", tree).split()[0])
    blocks = int(sh("du", "-sm", tree).split()[0])
    return max(used, blocks) * 108 // 100 + 48


def join(parts: Parts, target: Path) -> None:
    """The partition table and the file systems behind each other; holes stay holes."""
    sizes = [path.stat().st_size for path in (parts.boot, parts.root, parts.state)]
    sizes[1] = int(sizes[1] * ROOM_FOR_LATER) // 512 * 512
    starts, at = [], START_MIB * MIB
    for size in sizes:
        starts.append(at)
        at += -(-size // MIB) * MIB
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(at + MIB)
    table = ["label: dos", "label-id: 0x72747661"]
    for start, size, kind in zip(starts, sizes, ("c", "83", "83"), strict=True):
        table.append(f"start={start // 512}, size={size // 512}, type={kind}")
    sh("sfdisk", "-q", target, input="\n".join(table) + "\n")
    for start, path in zip(starts, (parts.boot, parts.root, parts.state), strict=True):
        place(path, target, start)


def place(source: Path, target: Path, start: int) -> None:
    """``source`` into ``target`` from byte ``start`` on; blocks of zeros are left out."""
    with source.open("rb") as read, target.open("r+b") as write:
        while block := read.read(MIB):
            if block.count(0) != len(block):
                write.seek(start)
                write.write(block)
            start += len(block)


def start_of(image: Path, number: int) -> int:
    """The first byte of a partition, 1 to 3."""
    for line in sh("sfdisk", "-d", image).splitlines():
        if line.startswith(f"{image}{number} "):
            return int(line.partition("start=")[2].split(",")[0]) * 512
    raise ValueError(f"{image} has no partition {number}")


def put(image: Path, source: Path, name: str) -> None:
    """A file onto the boot partition of an image, as a person would with a card reader."""
    sh("mcopy", "-o", "-i", f"{image}@@{start_of(image, 1)}", source, f"::{name}")


def get(image: Path, name: str, target: Path) -> None:
    sh("mcopy", "-n", "-i", f"{image}@@{start_of(image, 1)}", f"::{name}", target)


def copy(image: Path, target: Path) -> None:
    """A copy whose holes stay holes."""
    target.unlink(missing_ok=True)
    with target.open("wb") as file:
        file.truncate(image.stat().st_size)
    place(image, target, 0)


def space(path: Path) -> int:
    """MiB that it takes on the disk."""
    return os.stat(path).st_blocks * 512 // MIB  # noqa: PTH116


def clear(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
