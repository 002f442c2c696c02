"""Days of audio at many times real speed, and real turns: does anything grow? ``make soak``.

    .venv/bin/python bench/soak.py [--days 7] [--turns 1000] [--warm 500] [--vad silero] [--minutes 0] [--json FILE]

A day of rooms (silence, noise, hum, knocks, far speech too faint to begin a turn) goes through the ring, the front end,
the detector and the endpointer, as the listen thread does it; spread over it, questions in the voice's own words go the
whole walk through recognition and voice in worker processes. Every hundredth of the time memory (RSS of the service's
process, and of its workers), descriptors and threads are noted. Before the first day the voice says ``--warm``
different sentences: its runtime keeps room for each new length until it has met them all, which is no leak and is
given as ``workers_mib_warming`` instead. Over the last four fifths a straight line is fitted to the memory; the upper
bound of its slope (95 %, one-sided Student) must be at most 1 MiB a day of audio, descriptors and threads must not
grow. ``--minutes`` ends it early and says how far it came. Exits 1 when a promise was not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py._ring import Ring
from firmware_py.app import RING_SAMPLES, position_clock
from firmware_py.audio.convert import Resampler, to_float32, to_int16
from firmware_py.audio.play import FastPlayer
from firmware_py.config import Config
from firmware_py.events import RATE_HZ, Pcm16
from firmware_py.listen import Listener
from firmware_py.pipeline import VoicePipeline
from firmware_py.telemetry.host import resident_bytes
from firmware_py.turn import TurnSettings, TurnTaker
from firmware_py.workers import Deadlines, Rules, WorkerPool

ROOT = Path(__file__).resolve().parent.parent
DAY_S = 86_400
BLOCK = 1024
ROOM_S = 30
SETTLING = 0.2
"""The first part of the run, in which caches fill and allocators settle, is not judged."""
MOST_MIB_A_DAY = 1.0
QUESTIONS = ("What time is it?", "What day is it today?", "What is seven times eight?", "How is the board?")
WORDS = (
    "the",
    "kettle",
    "lamp",
    "is",
    "on",
    "in",
    "kitchen",
    "seventeen",
    "minutes",
    "Thursday",
    "bedroom",
    "degrees",
    "outside",
    "almost",
)
T_95 = 1.645
"""One-sided 95 % of Student's distribution for many samples."""


@dataclass
class Samples:
    """What was noted, each at a day of audio."""

    days: list[float] = field(default_factory=list)
    own_mib: list[float] = field(default_factory=list)
    workers_mib: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def note(self, day: float, pids: list[int]) -> None:
        self.days.append(day)
        self.own_mib.append(resident_bytes() / 2**20)
        self.workers_mib.append(sum(resident_bytes(pid) for pid in pids) / 2**20)
        self.descriptors.append(len(list(Path("/proc/self/fd").iterdir())))
        self.threads.append(threading.active_count())


def slope(days: list[float], mib: list[float]) -> tuple[float, float]:
    """MiB a day by least squares, and the upper end of its one-sided 95 % confidence interval."""
    x, y = np.asarray(days), np.asarray(mib)
    if x.size < 3 or np.ptp(x) == 0:
        return 0.0, float("inf")
    spread = float(((x - x.mean()) ** 2).sum())
    rise = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    rest = y - y.mean() - rise * (x - x.mean())
    error = float(np.sqrt((rest**2).sum() / (x.size - 2) / spread))
    return rise, rise + T_95 * error


def rooms(rng: np.random.Generator) -> list[Pcm16]:
    """Half a minute each of silence, noise, hum, knocks, and a babble below the level that begins a turn."""
    n = ROOM_S * RATE_HZ
    at = np.arange(n) / RATE_HZ
    noise = rng.standard_normal(n)
    knocks = np.zeros(n)
    for start in rng.integers(0, n - 800, 20):
        knocks[start : start + 800] += rng.standard_normal(800) * np.exp(-np.arange(800) / 120) * 6000
    hum = 300 * np.sin(2 * np.pi * 50 * at) + 100 * np.sin(2 * np.pi * 150 * at)
    slow = np.interp(at, np.arange(ROOM_S), rng.random(ROOM_S))
    made = (np.zeros(n), noise * 60, hum + noise * 10, knocks + noise * 20, noise * 400 * slow)
    return [np.clip(sound, -32768, 32767).astype(np.int16) for sound in made]


def questions(pipeline: VoicePipeline) -> list[Pcm16]:
    """In the voice's own words, with the silence that ends the turn."""
    tts: Any = pipeline.voice
    found = []
    for text in QUESTIONS:
        resampler = Resampler(tts.rate_hz, RATE_HZ)
        made = to_float32(np.concatenate(list(tts.synthesize(text))))
        sound = to_int16(np.concatenate([resampler.push(made), resampler.finish()]))
        found.append(np.concatenate([np.zeros(RATE_HZ // 2, np.int16), sound, np.zeros(2 * RATE_HZ, np.int16)]))
    return found


def warm(pipeline: VoicePipeline, sentences: int, rng: np.random.Generator) -> None:
    """Says so many different sentences of 1 to 30 words, so that the voice's runtime has met the lengths there are."""
    voice: Any = pipeline.voice
    for _ in range(sentences):
        words = [WORDS[at] for at in rng.integers(0, len(WORDS), int(rng.integers(1, 31)))]
        for _piece in voice.synthesize(" ".join(words).capitalize() + "."):
            pass


class Soak:
    """The listen and turn stations in one thread, on the audio's own clock."""

    def __init__(self, pipeline: VoicePipeline, pool: WorkerPool) -> None:
        pipeline.initialize_components()
        self.turns = self.answered = self.events = 0
        self.samples = Samples()
        self._pool = pool
        self._ring = Ring(RING_SAMPLES)
        self._listener = Listener(self._ring, pipeline.make_vad(), pipeline.listen_settings(), position_clock(0))
        player = FastPlayer(pipeline.tts.rate_hz, 2048, lambda pcm: None)
        settings = TurnSettings(is_live=False, drafts=pipeline.drafts)
        self._taker = TurnTaker(
            pipeline.stations, player, settings, on_draft=lambda d: self._listener.be_patient(pipeline.patience(d))
        )

    def feed(self, sound: Pcm16) -> None:
        for start in range(0, sound.size, BLOCK):
            self._ring.write(sound[start : start + BLOCK])
            for event in self._listener.decide():
                self.events += 1
                trace = self._taker.handle(event)
                if trace is not None and trace.transcript:
                    self.turns += 1
                    self.answered += bool(trace.reply)

    def note(self, day: float) -> None:
        self.samples.note(day, self.workers())

    def workers(self) -> list[int]:
        return [w[key] for w in self._pool.snapshot() for key in ("pid", "standby_pid") if w[key]]


def plan(days: float, turns: int) -> Iterator[bool]:
    """For each half minute of the audio whether a question stands at its end."""
    pieces = max(1, round(days * DAY_S / ROOM_S))
    for number in range(pieces):
        yield (number + 1) * turns // pieces > number * turns // pieces


def run(days: float, turns: int, vad: str = "silero", minutes: float = 0.0, warmed: int = 0) -> dict[str, Any]:
    """Soaks and judges."""
    config = Config.default().with_values({"vad.engine": vad})
    rng, begun = np.random.default_rng(8), time.monotonic()
    rules = Rules(deadlines=Deadlines(scale=20.0))
    with WorkerPool(rules) as pool, VoicePipeline(config, make_engine=pool.make) as pipeline:
        soak, asked, fed = Soak(pipeline, pool), questions(pipeline), 0
        cold = sum(map(resident_bytes, soak.workers()))
        warm(pipeline, warmed, rng)
        grown = (cold, sum(map(resident_bytes, soak.workers())))
        sounds = rooms(rng)
        pieces = list(plan(days, turns))
        every = max(1, len(pieces) // 100)
        began_walk = time.monotonic()
        for number, has_question in enumerate(pieces):
            soak.feed(sounds[number % len(sounds)])
            fed += sounds[0].size
            if has_question:
                sound = asked[soak.turns % len(asked)]
                soak.feed(sound)
                fed += sound.size
            if number % every == every - 1:
                soak.note(fed / RATE_HZ / DAY_S)
                print(f"{fed / RATE_HZ / DAY_S:.2f} days, {soak.turns} turns", file=sys.stderr, flush=True)
            if minutes and time.monotonic() - begun > minutes * 60:
                break
        counts = [{k: w[k] for k in ("kind", "crashed", "killed", "retries")} for w in pool.snapshot()]
    found = judge(soak, fed, time.monotonic() - began_walk, counts)
    return {"workers_mib_warming": [size // 2**20 for size in grown], **found}


def judge(soak: Soak, fed: int, took_s: float, counts: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict; its ``course`` is (day, own MiB, workers' MiB) all along, settling included."""
    samples = soak.samples
    course = zip(samples.days, samples.own_mib, samples.workers_mib, strict=True)
    first = int(len(samples.days) * SETTLING)
    own, own_most = slope(samples.days[first:], samples.own_mib[first:])
    workers, workers_most = slope(samples.days[first:], samples.workers_mib[first:])
    grown = {
        name: max(values[first:], default=0) - max(values[: first + 1], default=0)
        for name, values in (("descriptors", samples.descriptors), ("threads", samples.threads))
    }
    return {
        "audio_days": round(fed / RATE_HZ / DAY_S, 3),
        "times_real": round(fed / RATE_HZ / took_s, 1),
        "turns": soak.turns,
        "answered": soak.answered,
        "own_mib_a_day": round(own, 3),
        "own_mib_a_day_most": round(own_most, 3),
        "workers_mib_a_day": round(workers, 3),
        "workers_mib_a_day_most": round(workers_most, 3),
        "own_mib": [round(v, 1) for v in (samples.own_mib[first], samples.own_mib[-1])] if samples.days else [],
        "workers_mib": [round(v) for v in (samples.workers_mib[first], samples.workers_mib[-1])]
        if samples.days
        else [],
        "grown": grown,
        "workers": counts,
        "seconds": round(took_s, 1),
        "course": [(round(d, 3), round(o, 1), round(w, 1)) for d, o, w in course],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=500, help="sentences that the voice says before the first day")
    parser.add_argument("--vad", choices=["silero", "webrtc"], default="silero")
    parser.add_argument("--minutes", type=float, default=0.0, help="end after so many minutes; 0: at the end")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench" / "soak.json")
    options = parser.parse_args()
    found = run(options.days, options.turns, options.vad, options.minutes, options.warm)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found))
    print(json.dumps({key: value for key, value in found.items() if key != "course"}, indent=1))
    is_flat = found["own_mib_a_day_most"] <= MOST_MIB_A_DAY and found["workers_mib_a_day_most"] <= MOST_MIB_A_DAY
    return int(not (is_flat and max(found["grown"].values()) <= 0 and found["answered"] == found["turns"]))


if __name__ == "__main__":
    sys.exit(main())
