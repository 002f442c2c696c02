"""Shopping and other lists, written through to the state file."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from firmware_py.agenda.agenda import Journal

MOST_ITEMS = 1_000


class Lists:
    """Items by the name of their list, in the order they were added, each once (whatever its case). Thread-safe."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._items: dict[str, dict[str, str]] = {}
        for name, item in journal.rows("SELECT list, item FROM list_items ORDER BY id") if journal else ():
            self._items.setdefault(name, {})[item.casefold()] = item

    def names(self) -> list[str]:
        """The lists that have items."""
        with self._lock:
            return [name for name, items in self._items.items() if items]

    def items(self, name: str) -> list[str]:
        with self._lock:
            return list(self._items.get(name, {}).values())

    def copy(self) -> Lists:
        """The same lists, written down nowhere: to see what changes would come to."""
        with self._lock:
            found = Lists()
            found._items = {name: dict(items) for name, items in self._items.items()}
            return found

    def add(self, name: str, items: Sequence[str]) -> None:
        """Adds what is not there yet, as one change."""
        with self._lock:
            kept = self._items.setdefault(name, {})
            new = [i for k, i in {i.casefold(): i for i in items}.items() if k not in kept]
            new = new[: MOST_ITEMS - len(kept)]
            kept.update({item.casefold(): item for item in new})
            self._write([("INSERT INTO list_items (list, item) VALUES (?, ?)", (name, item)) for item in new])

    def remove(self, name: str, items: Sequence[str]) -> None:
        """Removes what is there, as one change."""
        with self._lock:
            kept = self._items.get(name, {})
            gone = [kept.pop(i.casefold()) for i in items if i.casefold() in kept]
            self._write([("DELETE FROM list_items WHERE list = ? AND item = ?", (name, item)) for item in gone])

    def clear(self, name: str) -> None:
        with self._lock:
            if self._items.pop(name, None):
                self._write([("DELETE FROM list_items WHERE list = ?", (name,))])

    def _write(self, statements: Sequence[tuple[str, Sequence[str]]]) -> None:
        if self._journal and statements:
            self._journal.write(statements)
