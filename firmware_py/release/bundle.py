"""A bundle, packed or not: its signature first, then each file against the manifest while it is written.

Packed, it is one tar: a folder with ``manifest``, ``manifest.sig`` and then the files. Nothing reaches the disk before
the signature is good, and nothing that the manifest does not name.
"""

from __future__ import annotations

import contextlib
import hashlib
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from firmware_py.errors import BadInput, NotFound
from firmware_py.release import manifest, signature
from firmware_py.release.disk import sync

SIGNED = ("manifest", "manifest.sig")
CHUNK = 1 << 20


class Bundle:
    """An opened bundle whose signature is good; ``stream`` yields what stands behind the manifest.

    Raises NotFound, BadInput for anything that is wrong with it.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        with self._entries() as entries:
            text, signed = (self._small(entries, name) for name in SIGNED)
        if not signature.verify(key, signed, text):
            raise BadInput(
                f"{path}: the signature is not by the key {signature.fingerprint(key)}; refused, nothing was unpacked"
            )
        self.manifest = manifest.parse(text)

    def unpack(self, target: Path) -> None:
        """Writes every file below ``target``, each checked. Raises BadInput at the first that is not as signed."""
        missing = dict(self.manifest.files)
        with self._entries() as entries:
            for name, source in entries:
                if name in SIGNED:
                    continue
                file = missing.pop(name, None)
                if file is None:
                    raise BadInput(f"{self.path}: {name[:100]!r} is not in the manifest, or there twice; refused")
                _write(source, target / name, file, f"{self.path}: {name}")
        if missing:
            raise BadInput(f"{self.path}: {next(iter(missing))} is missing ({len(missing)} files); copied to its end?")

    def _small(self, entries: Iterator[tuple[str, BinaryIO]], name: str) -> bytes:
        found, source = next(entries, ("", None))
        if found != name or source is None:
            raise BadInput(f"{self.path}: no {name} where it belongs; not a bundle of rtva")
        data = source.read(manifest.MAX_BYTES + 1)
        if len(data) > manifest.MAX_BYTES:
            raise BadInput(f"{self.path}: {name} is longer than {manifest.MAX_BYTES} bytes")
        return data

    @contextlib.contextmanager
    def _entries(self) -> Iterator[Iterator[tuple[str, BinaryIO]]]:
        try:
            if self.path.is_dir():
                yield _folder(self.path)
                return
            with tarfile.open(self.path, "r:") as tar:
                yield _members(tar, self.path)
        except FileNotFoundError:
            raise NotFound(f"{self.path}: no such file") from None
        except (tarfile.TarError, EOFError, OverflowError) as error:
            raise BadInput(f"{self.path}: not a whole tar archive ({error})") from error


def _folder(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file() and not p.is_symlink())
    for name in [*SIGNED, *(name for name in names if name not in SIGNED)]:
        try:
            with (path / name).open("rb") as file:
                yield name, file
        except FileNotFoundError:
            raise BadInput(f"{path}: no {name}; not a bundle of rtva") from None


def _members(tar: tarfile.TarFile, path: Path) -> Iterator[tuple[str, BinaryIO]]:
    for member in tar:
        if member.isdir():
            continue
        source = tar.extractfile(member) if member.isreg() else None
        if source is None:
            raise BadInput(f"{path}: {member.name[:100]!r} is no plain file; refused")
        yield member.name.partition("/")[2], source  # type: ignore[misc]


def _write(source: BinaryIO, target: Path, file: manifest.File, what: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    sha, left = hashlib.sha256(), file.size
    with target.open("wb") as out:
        while chunk := source.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            sha.update(chunk)
            out.write(chunk)
        sync(out)
    if left or sha.hexdigest() != file.sha256:
        target.unlink()
        raise BadInput(f"{what}: not what was signed; refused")
