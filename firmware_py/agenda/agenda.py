"""The timers, alarms and reminders that wait, ring or were missed.

All of it is in memory and written through: a change that returned is in the state file. Thread-safe. What came due
while the board was off rings when it comes back within :data:`LATE_S`; later it is missed, and said once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from firmware_py.agenda.clock import Clock
from firmware_py.agenda.entries import MISSED, RINGING, WAITING, Appointment, Countdown, Entry, read

DRIFT_S = 0.5
"""By more than this the wall clock must have been set before what stands on it is written anew."""
LATE_S = 3600.0
"""What came due at most so long ago, while the board was off, still rings."""
RING_S = 120.0
"""Nobody answers: after this it is missed."""
MOST_ENTRIES = 100
"""So many wait at most; what rings or was missed does not count."""

_log = logging.getLogger("rtva.agenda")


class Journal(Protocol):
    """The state file (``state.database.Database``)."""

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...
    def write(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> bool: ...


class Agenda:
    """Keeps entries. Without ``journal`` they are gone with the process; ``on_change`` is told, and returns at once."""

    def __init__(self, clock: Clock | None = None, journal: Journal | None = None) -> None:
        self.clock = clock or Clock()
        self.on_change: Callable[[], None] = lambda: None
        self._journal = journal
        self._lock = threading.RLock()
        self._entries: dict[int, Entry] = {}
        self._last_id = 0
        for number, text in journal.rows("SELECT id, data FROM entries") if journal else ():
            try:
                self._entries[number] = read(json.loads(text))
            except (ValueError, KeyError, TypeError) as error:
                self._last_id = max(self._last_id, number)
                _log.error("entry %s of the state file cannot be read (%s): left where it is", number, error)
        self._last_id = max([self._last_id, *self._entries])

    def entries(self, kind: str | None = None, phase: str | None = WAITING) -> list[Entry]:
        """Those of a kind and phase (None: all), the next first; paused ones and unknown ones last."""
        with self._lock:
            found = [e for e in self._entries.values() if kind in (None, e.kind) and phase in (None, e.phase)]
            return sorted(found, key=self._order)

    def copy(self) -> Agenda:
        """The same entries by the same clock, written down nowhere: to see what changes would come to."""
        with self._lock:
            found = Agenda(self.clock)
            found._entries, found._last_id = dict(self._entries), self._last_id
            return found

    def left_s(self, entry: Entry) -> float | None:
        """Seconds until it is due (below zero: it was), of a paused one what is left; None when nobody can know."""
        when = entry.when
        if isinstance(when, Appointment):
            if not self.clock.is_set():
                return None
            return when.moment(self.clock.zone()).timestamp() - self.clock.wall_s()
        if when.left_s is not None:
            return when.left_s
        if when.boot == self.clock.boot:
            return when.due_boot_s - self.clock.boot_s()
        if when.due_wall_s is None or not self.clock.is_set():
            return None
        return when.due_wall_s - self.clock.wall_s()

    def count_down(self, kind: str, name: str, seconds: float) -> Entry | None:
        """Begins a countdown; None when there are too many entries (:meth:`room`)."""
        with self._lock:
            return self._add(kind, name, self._countdown(seconds, seconds))

    def appoint(self, kind: str, name: str, when: Appointment) -> Entry | None:
        """Keeps an appointment; None when there are too many entries (:meth:`room`)."""
        with self._lock:
            return self._add(kind, name, when)

    def room(self) -> int:
        """How many more can be kept."""
        with self._lock:
            return max(0, MOST_ENTRIES - len(self.entries()))

    def cancel(self, ids: Iterable[int]) -> None:
        """Forgets entries, whatever they do; those that are not there any more are left out."""
        with self._lock:
            self._store([], [i for i in ids if i in self._entries])

    def restore(self, entries: Iterable[Entry]) -> None:
        """Takes back that entries were cancelled; what came due meanwhile is late."""
        with self._lock:
            self._store([e for e in entries if e.id not in self._entries][: self.room()])

    def pause(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._store(
                [
                    replace(e, when=replace(e.when, left_s=left))
                    for e in self._of(ids)
                    if isinstance(e.when, Countdown) and e.when.left_s is None
                    if (left := self.left_s(e)) is not None and left > 0
                ]
            )

    def resume(self, ids: Iterable[int]) -> None:
        with self._lock:
            self._store(
                [
                    replace(e, when=self._countdown(e.when.left_s, e.when.total_s))
                    for e in self._of(ids)
                    if isinstance(e.when, Countdown) and e.when.left_s is not None
                ]
            )

    def extend(self, ids: Iterable[int], by_s: float) -> None:
        """Adds time (or takes some away) of countdowns that run or are paused; never below a second."""
        with self._lock:
            changed: list[Entry] = []
            for entry in self._of(ids):
                left = self.left_s(entry)
                if isinstance(entry.when, Countdown) and left is not None:
                    left = max(1.0, left + by_s)
                    when = self._countdown(left, max(1.0, entry.when.total_s + by_s))
                    changed.append(replace(entry, when=replace(when, left_s=left) if is_paused(entry) else when))
            self._store(changed)

    def snooze(self, seconds: float) -> None:
        """What rings is quiet, and rings again in so many seconds; a timer is called by what it was set for."""
        with self._lock:
            self._store(
                [
                    replace(e, when=self._countdown(seconds, _total_s(e, seconds)), phase=WAITING, since_s=None)
                    for e in self.entries(phase=RINGING)
                ]
            )

    def stop_ringing(self) -> None:
        """What rings was heard, and is done."""
        self.cancel([e.id for e in self.entries(phase=RINGING)])

    def give_up(self) -> None:
        """Nobody heard what rings: it was missed."""
        with self._lock:
            missed = [replace(e, phase=MISSED) for e in self.entries(phase=RINGING)]
            self._store(missed, self._older(missed))

    def settle(self) -> list[Entry]:
        """Brings everything up to now: what is due rings, what was due too long ago is missed. Returns what rings.

        To be called when the wall clock was set, too: what runs or rings in this boot is then written down by the new
        time, for after a power cut.
        """
        with self._lock:
            self._store([new for entry in self.entries(phase=None) for new in self._dated(entry)])
            changed: list[Entry] = []
            for entry in self.entries():
                changed += self._settled(entry)
            changed += [replace(e, phase=MISSED) for e in self.entries(phase=RINGING) if self._is_long_over(e)]
            self._store(changed, self._older(changed))
            return self.entries(phase=RINGING)

    def next_due_s(self) -> float | None:
        """When to settle next, on CLOCK_BOOTTIME, as the wall clock stands; None for never."""
        with self._lock:
            lefts = [left for e in self.entries() if not is_paused(e) and (left := self.left_s(e)) is not None]
            return self.clock.boot_s() + min(lefts) if lefts else None

    def waits_for_clock(self) -> bool:
        """Whether something is to be judged or written down anew once the system's clock is set."""
        with self._lock:
            return any(not is_paused(e) for e in self.entries()) and not self.clock.is_system_set()

    def unsure(self) -> list[Entry]:
        """What waits and cannot be judged, for the clock was never set."""
        return [e for e in self.entries() if self.left_s(e) is None]

    def _settled(self, entry: Entry) -> list[Entry]:
        when, left = entry.when, self.left_s(entry)
        if isinstance(when, Countdown) and (when.left_s is not None or left is None):
            is_lost = when.left_s is None and when.boot != self.clock.boot and when.due_wall_s is None
            return [replace(entry, phase=MISSED)] if is_lost else []
        if left is None:
            return []
        if left > 0:
            if isinstance(when, Countdown) and when.boot != self.clock.boot:
                return [replace(entry, when=self._countdown(left, when.total_s))]
            return []
        following = when.after(self.clock.now()) if isinstance(when, Appointment) else None
        if following is not None and isinstance(when, Appointment):
            entry = replace(entry, when=when.latest(self.clock.now()))
            left = self.left_s(entry) or 0.0
        phase = RINGING if -left <= LATE_S else MISSED
        ended = self._countdown(left, when.total_s) if isinstance(when, Countdown) else entry.when
        due = replace(
            entry, when=ended, phase=phase, since_s=self.clock.wall_s() + left if self.clock.is_set() else None
        )
        if following is None:
            return [due]
        return [replace(entry, when=following), replace(due, id=self._next_id())]

    def _dated(self, entry: Entry) -> list[Entry]:
        """A countdown that runs or rings in this boot by the wall clock as it stands, if that is not how it is
        written down; what rings since an earlier boot is of this one from now on."""
        when = entry.when
        if not isinstance(when, Countdown) or when.left_s is not None or entry.phase == MISSED:
            return []
        if not self.clock.is_set():
            return []
        if when.boot != self.clock.boot:
            if entry.since_s is None:
                return []
            return [replace(entry, when=self._countdown(entry.since_s - self.clock.wall_s(), when.total_s))]
        due_s = self.clock.wall_s() - self.clock.boot_s() + when.due_boot_s
        new = replace(entry, when=replace(when, due_wall_s=due_s), since_s=due_s if entry.phase == RINGING else None)
        is_right = when.due_wall_s is not None and abs(when.due_wall_s - due_s) <= DRIFT_S
        return [] if is_right else [new]

    def _is_long_over(self, ringing: Entry) -> bool:
        """Whether what rings was due too long ago to go on; that nobody can know when is so after a power cut alone."""
        if ringing.since_s is None:
            return isinstance(ringing.when, Countdown) and ringing.when.boot != self.clock.boot
        return self.clock.is_set() and ringing.since_s < self.clock.wall_s() - LATE_S - RING_S

    def _older(self, changed: Sequence[Entry]) -> list[int]:
        """Those that are told no more, for what recurs was missed again since, or is now."""
        missed = {e.id: e for e in (*self.entries(phase=MISSED), *changed) if e.phase == MISSED}
        in_order = sorted(missed.values(), key=lambda e: (e.since_s or 0.0, e.id))
        latest = {_recurs(e): e.id for e in in_order}
        return [e.id for e in in_order if _recurs(e) is not None and latest[_recurs(e)] != e.id]

    def _countdown(self, left_s: float, total_s: float) -> Countdown:
        wall_s = self.clock.wall_s() + left_s if self.clock.is_set() else None
        return Countdown(total_s, self.clock.boot_s() + left_s, self.clock.boot, wall_s)

    def _order(self, entry: Entry) -> tuple[bool, float, int]:
        left = self.left_s(entry)
        return (left is None or is_paused(entry), left or 0.0, entry.id)

    def _of(self, ids: Iterable[int]) -> list[Entry]:
        return [e for i in ids if (e := self._entries.get(i)) is not None and e.phase == WAITING]

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _add(self, kind: str, name: str, when: Countdown | Appointment) -> Entry | None:
        if not self.room():
            return None
        entry = Entry(self._next_id(), kind, name, when)
        self._store([entry])
        return entry

    def _store(self, changed: Sequence[Entry], gone: Sequence[int] = ()) -> None:
        """One transaction; a disk that cannot be written to costs durability, not the promise."""
        if not changed and not gone:
            return
        for entry in changed:
            self._entries[entry.id] = entry
        for number in gone:
            del self._entries[number]
        if self._journal:
            statements: list[tuple[str, Sequence[Any]]] = [
                ("REPLACE INTO entries VALUES (?, ?)", (e.id, json.dumps(e.data()))) for e in changed
            ]
            statements += [("DELETE FROM entries WHERE id = ?", (number,)) for number in gone]
            statements += [
                ("REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))
                for name, value in self.clock.seen().items()
            ]
            self._journal.write(statements)
        self.on_change()


def is_paused(entry: Entry) -> bool:
    return isinstance(entry.when, Countdown) and entry.when.left_s is not None


def _recurs(entry: Entry) -> tuple[str, str, int, tuple[int, ...]] | None:
    """What one time of an entry that comes again and again has in common with its other times; None of others."""
    when = entry.when
    if not isinstance(when, Appointment) or not when.days:
        return None
    return entry.kind, entry.name, when.minute, when.days


def _total_s(entry: Entry, snoozed_s: float) -> float:
    return entry.when.total_s if isinstance(entry.when, Countdown) else snoozed_s
