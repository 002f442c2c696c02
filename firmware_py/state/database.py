"""The state file: SQLite with a write-ahead log and ``synchronous=FULL``, so a change that returned is on the disk.

It is written when something changes and at no other time. A file that cannot be read is kept aside and the last good
copy takes its place, else a new one is begun; a disk that cannot be written to costs durability, never the service.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from firmware_py.state import last_good, migrations
from firmware_py.state.migrations import TooNew, migrate, version_of

MEMORY = ":memory:"
CHECKPOINT_PAGES = 64
"""The log is folded into the file after this many pages (256 KiB): a small file, read quickly after a power cut."""

KEEP_S = 3600.0
"""A change may make a new copy of the whole file so often, beside each start and each orderly end."""

MOST_OWED = 10_000
"""Statements that wait for a disk that is full or read-only; the oldest make room."""
PROBE = "probe"

SPOILT = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a spoilt file raises; the second where sqlite3 cannot even put into words what it found there."""

Statement = tuple[str, Sequence[Any]]

_log = logging.getLogger("rtva.state")


class Database:
    """Settings (small JSON values by name) and counters. Thread-safe; each method is one transaction.

    ``replaced`` says why another file took the place of the one that was found at the start, "" where none did.
    ``problem`` says in words why nothing is kept over a restart, "" while all is well, and ``on_problem`` is called
    when that changes, in whatever thread finds it. Where the disk cannot be written to, what the file holds is worked
    with in memory, and :meth:`try_again` brings it to the disk once that is well. Raises nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.problem = self.replaced = ""
        self.on_problem: Callable[[str], None] = lambda problem: None
        self._lock = threading.Lock()
        self._hold = -1
        self._may_move = True
        self._kept_at = time.monotonic()
        self._owed: deque[Statement] = deque(maxlen=MOST_OWED)
        self._db = self._open()
        if not self.problem:
            self._keep_copy()

    def get(self, name: str, default: Any = None) -> Any:
        """A setting."""
        found = self.rows("SELECT name, value FROM settings WHERE name = ?", (name,))
        return self._values(found).get(name, default)

    def settings(self) -> dict[str, Any]:
        return self._values(self.rows("SELECT name, value FROM settings"))

    def counters(self) -> dict[str, int]:
        return {str(name): int(value) for name, value in self.rows("SELECT name, value FROM counters")}

    def change(self, settings: Mapping[str, Any] | None = None, add: Mapping[str, int] | None = None) -> bool:
        """Sets settings and adds to counters, all or none of it; True once it is on the disk.

        A failure is logged and becomes :attr:`problem`; the next change that succeeds clears it. What a full or
        read-only disk refused is made up for then.
        """
        statements: list[Statement] = [
            ("REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))
            for name, value in (settings or {}).items()
        ]
        statements += [
            (
                "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + ?",
                (name, value, value),
            )
            for name, value in (add or {}).items()
        ]
        return self.write(statements)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a SELECT finds; nothing, and a :attr:`problem`, where the file was spoilt meanwhile."""
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except SPOILT as error:
            self._complain(f"the state file {self.path} cannot be read: {error}")
            return []

    def _values(self, found: list[tuple[Any, ...]]) -> dict[str, Any]:
        """Without what is no JSON any more."""
        values = {}
        for name, value in found:
            try:
                values[name] = json.loads(value)
            except (TypeError, ValueError) as error:
                self._complain(f"the state file {self.path} is spoilt at {name!r}: {error}")
        return values

    def write(self, statements: Sequence[Statement]) -> bool:
        """Executes ``(SQL, values)`` pairs, all or none; True once it is on the disk. Fails as :meth:`change` does."""
        try:
            with self._lock:
                self._pay_and_do(statements)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._complain(f"the state file {self.path} cannot be written: {error}")
            return False
        if self.problem and self._is_on_disk():
            self._recover()
        if time.monotonic() - self._kept_at > KEEP_S:
            self._keep_copy()
        return self._is_on_disk()

    def try_again(self) -> bool:
        """Whether changes are on the disk again, all that were made meanwhile included; writes only where there is a
        :attr:`problem`. Waits for the disk."""
        if not self.problem or self.path is None:
            return not self.problem
        if self._is_on_disk():
            return self.write([("REPLACE INTO settings VALUES (?, ?)", (PROBE, "1"))]) and self.write(
                [("DELETE FROM settings WHERE name = ?", (PROBE,))]
            )
        if self._may_move:
            self._move_to_disk(self.path)
        return not self.problem

    def close(self) -> None:
        """May be called twice."""
        if not self.problem:
            with contextlib.suppress(sqlite3.ProgrammingError):  # closed already
                self._keep_copy()
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.close()
        if self._hold >= 0:
            os.close(self._hold)
            self._hold = -1

    def _keep_copy(self) -> None:
        """A copy that cannot be made costs nothing but the copy."""
        self._kept_at = time.monotonic()
        if self.path is None or not self._is_on_disk():
            return
        try:
            with self._lock:
                last_good.keep(self._db, self.path)
        except sqlite3.ProgrammingError:
            raise
        except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
            _log.warning("no copy of the state file is kept: %s", error)

    def _pay_and_do(self, statements: Sequence[Statement]) -> None:
        """What is owed first, then these, in two transactions; with the lock held."""
        try:
            if self._owed:
                self._pay()
            self._do(statements)
        except sqlite3.Error as error:
            if _is_environment(error):
                self._owed.extend(statements)
            raise

    def _pay(self) -> None:
        try:
            self._do(self._owed)
        except sqlite3.Error as error:
            if _is_environment(error):
                raise
            _log.error("changes of before cannot be made up for: %s", error)
        self._owed.clear()

    def _do(self, statements: Iterable[Statement]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for query, values in statements:
                self._db.execute(query, values)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            return _connect(MEMORY)
        try:
            self._find_lost(self.path)
            return self._open_file(self.path)
        except (*SPOILT, TooNew) as error:
            if _is_environment(error):
                return self._without_file(error)
            self._set_aside(error)
            before = last_good.newest_version(self.path) if isinstance(error, TooNew) else None
        except OSError as error:
            return self._without_file(error)
        try:
            if before and last_good.bring_back(self.path, before):
                self.replaced = f"the state file is again as it was before a newer rtva changed it, from {before}"
            elif last_good.bring_back(self.path):
                self.replaced = "the state file was spoilt: its last good copy takes its place"
            else:
                self.replaced = "the state file was spoilt, and without a good copy it is begun anew"
            _log.error("%s", self.replaced)
            return self._open_file(self.path)
        except (sqlite3.Error, UnicodeDecodeError, OSError, TooNew) as error:
            return self._without_file(error)

    def _find_lost(self, path: Path) -> None:
        """A file that is gone or empty, as a power cut may leave it, beside a good copy: that takes its place."""
        if last_good.copy_of(path).exists() and not (path.exists() and path.stat().st_size):
            self._be_alone(path)
            self._set_aside(OSError("it is gone, or empty"))  # its log must not be replayed into the copy
            if last_good.bring_back(path):
                self.replaced = "the state file was gone, or empty: its last good copy takes its place"
                _log.error("%s", self.replaced)

    def _open_file(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._be_alone(path)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # lists and reminders are nobody else's; SQLite keeps it
        db = _connect(str(path))
        try:
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            return db
        except BaseException:
            db.close()
            raise

    def _be_alone(self, path: Path) -> None:
        if self._hold < 0:
            held = last_good.hold(path)
            if held is None:
                self._may_move = False
                raise OSError("another rtva works with it")
            self._hold = held

    def _set_aside(self, error: Exception) -> None:
        assert self.path is not None
        if isinstance(error, TooNew):
            aside = last_good.copy_of_version(self.path, error.version)
        else:
            numbered = (self.path.with_name(f"{self.path.name}.bad-{n}") for n in range(1, 1000))
            aside = next(path for path in numbered if not path.exists())
        _log.error("the state file %s is not usable (%s): kept as %s", self.path, error, aside)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{aside}{suffix}").unlink()
            with contextlib.suppress(OSError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")

    def _without_file(self, error: Exception) -> sqlite3.Connection:
        self._complain(f"the state file {self.path} cannot be opened ({error}): nothing is kept over a restart")
        db = _connect(MEMORY)
        if self.path is None or not self._may_move:
            return db
        for source in (self.path, last_good.copy_of(self.path), last_good.newest_version(self.path)):
            try:
                if source and last_good.read_into(db, source):
                    migrate(db)
                    _log.warning("%s is worked with in memory", source)
                    return db
            except (sqlite3.Error, UnicodeDecodeError, OSError, TooNew) as unread:
                _log.warning("nor can %s be read: %s", source, unread)
                db.close()
                db = _connect(MEMORY)
        return db

    def _move_to_disk(self, path: Path) -> None:
        """What is in memory takes the place of the file, which nobody else wrote to meanwhile."""
        try:
            db = self._open_file(path)
        except (*SPOILT, TooNew) as error:
            if not _is_environment(error):
                self._set_aside(error)  # what is in memory came from the good copy; the next try begins a file for it
            return
        except OSError:
            return
        with self._lock:
            try:
                self._db.backup(db)
            except sqlite3.Error:
                db.close()
                return
            self._db.close()
            self._db = db
        self._recover()
        self._keep_copy()

    def _recover(self) -> None:
        _log.warning("the state file %s is written again", self.path)
        self.problem = ""
        self.on_problem("")

    def _is_on_disk(self) -> bool:
        with self._lock:
            row = self._db.execute("PRAGMA database_list").fetchone()
        return bool(row[2])

    def _complain(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            _log.error("%s", problem)
            self.on_problem(problem)


def _connect(name: str) -> sqlite3.Connection:
    db = sqlite3.connect(name, isolation_level=None, check_same_thread=False, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        _keep_version(db, name)
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _keep_version(db: sqlite3.Connection, name: str) -> None:
    """Before a file is brought to another schema: as it was, for the release before this one, should it come back."""
    found = version_of(db)
    if name == MEMORY or not 0 < found < migrations.VERSION:
        return
    path = Path(name)
    try:
        last_good.keep(db, path, last_good.copy_of_version(path, found))
    except (sqlite3.Error, UnicodeDecodeError, OSError) as error:
        _log.warning("no copy of the state file is kept as it was with schema %d: %s", found, error)


def _is_environment(error: Exception) -> bool:
    """Whether the disk is at fault and not the file: full, read-only, not to be opened, locked by another."""
    if not isinstance(error, sqlite3.OperationalError):
        return False
    words = str(error)
    return any(word in words for word in ("readonly", "unable to open", "disk is full", "disk I/O", "locked"))
