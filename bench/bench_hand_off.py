"""The ring beside the usual hand-offs: push and pop of 10 ms, from Python and in C, and a soak that counts what is
lost.

    .venv/bin/python bench/bench_hand_off.py [--quick] [--json FILE]

From Python in one thread (``bench_core.py``); in C (``bench_core.c``) in one thread and across two, beside a list of
copied blocks under a lock (what a copying deque is), an array under a mutex, and PortAudio's ring as Debian builds
it. Best of interleaved rounds. The soak: one thread writes numbered samples at 40 times the pace of time while
another reads; every sample must come once and in order.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import bench_core
import numpy as np
from arguments import part_parser, run_part
from measure import Part, Row

from firmware_py._ring import Ring

BLOCK = 160


def soak(seconds: float) -> dict[str, int]:
    """Samples delivered, lost, and out of order, between two threads."""
    ring, found = Ring(1 << 19), {"delivered": 0, "lost": 0, "out_of_order": 0}
    blocks = int(seconds * 4000)

    def write() -> None:
        began = time.monotonic()
        for number in range(blocks):
            ring.write((np.arange(BLOCK, dtype=np.int64) + number * BLOCK).astype(np.int16))
            if number % 40 == 39:
                time.sleep(max(0.0, began + number / 4000 - time.monotonic()))
        ring.close()

    thread = threading.Thread(target=write)
    thread.start()
    out, expected = np.empty(BLOCK, np.int16), 0
    while ring.wait(1, 1.0) or not ring.closed or ring.available():
        count = ring.read_into(out)
        wanted = (np.arange(count, dtype=np.int64) + expected).astype(np.int16)
        found["out_of_order"] += int((out[:count] != wanted).sum())
        expected += count
    thread.join()
    return {**found, "delivered": expected, "lost": blocks * BLOCK - expected}


def measure(quick: bool, threads: int, scratch: Path) -> Part:
    bench_core.TIMES, bench_core.ROUNDS = 2000, 40 if quick else 200  # short rounds fit between what others do
    python, in_c, lost = bench_core.best_ns(bench_core.hand_offs()), bench_core.in_c(), soak(5.0 if quick else 60.0)
    part = Part(
        "hand-off", "push and pop of 10 ms, best of interleaved rounds", data={"python_ns": python, "c_ns": in_c}
    )
    part.data["soak"] = lost
    ours = python["Ring.write + read_into"]
    guard = (
        f"soak of two threads: {lost['delivered']} samples, {lost['lost']} lost, {lost['out_of_order']} out of order"
    )
    is_whole = not lost["lost"] and not lost["out_of_order"]
    times = python["Queue of copies"] / ours
    figure = f"{times:.1f} times ({ours:.0f} and {python['Queue of copies']:.0f} ns)"
    part.rows.append(
        Row("ring from Python against queue.Queue", ">= 10 times", figure, times >= 10 and is_whole, guard)
    )
    for threads in ("one_thread", "two_threads"):
        mine = in_c[f"rtva_ring {threads}"]
        for peer, title, least in (
            ("list_of_blocks", "a copying deque", 5.0),
            ("portaudio_ring", "PortAudio's ring", 0.95),
        ):
            if f"{peer} {threads}" not in in_c:
                continue
            theirs = in_c[f"{peer} {threads}"]
            figure = f"{theirs / mine:.2f} times ({mine:.1f} and {theirs:.1f} ns)"
            wish = ">= 5 times" if least > 1 else "not slower (within 5 %)"
            name = f"ring in C against {title}, {threads.replace('_', ' ')}"
            part.rows.append(Row(name, wish, figure, theirs / mine >= least, guard))
    for name, ns in python.items():
        part.rows.append(Row(f"from Python, {name}", "", f"{ns:.0f} ns", None))
    return part


if __name__ == "__main__":
    run_part(part_parser(__doc__).parse_args(), measure)
