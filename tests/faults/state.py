"""Rows 11 to 14: weights and the state file."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.lab import Row, Tally, in_time, row
from firmware_py import models
from firmware_py.errors import BadWeights
from firmware_py.state.database import Database
from firmware_py.weights.store import check, digest

ROWS: list[Row] = []
TESTS = Path(__file__).resolve().parent.parent
NO_MOUNT = "needs root to mount"


@contextmanager
def mounted(size: str) -> Iterator[Path]:
    """A small tmpfs of its own."""
    folder = Path(tempfile.mkdtemp(prefix="rtva-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def can_mount() -> bool:
    try:
        with mounted("64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@row(
    ROWS,
    "11",
    "weights cut short or with a wrong bit",
    "refused by size and hash before any loader sees them, 100 MB within 1 s",
)
def weights(tally: Tally, count: int) -> None:
    whole, rng = models.resolve_stt("tiny.en", "int8").path, random.Random(11)
    pin, slowest_s = digest(Path(whole)), 0.0
    with tempfile.TemporaryDirectory() as folder:
        bad = Path(folder) / "bad.bin"
        shutil.copyfile(whole, bad)
        for number in range(count):
            with bad.open("r+b") as file:
                if number % 2:
                    file.truncate(rng.randrange(pin.size))
                else:
                    at = rng.randrange(pin.size)
                    file.seek(at)
                    byte = file.read(1)[0] ^ 1 << rng.randrange(8)
                    file.seek(at)
                    file.write(bytes([byte]))
            started = time.monotonic()
            try:
                check(bad, pin)
                tally.add(False, note="a wrong file was taken")
            except BadWeights:
                took = time.monotonic() - started
                slowest_s = max(slowest_s, took / pin.size * 100e6)
                tally.add(in_time(slowest_s, 1.0), took)
            shutil.copyfile(whole, bad)
    tally.notes.append(f"{slowest_s:.2f} s for 100 MB")


def disk_full(tally: Tally, count: int) -> None:
    with mounted("256k") as folder:
        for number in range(count):
            database = Database(folder / "state.db")
            database.change({"number": number})
            filler = folder / "filler"
            try:
                with filler.open("wb") as file:
                    while True:
                        file.write(bytes(4096))
                        file.flush()
            except OSError:
                pass
            refused = not all(database.change({f"more{n}": "x" * 4000}) for n in range(20)) and database.problem
            kept = database.get("number") == number
            filler.unlink()
            started = time.monotonic()
            back = database.change({"number": -1}) and not database.problem
            tally.add(bool(refused and kept and back), time.monotonic() - started)
            database.close()
            for file_ in folder.iterdir():
                file_.unlink()


def read_only(tally: Tally, count: int) -> None:
    with mounted("1m") as folder:
        database = Database(folder / "state.db")
        database.change({"volume": 40})
        database.close()
        for _ in range(count):
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            started = time.monotonic()
            database = Database(folder / "state.db")
            works = database.change({"volume": 50}) is False and database.get("volume") == 50 and database.problem
            database.close()
            took = time.monotonic() - started
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            database = Database(folder / "state.db")
            tally.add(bool(works) and database.get("volume") == 40 and not database.problem, took)
            database.close()


if can_mount():
    row(ROWS, "12", "disk full", "told, what was there stays, written again once there is room")(disk_full)
    row(ROWS, "13", "read-only root", "works from memory, and says that nothing is kept")(read_only)
else:
    ROWS += [
        Row("12", "disk full", "told, kept", why_not=NO_MOUNT),
        Row("13", "read-only root", "works", why_not=NO_MOUNT),
    ]


@row(ROWS, "14", "killed in mid-write", "no acknowledged change lost, none torn")
def kills(tally: Tally, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(TESTS / "state_kills.py"), f"{folder}/state.db", str(count), "14"]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    lost = told["lost"] + told["torn"] + len(told["strays"])
    for number in range(count):
        tally.add(number >= lost)
    tally.notes.append("power cuts: `make system-test`")


@row(ROWS, "14b", "state file spoilt by the card", "the last good copy takes its place, the bad one is kept aside")
def spoilt(tally: Tally, count: int) -> None:
    rng = random.Random(14)
    for number in range(count):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state.db"
            database = Database(path)
            database.change({"volume": number}, {"turns": number})
            database.close()
            size = path.stat().st_size
            with path.open("r+b") as file:
                file.seek(0 if number % 2 else rng.randrange(size // 2))
                file.write(os.urandom(min(size, 6000)))
            started = time.monotonic()
            database = Database(path)
            took = time.monotonic() - started
            tally.add(database.get("volume") == number and database.counters() == {"turns": number}, took)
            database.close()
