"""A bundle's manifest: what it is for and the size and sha256 of every file. The signature covers exactly its bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from firmware_py.errors import BadInput

FORMAT = "rtva-bundle 1"
MAX_BYTES = 1 << 20
MAX_FILE_BYTES = 4 << 30
RELEASE = re.compile(r"[0-9][A-Za-z0-9.+]{0,30}-[0-9a-f]{10}")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""``platform.machine()`` -> Debian's name."""
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@-]*(/[A-Za-z0-9_][A-Za-z0-9._+@-]*)*")
_FILE = re.compile(r"([0-9a-f]{64}) ([0-9]{1,11}) (\S+)")


@dataclass(frozen=True)
class File:
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """``release`` is VERSION-CONTENT: a name that no other content has."""

    release: str
    arch: str
    python: str
    files: Mapping[str, File]

    def text(self) -> str:
        lines = [FORMAT, f"release {self.release}", f"arch {self.arch}", f"python {self.python}"]
        lines += [f"{file.sha256} {file.size} {path}" for path, file in sorted(self.files.items())]
        return "\n".join(lines) + "\n"


def make(version: str, arch: str, python: str, files: Mapping[str, File]) -> Manifest:
    """A manifest whose release is named after what is in it."""
    content = hashlib.sha256(Manifest("", arch, python, files).text().encode()).hexdigest()[:10]
    return Manifest(f"{version}-{content}", arch, python, files)


def parse(data: bytes) -> Manifest:
    """Raises BadInput with the line that is wrong."""
    try:
        head, *rest = data.decode("ascii").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        raise BadInput("the manifest is not a text") from None
    if head != FORMAT or len(rest) < 3:
        raise BadInput(f"the manifest does not begin with {FORMAT!r}: not a bundle of rtva, or one of a later form")
    named = dict(line.partition(" ")[::2] for line in rest[:3])
    if list(named) != ["release", "arch", "python"]:
        raise BadInput("the manifest must name release, arch and python, in this order")
    if not RELEASE.fullmatch(named["release"]):
        raise BadInput(f"the manifest names no release: {named['release'][:40]!r}")
    if named["arch"] not in ARCHITECTURES.values() or not re.fullmatch(r"3\.[0-9]{1,2}", named["python"]):
        raise BadInput(f"the manifest is for {named['arch'][:20]!r} and Python {named['python'][:20]!r}")
    return Manifest(named["release"], named["arch"], named["python"], _files(rest[3:]))


def _files(lines: list[str]) -> dict[str, File]:
    files: dict[str, File] = {}
    for line in lines:
        found = _FILE.fullmatch(line)
        if not found or not _PATH.fullmatch(found.group(3)) or found.group(3) in files:
            raise BadInput(f"the manifest has a line that is no file, or one twice: {line[:100]!r}")
        size = int(found.group(2))
        if size > MAX_FILE_BYTES:
            raise BadInput(f"the manifest has a file of {size} bytes, more than {MAX_FILE_BYTES}")
        files[found.group(3)] = File(size, found.group(1))
    return files
