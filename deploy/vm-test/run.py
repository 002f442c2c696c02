#!/usr/bin/env python3
"""Boots stock Debian kernels in qemu and lets faults happen to rtva's own parts there: ``make vm-test``.

Both: overrun, a sound card unplugged and plugged in again, suspend, a USB serial line removed; amd64 power cuts too,
arm64 (virt) the GPIO chip of the board and its LED, removed and back. Prints a table; ``--write FILE`` puts it
between the ``vm-test`` marks of that file, where rows that were not run stay. Exits with 77 and a line that says why
where it cannot run.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import build  # noqa: E402

BOOT_S = 900.0
ROW = re.compile(r"ROW\|([^|]*)\|([^|]*)\|(\d+)\|(\d+)\|([^|\r\n]*)")
BEGIN, END = "<!-- vm-test -->", "<!-- /vm-test -->"
Row = tuple[str, str, str, str, str, str]


class Guest:
    """A running machine and what its console said."""

    def __init__(self, machine: build.Machine, image: Path, words: str, *, keeps: bool) -> None:
        console = "ttyS0" if machine.arch == "amd64" else "ttyAMA0"
        drive = f"file={image},format=raw,if=none,id=d,cache=writeback,snapshot={'off' if keeps else 'on'}"
        kind = (
            ["qemu-system-x86_64", "-cpu", "max"]
            if machine.arch == "amd64"
            else ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"]
        )
        append = f"console={console} panic=-1 quiet loglevel=3 -- {words}"
        command = [
            *kind, "-accel", "tcg,thread=multi", "-m", "768", "-smp", "2", "-nographic", "-no-reboot",
            "-kernel", str(machine.kernel), "-initrd", str(machine.initrd), "-append", append,
            "-drive", drive, "-device", "virtio-blk-pci,drive=d",
        ]  # fmt: skip
        self.said = ""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def read(self, until: str, seconds: float) -> bool:
        """Whether ``until`` (a regular expression) was said in time; False when the machine ended before."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while not re.search(until, self.said) and time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    break
                self.said += data.decode("utf-8", "replace")
        return re.search(until, self.said) is not None

    def kill(self) -> None:
        """The power goes away: nothing that the guest still held gets out."""
        self.process.kill()
        self.process.wait()


def rows_of(machine: build.Machine, words: str) -> list[Row]:
    """Boots, lets ``inside.py`` do its rows, and reads them."""
    guest = Guest(machine, machine.image, words, keeps=False)
    try:
        is_done = guest.read("VM-TEST-END", BOOT_S)
    finally:
        guest.kill()
    (build.WORK / f"console-{machine.arch}.log").write_text(guest.said)
    rows: list[Row] = [(machine.arch, *found) for found in ROW.findall(guest.said)]
    if not is_done:
        print(guest.said[-3000:], file=sys.stderr)
        rows.append(
            (machine.arch, "the guest's script", "comes to its end", "1", "0", "see build/vm-test/console-*.log")
        )
    return rows


def power_cuts(machine: build.Machine, count: int) -> Row:
    """Kills the machine while it changes the state file; at each boot every change it had told must be there."""
    image = machine.image.with_name("image-cuts")
    shutil.copy(machine.image, image)
    told = kept = lost = boots = 0
    for number in range(count + 1):
        guest = Guest(machine, image, f"writer{' last' if number == count else ''}", keeps=True)
        try:
            if not guest.read(r"STATE -?\d+\r?\n", BOOT_S):
                print(guest.said[-2000:], file=sys.stderr)
                lost += 1
                break
            boots += 1
            kept = int(re.findall(r"STATE (-?\d+)", guest.said)[-1])
            lost += kept < told
            if number < count:
                guest.read("TOLD never", random.uniform(2.0, 6.0))
                told = max([kept, *map(int, re.findall(r"TOLD (\d+)\r?\n", guest.said))])
        finally:
            guest.kill()
    image.unlink()
    survived = count if boots == count + 1 and not lost else 0
    return ("amd64", "the power is cut while the state changes", "no change that was told is lost; it boots",
            str(count), str(survived), f"{kept} changes kept")  # fmt: skip


def table(rows: list[Row]) -> str:
    lines = ["| machine | fault | promise | injected | survived | worst |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def write(file: Path, rows: list[Row]) -> None:
    """Puts the rows between the marks; those of other machines and faults stay."""
    old = file.read_text()
    start, end = old.index(BEGIN) + len(BEGIN), old.index(END)
    kept = [tuple(word.strip() for word in line.split("|")[1:-1]) for line in old[start:end].splitlines()[3:]]
    run = {row[:2] for row in rows}
    both = [*rows, *(row for row in kept if len(row) == 6 and row[:2] not in run)]
    text = table(sorted(both, key=lambda row: row[0]))
    file.write_text(f"{old[:start]}\n{text}\n{old[end:]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", choices=["amd64", "arm64"], action="append")
    parser.add_argument("--times", type=int, default=20, help="injections of each fault")
    parser.add_argument("--cuts", type=int, default=5, help="power cuts; 0 for none")
    parser.add_argument("--only", nargs="*", default=[], help="gpio overrun unplug renumber serial suspend")
    parser.add_argument("--write", type=Path, help="a page with vm-test marks")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no machine outlives this
    arches = args.arch or ["amd64", "arm64"]
    rows: list[Row] = []
    try:
        build.tools(arches)
        for arch in arches:
            machine = build.machine(arch)
            rows += rows_of(machine, f"faults {args.times} {' '.join(args.only)}".strip())
            if arch == "amd64" and args.cuts:
                rows.append(power_cuts(machine, args.cuts))
    except build.NotHere as why:
        print(f"vm-test skipped: {why}", file=sys.stderr)
        return 77
    print(table(rows))
    if args.write:
        write(args.write, rows)
    return 0 if rows and all(row[3] == row[4] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
