"""Kills a writer of timers and lists over and over and looks at what it left: ``agenda_kills.py FILE KILLS SEED``.

Change number n is a function of n and of what is there, so what must be in the file can be worked out: everything that
the writer said was done, and at most one change more. Nothing lost, nothing doubled, no half change. Prints JSON.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from firmware_py.agenda.agenda import Agenda, is_paused
from firmware_py.agenda.clock import Clock
from firmware_py.agenda.entries import TIMER, Entry
from firmware_py.agenda.lists import Lists
from firmware_py.state.database import Database

LONG_S = 6e5
SHOPPING = "shopping"
KINDS = ("start",) * 3 + ("cancel", "pause", "resume") + ("add",) * 3 + ("remove",)
Found = tuple[list[tuple[str, bool]], list[str]]


def choose(number: int, timers: int, items: int) -> str:
    """What change ``number`` does where there are so many timers and things on the list."""
    kind = random.Random(number).choice(KINDS)
    if kind == "start" and timers > 40:
        return "cancel"
    if kind == "add" and items > 80:
        return "remove"
    if kind in ("cancel", "pause", "resume") and not timers:
        return "start"
    return "add" if kind == "remove" and not items else kind


def in_order(agenda: Agenda) -> list[Entry]:
    return sorted(agenda.entries(phase=None), key=lambda e: e.id)


def do(number: int, agenda: Agenda, lists: Lists) -> None:
    timers, items = in_order(agenda), lists.items(SHOPPING)
    kind = choose(number, len(timers), len(items))
    if kind == "start":
        agenda.count_down(TIMER, f"t{number}", LONG_S)
    elif kind == "cancel":
        agenda.cancel([t.id for t in timers[:2]])
    elif kind == "pause":
        agenda.pause([timers[-1].id])
    elif kind == "resume":
        agenda.resume([timers[-1].id])
    elif kind == "add":
        lists.add(SHOPPING, [f"a{number}", f"b{number}"])
    else:
        lists.remove(SHOPPING, items[:2])


def expect(number: int, state: Found) -> Found:
    """The same on plain lists."""
    timers, items = list(state[0]), list(state[1])
    kind = choose(number, len(timers), len(items))
    if kind == "start":
        timers.append((f"t{number}", False))
    elif kind == "cancel":
        del timers[:2]
    elif kind in ("pause", "resume"):
        timers[-1] = (timers[-1][0], kind == "pause")
    elif kind == "add":
        items += [f"a{number}", f"b{number}"]
    else:
        del items[:2]
    return timers, items


def write(path: Path, pipe: int, number: int) -> None:
    """Changes until it is killed; each byte in the pipe is a change that returned."""
    database = Database(path)
    agenda, lists = Agenda(Clock(database), database), Lists(database)
    while not database.problem:
        do(number, agenda, lists)
        os.write(pipe, b".")
        number += 1
    os._exit(3)


def one_kill(path: Path, rng: random.Random, number: int) -> int:
    """Starts a writer at change ``number``, kills it somewhere, returns the changes that it said were done."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write(path, write_end, number)
        finally:
            os._exit(2)
    os.close(write_end)
    select.select([read_end], [], [], 0.05 if rng.random() < 0.1 else 10.0)
    time.sleep(rng.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"
    done = 0
    while data := os.read(read_end, 65536):
        done += len(data)
    os.close(read_end)
    return done


def found_in(path: Path) -> tuple[Found, str]:
    database = Database(path)
    agenda, lists = Agenda(Clock(database), database), Lists(database)
    found = ([(t.name, is_paused(t)) for t in in_order(agenda)], lists.items(SHOPPING))
    problem = database.problem
    database.close()
    return found, problem


def main() -> None:
    path, kills, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    state: Found = ([], [])
    number = wrong = unacknowledged = 0
    for _ in range(kills):
        done = one_kill(path, rng, number)
        for n in range(number, number + done):
            state = expect(n, state)
        number += done
        found, problem = found_in(path)
        if found != state and found == (after := expect(number, state)):
            state, number, unacknowledged = after, number + 1, unacknowledged + 1
        wrong += found != state or bool(problem)
        state = found
    strays = [p.name for p in path.parent.iterdir() if ".bad-" in p.name]
    told = {"kills": kills, "changes": number, "unacknowledged": unacknowledged, "wrong": wrong, "strays": strays}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
