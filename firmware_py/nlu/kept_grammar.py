"""The automaton of guided recognition kept in files: it takes most of a start, and the same templates give the same.

A file's name is the hash of everything that shapes it: the text of each template file, the code of this room and what
it is compiled with. Nothing has to notice a change, since another input is another name.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import hassil
import yaml

from firmware_py import _grammar
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding

SUFFIX = ".grammar"
MOST_KEPT = 3
"""Files that stay beside a new one: a language or a set of templates each."""
STALE_S = 3600
_MAGIC = "rtva-grammar-1"

LOG = logging.getLogger(__name__)


def guidance(understanding: HassilUnderstanding, language: str, folders: Sequence[Path] = ()) -> dict[str, Any]:
    """``Grammar.data()`` of what ``understanding`` knows in ``language``: from the first of ``folders`` that has it,
    else made, and kept in the first. A damaged file is made anew; a folder that cannot be written is logged."""
    key = key_of(understanding, language) if folders else None
    if key is None:
        return compile_understanding(understanding, language=language).data()
    for folder in folders:
        kept = _read(folder / (key + SUFFIX), key)
        if kept is not None:
            return kept
    made = compile_understanding(understanding, language=language).data()
    _write(folders[0], key, made)
    return made


def is_kept(understanding: HassilUnderstanding, language: str, folder: Path) -> bool:
    """Whether ``folder`` has the automaton, undamaged."""
    key = key_of(understanding, language)
    return key is not None and _read(folder / (key + SUFFIX), key) is not None


def key_of(understanding: HassilUnderstanding, language: str) -> str | None:
    """64 hex digits, None where the code cannot be read (an installation without sources)."""
    code = _code()
    if code is None:
        return None
    digest = hashlib.sha256(f"{code} {language}".encode())
    for engine in understanding.engines:
        if engine.language == language:
            digest.update(f"\n{len(engine.sources)} {' '.join(engine.sources)}".encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _code() -> str | None:
    """The hash of what turns templates into an automaton, None where it cannot be told."""
    digest = hashlib.sha256(f"{_MAGIC} {sys.version} {unicodedata.unidata_version} {yaml.__version__}".encode())
    try:
        files = list(_code_files())
        for file in files:
            data = file.read_bytes()
            digest.update(f"\n{file.name} {len(data)}\n".encode() + data)
    except (OSError, TypeError):
        return None
    return digest.hexdigest() if len(files) > 1 else None


def _code_files() -> Iterator[Path]:
    yield Path(_grammar.__file__)
    for package in (__file__, hassil.__file__):
        yield from sorted(Path(str(package)).parent.rglob("*.py"))


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """What was kept, None when there is no such file or it is not what was written."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        LOG.warning("kept grammar: cannot read %s: %s", path, error.strerror)
        return None
    if head != _head(key, body):
        LOG.warning("kept grammar: %s is damaged and is made again", path)
        return None
    found: dict[str, Any] = json.loads(body)
    return found


def _head(key: str, body: bytes) -> bytes:
    return f"{_MAGIC} {key} {hashlib.sha256(body).hexdigest()}".encode()


def _write(folder: Path, key: str, data: dict[str, Any]) -> None:
    body = json.dumps(data).encode()
    name = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            name = Path(file.name)
            file.write(_head(key, body) + b"\n" + body)
        name.chmod(0o644)
        name.replace(folder / (key + SUFFIX))
    except OSError as error:
        LOG.warning("kept grammar: cannot write %s: %s", folder, error.strerror or error)
        if name is not None:
            name.unlink(missing_ok=True)


def _make_room(folder: Path) -> None:
    """Removes all but the newest, and what a killed writer left."""
    states = {path: path.stat().st_mtime for path in folder.iterdir() if path.suffix in (SUFFIX, ".part")}
    kept = sorted((p for p in states if p.suffix == SUFFIX), key=lambda p: -states[p])
    left = [p for p in states if p.suffix == ".part" and time.time() - states[p] > STALE_S]
    for path in (*kept[MOST_KEPT - 1 :], *left):
        path.unlink(missing_ok=True)
