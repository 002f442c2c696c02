"""Kills a writer of timers, alarms, reminders and lists over and over and looks at what it left: ``agenda_kills.py FILE
KILLS SEED``.

Change number n is a function of n and of what is there, at a time that n alone decides, so what must be in the file can
be worked out (``agenda_promises.py``): everything that the writer said was done, and at most one change more. Things
come due, ring, are snoozed and missed meanwhile; now and then the power goes with the writer. Prints JSON.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agenda_promises import SHOPPING, Change, Found, Promise, expect, time_of

from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.clock import Clock
from firmware_py.agenda.entries import WAITING, Appointment, Countdown, Entry
from firmware_py.agenda.lists import Lists
from firmware_py.state.database import Database

POWER_CUTS = 0.3
"""How often the board starts anew after a kill."""


class Site:
    """A file system with a boot of its own, and a clock that shows the time of change ``number``."""

    def __init__(self, folder: Path) -> None:
        self.root, self.number, self._first = folder / "root", 0, 0
        self.start(0)

    def start(self, number: int) -> None:
        """The board starts; ``number`` is the next change."""
        self.number = self._first = number
        boot_id = self.root / "proc/sys/kernel/random/boot_id"
        boot_id.parent.mkdir(parents=True, exist_ok=True)
        boot_id.write_text(f"boot-{number}\n")

    def agenda(self, database: Database) -> Agenda:
        clock = Clock(database, self.root, lambda: time_of(self.number), lambda: time_of(self.number) - began_s + 5.0)
        began_s = time_of(self._first)
        return Agenda(clock, database)


def told(entry: Entry) -> Promise:
    when, phase = entry.when, entry.phase
    total_s = round(when.total_s) if isinstance(when, Countdown) else 0
    is_daily = isinstance(when, Appointment) and bool(when.days)
    if phase != WAITING:
        due_s = entry.since_s
    elif isinstance(when, Appointment):
        due_s = when.moment(timezone.utc).timestamp()
    else:
        due_s = when.due_wall_s if when.left_s is None else when.left_s
    assert due_s is not None
    is_paused = isinstance(when, Countdown) and when.left_s is not None
    return Promise(int(entry.name), entry.kind, phase, round(due_s), is_paused, total_s, is_daily)


def found_by(agenda: Agenda, lists: Lists) -> Found:
    return sorted(told(e) for e in agenda.entries(phase=None)), lists.items(SHOPPING)


def do(number: int, agenda: Agenda, lists: Lists) -> None:
    state = found_by(agenda, lists)
    change, now_s = Change.of(number, state), time_of(number)
    ids = [e.id for p in set(change.chosen) for e in agenda.entries(phase=None) if told(e) == p]
    if change.kind == "count down":
        agenda.count_down(change.what, str(number), change.seconds)
    elif change.kind == "appoint":
        at = datetime.fromtimestamp(change.moment(now_s), timezone.utc)
        days = tuple(range(7)) if change.is_daily else ()
        agenda.appoint(change.what, str(number), Appointment(at.date().isoformat(), at.hour * 60 + at.minute, days))
    elif change.kind == "add":
        lists.add(SHOPPING, [f"a{number}", f"b{number}"])
    elif change.kind == "remove":
        lists.remove(SHOPPING, state[1][:2])
    elif change.kind == "extend":
        agenda.extend(ids, change.by_s)
    elif change.kind == "snooze":
        agenda.snooze(change.seconds)
    else:
        does = {"pause": agenda.pause, "resume": agenda.resume, "cancel": agenda.cancel, "tell": agenda.cancel}
        alone = {"settle": agenda.settle, "stop": agenda.stop_ringing, "give up": agenda.give_up}
        alone[change.kind]() if change.kind in alone else does[change.kind](ids)


def write(site: Site, path: Path, pipe: int, number: int) -> None:
    """Changes until it is killed; each byte in the pipe is a change that returned."""
    database = Database(path)
    site.number = number
    agenda, lists = site.agenda(database), Lists(database)
    while not database.problem:
        do(site.number, agenda, lists)
        os.write(pipe, b".")
        site.number += 1
    os._exit(3)


def one_kill(site: Site, path: Path, rng: random.Random, number: int) -> int:
    """Starts a writer at change ``number``, kills it somewhere, returns the changes that it said were done."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write(site, path, write_end, number)
        finally:
            os._exit(2)
    os.close(write_end)
    select.select([read_end], [], [], 0.05 if rng.random() < 0.1 else 10.0)
    time.sleep(rng.random() * 0.03)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"
    done = 0
    while data := os.read(read_end, 65536):
        done += len(data)
    os.close(read_end)
    return done


def found_in(site: Site, path: Path) -> tuple[Found, str]:
    database = Database(path)
    found = found_by(site.agenda(database), Lists(database))
    problem = database.problem
    database.close()
    return found, problem


def main() -> None:
    os.environ.pop("TZ", None)  # without it and without a zone file the board is in UTC
    path, kills, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    site, state, made = Site(path.parent), cast(Found, ([], [])), Counter[str]()
    number = wrong = unacknowledged = power_cuts = 0

    def advance() -> None:
        nonlocal state, number
        made[Change.of(number, state).kind] += 1
        state, number = expect(number, state), number + 1

    for _ in range(kills):
        for _ in range(one_kill(site, path, rng, number)):
            advance()
        site.number = number
        found, problem = found_in(site, path)
        if found != state and found == expect(number, state):
            advance()
            unacknowledged += 1
        wrong += found != state or bool(problem)
        state = found
        if rng.random() < POWER_CUTS:
            power_cuts += 1
            site.start(number)
    strays = [p.name for p in path.parent.iterdir() if ".bad-" in p.name]
    result = {"kills": kills, "power_cuts": power_cuts, "changes": number, "unacknowledged": unacknowledged}
    print(json.dumps(result | {"wrong": wrong, "strays": strays, "made": dict(sorted(made.items()))}))


if __name__ == "__main__":
    main()
