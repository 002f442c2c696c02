"""Changes that outlive a power cut: a file or a link is the old one or the new one, and on the disk when told so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any


def sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(path: Path) -> None:
    """All that was written to the file system of ``path``: one call for thousands of files."""
    import ctypes

    handle = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle) != 0:
            os.sync()
    finally:
        os.close(handle)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        new.chmod(mode)
        sync(file)
    new.replace(path)
    sync_folder(path.parent)


def link(path: Path, target: str) -> None:
    """Points the symbolic link ``path`` to ``target``."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
    sync_folder(path.parent)


def rename(path: Path, name: Path) -> None:
    """Gives the file another name in its folder."""
    path.replace(name)
    sync_folder(name.parent)


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
