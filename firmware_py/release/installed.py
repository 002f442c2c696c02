"""What a release was when it was built, file by file, so that a damaged one is found and built anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from firmware_py.release import disk

LIST = "files"
"""In a release: ``sha256 path``, or ``-> target path``, a line each. Files that came later are not in it."""


def note(release: Path) -> None:
    """Writes the list. Raises OSError."""
    disk.write(release / LIST, "".join(f"{what(release / name)} {name}\n" for name in sorted(_names(release))))


def damage(release: Path) -> str:
    """The first file that is not as it was noted, "" when all are. Reads every byte."""
    try:
        lines = (release / LIST).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return LIST
    for line in lines:
        is_link = line.startswith("-> ")
        noted, name = (line[: line.rindex(" ")], line[line.rindex(" ") + 1 :]) if is_link else (line[:64], line[65:])
        if what(release / name) != noted:
            return name
    return ""


def what(path: Path) -> str:
    """The sha256 of a file, or where a link leads; "" for one that is not there or cannot be read."""
    try:
        if path.is_symlink():
            return f"-> {path.readlink()}"
        sha = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                sha.update(chunk)
        return sha.hexdigest()
    except OSError:
        return ""


def _names(release: Path) -> Iterator[str]:
    for path in release.rglob("*"):
        name = path.relative_to(release).as_posix()
        if name != LIST and (path.is_symlink() or path.is_file()):
            yield name
