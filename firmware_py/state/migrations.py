"""The schema of the state file, one step a version. A step that has been released is never changed; add another."""

from __future__ import annotations

import sqlite3

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL CHECK (typeof(value) = 'integer'))"
        " WITHOUT ROWID",
    ),
    (
        "CREATE TABLE entries (id INTEGER PRIMARY KEY, data TEXT NOT NULL)",
        "CREATE TABLE list_items (id INTEGER PRIMARY KEY, list TEXT NOT NULL, item TEXT NOT NULL)",
    ),
)
"""``STEPS[n]`` leads from version n to n + 1, as SQL without transactions."""

VERSION = len(STEPS)


class TooNew(Exception):
    """The file was written by a newer rtva; ``version`` is its schema's."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} of the state file is newer than this rtva's {VERSION}")
        self.version = version


def version_of(db: sqlite3.Connection) -> int:
    """The schema that a file has, 0 for an empty one."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(db: sqlite3.Connection) -> int:
    """Brings the file to :data:`VERSION` in one transaction a step; returns the version it had. Raises TooNew."""
    found = version_of(db)
    if found > VERSION:
        raise TooNew(found)
    for version in range(found, VERSION):
        db.execute("BEGIN IMMEDIATE")
        try:
            for statement in STEPS[version]:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
    return found
