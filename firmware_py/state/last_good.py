"""A whole copy of the state file beside it, for the day on which a card has spoilt it; and one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import filecmp
import os
import sqlite3
import tempfile
from pathlib import Path

from firmware_py.durable import move_in
from firmware_py.state import migrations
from firmware_py.state.migrations import version_of


def copy_of(path: Path) -> Path:
    """Where the copy is."""
    return path.with_name(f"{path.name}.good")


def copy_of_version(path: Path, version: int) -> Path:
    """Where the state file is kept as it was with one version of its schema."""
    return path.with_name(f"{path.name}.v{version}")


def newest_version(path: Path) -> Path | None:
    """The copy of the newest schema that this rtva can read; None where there is none."""
    copies = (copy_of_version(path, version) for version in range(migrations.VERSION, 0, -1))
    return next((copy for copy in copies if copy.exists()), None)


def keep(db: sqlite3.Connection, path: Path, good: Path | None = None) -> bool:
    """Copies an open, sound state file: always the old copy or the new one, never half of one. Whether it did.

    Nothing is written where the copy (``good``, else :func:`copy_of`) has the same content. Raises sqlite3.Error and
    OSError.
    """
    new, good = path.with_name(f"{path.name}.new"), good or copy_of(path)
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    target = sqlite3.connect(new)
    try:
        target.execute("PRAGMA synchronous = OFF")  # it is synced as a whole below
        db.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")
    finally:
        target.close()
    if good.exists() and filecmp.cmp(new, good, shallow=False):
        new.unlink()
        return False
    move_in(new, good)
    return True


def bring_back(path: Path, good: Path | None = None) -> bool:
    """Puts a copy (``good``, else :func:`copy_of`) in the place of a state file that is not there any more. Whether
    there was one, sound and of a schema that this rtva can read."""
    good = good or copy_of(path)
    if not good.exists():
        return False
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(good.read_bytes())
    new.chmod(0o600)
    db = sqlite3.connect(new)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok" or version_of(db) > migrations.VERSION:
            return False
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return False
    finally:
        db.close()
    move_in(new, path)
    return True


def read_into(db: sqlite3.Connection, path: Path) -> bool:
    """Copies a state file that cannot be opened where it lies, its log included, into an open database. Whether there
    was one with anything in it. Raises sqlite3.Error and OSError."""
    if not path.exists() or not path.stat().st_size:
        return False
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        there = Path(folder) / path.name
        for suffix in ("", "-wal"):
            source = Path(f"{path}{suffix}")
            if source.exists():
                Path(f"{there}{suffix}").write_bytes(source.read_bytes())
        with contextlib.closing(sqlite3.connect(there)) as found:
            if found.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("it is damaged")
            found.backup(db)
    return True


def _memory_folder() -> str | None:
    """A folder that is in memory: where the disk is read-only, so may be the temporary one."""
    for folder in (os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0], "/dev/shm"):
        if folder and os.access(folder, os.W_OK):
            return folder
    return None


def hold(path: Path) -> int | None:
    """Makes this process the only one that writes to ``path``; the descriptor to close, None where another does.

    Without the right to make the lock's file there is nothing to guard: -1.
    """
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return -1
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
