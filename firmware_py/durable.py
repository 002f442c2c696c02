"""What is on the disk and stays there when the power goes."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Returns once a file's content, or a folder's entries, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move_in(whole: Path, target: Path) -> None:
    """Renames a finished file to its place so that a power cut leaves the old file or the new one. Raises OSError."""
    sync(whole)
    whole.replace(target)
    sync(target.parent)
