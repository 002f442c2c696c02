"""Ten minutes of paced capture while every core is busy: what is lost, and how late the capture thread ever was.

    .venv/bin/python bench/soak_capture.py [--seconds 600] [--burners N] [--nice 0] [--json FILE]

Two captures run beside each other under the same load (one busy loop a core, at normal priority unless ``--nice`` says
otherwise; how much of the cores was idle is measured and printed): one whose thread
asks for SCHED_RR and whose ring is locked, as the appliance does it, and a plain one, as it is where that is refused.
Each is the real thing from the ring's writer to the endpointer (Silero), with a turn every twenty seconds through
recognition in a worker. The sound card is a clock: 1,024 samples a period, eight periods of buffer as our ALSA
microphone asks for; what is not read in time is dropped and counted as a card does. Exits 1 when a sample was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py import models
from firmware_py._ring import Ring
from firmware_py.audio.capture import Capture
from firmware_py.errors import RtvaError
from firmware_py.events import RATE_HZ, Kind, Pcm16, TurnEvent
from firmware_py.listen import Listener, ListenSettings
from firmware_py.vad.silero import SileroVad
from firmware_py.workers import Deadlines, Rules, in_worker

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech"))
PERIOD, PERIODS = 1024, 8
TURN_EVERY_S = 20.0
BURN = "while True: pass"
CARD_PRIORITY = 10


class ClockCard:
    """A sound card by the monotonic clock, playing ``sound`` round and round.

    ``late_ms`` collects how long after its end each period was picked up.
    """

    def __init__(self, sound: Pcm16) -> None:
        self.lost = 0
        self.overruns = 0
        self.late_ms: list[float] = []
        self._sound = sound
        self._position = 0
        self._began_ns = 0
        self._closed = threading.Event()

    def read(self) -> Pcm16 | None:
        self._began_ns = self._began_ns or time.monotonic_ns()
        due_ns = self._began_ns + (self._position + PERIOD) * 1_000_000_000 // RATE_HZ
        while (left_s := (due_ns - time.monotonic_ns()) / 1e9) > 0:
            if self._closed.is_set():
                return None
            time.sleep(left_s)  # an ordinary sleep: waiting on an event wakes later
        late_ns = time.monotonic_ns() - due_ns
        self.late_ms.append(late_ns / 1e6)
        if late_ns * RATE_HZ // 1_000_000_000 > (PERIODS - 1) * PERIOD:
            self._overrun()
        start = self._position % self._sound.size
        self._position += PERIOD
        return np.resize(np.roll(self._sound, -start)[:PERIOD], PERIOD)

    def close(self) -> None:
        self._closed.set()

    def _overrun(self) -> None:
        there = (time.monotonic_ns() - self._began_ns) * RATE_HZ // 1_000_000_000
        dropped = (there // PERIOD - 1) * PERIOD - self._position
        self.overruns, self.lost, self._position = self.overruns + 1, self.lost + dropped, self._position + dropped


def sound() -> Pcm16:
    """A recorded order and silence; noise where there are no recordings."""
    file = RECORDINGS / "commands" / "turn_on_living_room_lamp.wav"
    if not file.is_file():
        return (np.random.default_rng(1).normal(size=RATE_HZ * 4) * 500).astype(np.int16)
    from firmware_py.audio.recording import load

    return np.concatenate([load(file), np.zeros(int(TURN_EVERY_S * RATE_HZ) - load(file).size, np.int16)])


def one(label: str, seconds: float) -> dict[str, Any]:
    """One capture; runs in a process of its own, so that the two do not share an interpreter."""
    card, ring = ClockCard(sound()), Ring(1 << 19)
    is_locked = ring.lock_memory() if label == "real time" else False
    capture = Capture(card, ring, realtime=CARD_PRIORITY if label == "real time" else None)
    listener = Listener(ring, SileroVad(models.resolve_vad("silero")), ListenSettings(), lambda position: position)
    turns: list[float] = []
    behind = [0]
    engine = in_worker(
        "stt",
        "whisper_cpp",
        {"model": models.resolve_stt("tiny.en", "int8").path},
        Rules(deadlines=Deadlines(scale=20.0)),
    )

    def on_event(event: TurnEvent) -> None:
        behind[0] = max(behind[0], ring.available())
        if event.kind is Kind.ENDPOINT:
            threading.Thread(target=answer, args=(event.audio,), daemon=True).start()

    def answer(audio: Pcm16) -> None:
        begun = time.monotonic()
        with contextlib.suppress(RtvaError):
            engine.transcribe(audio)
            turns.append(time.monotonic() - begun)

    listening = threading.Thread(target=listener.run, args=(on_event,), daemon=True)
    listening.start()
    capture.start()
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        time.sleep(0.25)
        behind[0] = max(behind[0], ring.available())
    elapsed = time.monotonic() - begun
    capture.stop()
    ring.close()
    counts = engine.supervisor.snapshot()
    engine.close()
    late = np.array(card.late_ms)
    return {
        "label": label,
        "seconds": elapsed,
        "note": capture.realtime_note,
        "locked": is_locked,
        "periods": late.size,
        "lost_samples": capture.lost,
        "overruns": card.overruns,
        "ring_overrun": ring.overrun,
        "samples_unaccounted": int(elapsed * RATE_HZ) - capture.frames_in - capture.lost,
        "late_ms": {p: float(np.percentile(late, p)) for p in (50, 99, 99.9, 100)},
        "reader_behind_ms": behind[0] / RATE_HZ * 1000,
        "turns": len(turns),
        "turn_s": float(np.median(turns)) if turns else None,
        "workers": {k: counts[k] for k in ("retries", "killed", "crashed")},
    }


def cpu_ticks() -> tuple[int, int]:
    """(idle, all) of every core since boot, in ticks: proc(5), /proc/stat. Waiting for a disk counts as idle."""
    ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--burners", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--nice", type=int, default=0, help="of the burners: 19 where others load the machine already")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "soak_capture.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.seconds)))
        return 0
    burn = ["nice", "-n", str(options.nice), sys.executable, "-c", BURN]
    burners = [subprocess.Popen(burn) for _ in range(options.burners)]
    before = cpu_ticks()
    try:
        command = [sys.executable, __file__, "--seconds", str(options.seconds), "--one"]
        runs = [subprocess.Popen([*command, label], stdout=subprocess.PIPE) for label in ("real time", "plain")]
        found = [json.loads(run.communicate()[0]) for run in runs]
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    after = cpu_ticks()
    print(f"cores idle for {100 * (after[0] - before[0]) / max(1, after[1] - before[1]):.2f} % of the time")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found))
    for result in found:
        print(json.dumps(result, indent=1))
    return int(any(result["lost_samples"] or result["ring_overrun"] for result in found))


if __name__ == "__main__":
    sys.exit(main())
