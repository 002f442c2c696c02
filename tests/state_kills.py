"""Kills a writer of the state file over and over and looks at what it left: ``state_kills.py FILE KILLS SEED``.

Each writer moves one unit from one counter to another and says so once the change has returned. What it said must be
there, nothing that it did not begin may be, and both counters must belong to the same change. Prints JSON.
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

from firmware_py.state.database import Database


def write(path: Path, pipe: int) -> None:
    """Changes until it is killed; each byte in the pipe is a change that returned."""
    database = Database(path)
    while True:
        number = database.get("number", 0) + 1
        if not database.change({"number": number, "text": "x" * (number % 3000)}, {"taken": 1, "given": -1}):
            os._exit(3)
        os.write(pipe, b".")


def one_kill(path: Path, rng: random.Random) -> int:
    """Starts a writer, kills it somewhere after its first change, returns the changes it said were done."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write(path, write_end)
        finally:
            os._exit(2)
    os.close(write_end)
    select.select([read_end], [], [], 0.05 if rng.random() < 0.1 else 5.0)
    time.sleep(rng.random() * 0.006)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the writer ended by itself: {status}"
    done = 0
    while data := os.read(read_end, 65536):
        done += len(data)
    os.close(read_end)
    return done


def main() -> None:
    path, kills, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    said = found = unacknowledged = lost = torn = 0
    for _ in range(kills):
        said += one_kill(path, rng)
        database = Database(path)
        number, counters = database.get("number", 0), database.counters()
        text = database.get("text", "")
        torn += counters.get("taken", 0) != number or counters.get("given", 0) != -number
        torn += len(text) != number % 3000 or bool(database.problem)
        lost += not said + unacknowledged <= number <= said + unacknowledged + 1
        unacknowledged = number - said
        found = number
        database.close()
    strays = [p.name for p in path.parent.iterdir() if ".bad-" in p.name]
    print(json.dumps({"kills": kills, "changes": found, "lost": lost, "torn": torn, "strays": strays}))


if __name__ == "__main__":
    main()
