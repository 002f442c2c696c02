"""The compiled core beside what Python has: hand-off of 10 ms blocks, and the cost of judging a frame.

    .venv/bin/python bench/bench_core.py [--json FILE]

Every figure is the best of interleaved rounds, in nanoseconds (other programs share the machine). Push and pop of
160 samples: in one thread from Python against ``queue.Queue``, ``queue.SimpleQueue``, ``collections.deque`` and a
numpy array with two indices under a lock, each of which must copy the block as the ring does; the same in C
(``bench_core.c``) in one thread and across two. Then what the walk does with it: device periods of 1,024 samples in,
frames of 160 out, an operation being one frame. Then the stations of the listen thread, a frame each.
"""

from __future__ import annotations

import argparse
import collections
import json
import platform
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import webrtcvad

from firmware_py._endpoint import Endpointer
from firmware_py._front import FrontEnd
from firmware_py._ring import Ring

HERE = Path(__file__).resolve().parent
BLOCK = 160
TIMES = 20_000
ROUNDS = 7


class NumpyRing:
    """What one writes with numpy alone."""

    def __init__(self, capacity: int) -> None:
        self.data, self.capacity, self.head, self.tail = np.zeros(capacity, np.int16), capacity, 0, 0
        self.lock = threading.Lock()

    def push(self, block: np.ndarray) -> None:
        with self.lock:
            at = self.head % self.capacity
            self.data[at : at + len(block)] = block
            self.head += len(block)

    def pop(self, n: int) -> np.ndarray:
        with self.lock:
            at = self.tail % self.capacity
            self.tail += n
            return self.data[at : at + n].copy()


def hand_offs() -> dict[str, Callable[[], object]]:
    """Each pushes one block and pops one."""
    block, out = np.arange(BLOCK, dtype=np.int16), np.empty(BLOCK, np.int16)
    ring, array, deque = Ring(2**19), NumpyRing(BLOCK * 1024), collections.deque()
    fifo, simple = queue.Queue(), queue.SimpleQueue()
    write, read_into, read = ring.write, ring.read_into, ring.read
    return {
        "Ring.write + read_into": lambda: (write(block), read_into(out)),
        "Ring.write + read": lambda: (write(block), read(BLOCK)),
        "deque of copies": lambda: (deque.append(block.copy()), deque.popleft()),
        "deque of bytes": lambda: (deque.append(block.tobytes()), np.frombuffer(deque.popleft(), np.int16)),
        "SimpleQueue of copies": lambda: (simple.put(block.copy()), simple.get()),
        "Queue of copies": lambda: (fifo.put(block.copy()), fifo.get()),
        "numpy array under a lock": lambda: (array.push(block), array.pop(BLOCK)),
    }


class Reframer:
    """Periods in, frames out, with a deque of bytes: what is left of a period waits in front of the next."""

    def __init__(self) -> None:
        self.periods: collections.deque[bytes] = collections.deque()
        self.rest = b""

    def push(self, period: np.ndarray) -> None:
        self.periods.append(period.tobytes())

    def frames(self) -> list[np.ndarray]:
        data = b"".join([self.rest, *(self.periods.popleft() for _ in range(len(self.periods)))])
        whole = len(data) // (2 * BLOCK) * 2 * BLOCK
        self.rest = data[whole:]
        return [np.frombuffer(data[i : i + 2 * BLOCK], np.int16) for i in range(0, whole, 2 * BLOCK)]


def reframings() -> dict[str, Callable[[], object]]:
    """Each takes five periods of 1,024 and gives the 32 frames that are in them."""
    period, out = np.arange(1024, dtype=np.int16), np.empty(BLOCK, np.int16)
    ring, deque, fifo = Ring(2**19), Reframer(), Reframer()
    hand_off = queue.Queue()

    def with_ring() -> None:
        for _ in range(5):
            ring.write(period)
            while ring.available() >= BLOCK:
                ring.read_into(out)

    def with_deque() -> None:
        for _ in range(5):
            deque.push(period)
            for frame in deque.frames():
                out[:] = frame

    def with_queue() -> None:
        for _ in range(5):
            hand_off.put(period.tobytes())
            fifo.periods.append(hand_off.get())
            for frame in fifo.frames():
                out[:] = frame

    return {"Ring": with_ring, "deque of bytes, joined": with_deque, "Queue of bytes, joined": with_queue}


def stations() -> dict[str, Callable[[], object]]:
    """Each judges one frame of a noise."""
    noise = np.random.default_rng(0).integers(-2000, 2000, (64, BLOCK)).astype(np.int16)
    frames = [*noise]
    out, count = np.empty(BLOCK, np.int16), iter(range(10**12))
    front, endpointer, detector = FrontEnd(), Endpointer(), webrtcvad.Vad(2)
    process, push, is_speech = front.process, endpointer.push, detector.is_speech
    return {
        "FrontEnd.process": lambda: process(frames[next(count) & 63], out),
        "Endpointer.push": lambda: push(next(count) & 32 and 1, 1),
        "webrtcvad (with tobytes)": lambda: is_speech(frames[next(count) & 63].tobytes(), 16000),
        "all three": lambda: push(is_speech(out.tobytes(), 16000), process(frames[next(count) & 63], out)),
    }


def best_ns(calls: dict[str, Callable[[], object]], each: int = 1) -> dict[str, float]:
    """Nanoseconds an operation, of which a call does ``each``."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.perf_counter_ns()
            for _ in range(TIMES // each):
                call()
            best[name] = min(best[name], (time.perf_counter_ns() - started) / (TIMES // each * each))
    return {name: round(ns, 1) for name, ns in best.items()}


def in_c() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bench_core"
        flags = ["-std=c11", "-O3", "-pthread", "-Wno-unused-function", f"-I{HERE.parent / 'ext'}"]
        library = next(HERE.parent.glob("build/bench-venv/portaudio/usr/lib/*/libportaudio.a"), None)
        theirs = (["-DPORTAUDIO"], [str(library)]) if library else ([], [])
        command = ["gcc", *flags, *theirs[0], str(HERE / "bench_core.c"), *theirs[1], "-o", str(program)]
        subprocess.run(command, check=True)
        lines = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.splitlines()
    return {" ".join(line.split()[:-1]): float(line.split()[-1]) for line in lines}


def show(title: str, figures: dict[str, float]) -> None:
    print(f"\n{title}")
    first = next(iter(figures.values()))
    for name, ns in figures.items():
        print(f"  {name:34}{ns:10.1f} ns   x{ns / first:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    figures = {
        "hand_off": best_ns(hand_offs()),
        "reframing": best_ns(reframings(), each=32),
        "stations": best_ns(stations()),
        "in_c": in_c(),
    }
    print(f"Python {platform.python_version()}, {platform.machine()}; best of {ROUNDS} rounds of {TIMES}")
    show("push and pop of 10 ms, from Python, one thread", figures["hand_off"])
    show("periods of 1,024 samples to frames of 160, from Python, a frame", figures["reframing"])
    show("a frame through each station of the listen thread, from Python", figures["stations"])
    show("push and pop of 10 ms, in C", figures["in_c"])
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
