#!/usr/bin/env python3
"""Cuts the power under the state file: ``powercut.py FOLDER CUTS SEED``, as root, where loop devices can be mounted.

A writer changes the state on an ext4 file system of its own. At a random moment it is stopped and the image copied: it
has what the file system had sent to its disk by then, and none of what the kernel still held. The copy is mounted, its
journal replayed, and the state looked at: every change that had returned must be there, and whole. Prints JSON; exits
with 77 where nothing can be mounted.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from loop_image import mounted  # noqa: E402
from state_kills import write  # noqa: E402

from firmware_py.state.database import Database  # noqa: E402

IMAGE_MB = 32


def make_image(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(IMAGE_MB << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", str(image)], check=True)


def one_cut(live: Path, image: Path, copy: Path, wait_s: float) -> int:
    """Starts a writer, stops it, copies the disk, and only then kills it; returns the changes that had returned."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            write(live / "state.db", write_end)
        finally:
            os._exit(2)
    os.close(write_end)
    try:
        select.select([read_end], [], [], 10)
        time.sleep(wait_s)
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        os.set_blocking(read_end, False)
        returned = 0
        try:
            while data := os.read(read_end, 65536):
                returned += len(data)
        except BlockingIOError:
            pass
        shutil.copyfile(image, copy)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read_end)
    return returned


def look(copy: Path, point: Path) -> tuple[int, bool]:
    """The number that the copy holds, and whether all of it belongs to one change."""
    with mounted(copy, point):
        database = Database(point / "state.db")
        number, counters = database.get("number", 0), database.counters()
        is_whole = (counters.get("taken", 0), counters.get("given", 0)) == (number, -number) and not database.problem
        is_whole = is_whole and len(database.get("text", "")) == number % 3000
        database.close()
        return number, is_whole and not list(point.glob("*.bad-*"))


def main() -> None:
    folder, cuts, rng = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    folder.mkdir(parents=True, exist_ok=True)
    image, copy = folder / "disk.img", folder / "after.img"
    make_image(image)
    lost = torn = changes = 0
    with mounted(image, folder / "live") as live:
        for _ in range(cuts):
            database = Database(live / "state.db")
            before = database.get("number", 0)
            database.close()
            returned = one_cut(live, image, copy, rng.random() * 0.3)
            number, is_whole = look(copy, folder / "after")
            lost += not before + returned <= number <= before + returned + 1
            torn += not is_whole
            changes = number
    for file in (image, copy):
        file.unlink()
    print(json.dumps({"cuts": cuts, "changes": changes, "lost": lost, "torn": torn}))
    sys.exit(bool(lost or torn))


if __name__ == "__main__":
    main()
