"""Utterances under random faults: ``turn_faults.py UTTERANCES SEED [SECONDS BETWEEN FAULTS]`` (``make turn-faults``).

The real walk behind the listener, with real engines in real workers, a speaker without a device, and the spare voice:
spoken questions come alone and in bursts, with and without a draft, while workers and their stand-bys are killed,
stopped and made to crash at random. Each utterance must be answered, apologised for, or shed with a reason; one that is
none of these was lost in silence. Prints JSON; ends with 1 when one was.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from firmware_py.app import Appliance, Observers
from firmware_py.audio.convert import Resampler, to_float32, to_int16
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import Config
from firmware_py.events import RATE_HZ, Kind, Pcm16, TurnEvent, TurnTrace
from firmware_py.pipeline import VoicePipeline
from firmware_py.service.spare_sentences import VOICE_FAILED, SpareSentences
from firmware_py.service.spare_voice import SpareVoice
from firmware_py.workers import Deadlines, Rules, WorkerPool

QUESTIONS = ("What time is it?", "What day is it today?", "Set a timer for five minutes.", "What is seven times eight?")
SIGNALS = (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGABRT)
RULES = Rules(deadlines=Deadlines(load_s=60.0, begin_s=4.0, work_s=10.0))
STUCK_S = 300.0
"""No turn takes so long: then the walk itself is stuck."""


@dataclass
class Silence:
    """A microphone in a quiet room; the utterances go into the queue directly."""

    lost: int = 0

    def read(self) -> Pcm16 | None:
        time.sleep(0.05)
        return np.zeros(800, np.int16)

    def close(self) -> None: ...


@dataclass
class Ledger:
    """What became of each utterance, by the sample at which it ended."""

    put: list[int] = field(default_factory=list)
    ends: dict[int, str] = field(default_factory=dict)
    strikes: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def end(self, event: TurnEvent, how: str) -> None:
        with self.lock:
            self.ends[event.at] = how if event.at not in self.ends else f"twice: {self.ends[event.at]} and {how}"


class Rig:
    """The walk and what disturbs it."""

    def __init__(self, pipeline: VoicePipeline, pool: WorkerPool, folder: Path, rng: random.Random) -> None:
        self.ledger, self._pool, self._rng = Ledger(), pool, rng
        sentences = SpareSentences(folder, {"voice": VOICE_FAILED})
        self.spare = SpareVoice(lambda: pipeline.tts, sentences)
        pipeline.stand_in = self.spare
        pipeline.initialize_components()
        sentences.take(pipeline.tts.rate_hz, "")
        sentences.make(pipeline.tts)
        self.sounds = [question(pipeline, text) for text in QUESTIONS]
        self._spared = self.spare.failures
        observers = Observers(
            on_take=self._on_take,
            on_utterance=self._on_utterance,
            on_shed=lambda event, reason: self.ledger.end(event, f"shed: {reason}"),
        )
        speaker = VirtualSpeaker(pipeline.speech.rate_hz, pace="fast", on_samples=self._on_samples)
        self.walk = Appliance(pipeline, Silence(), speaker, observers)
        self.heard = 0
        self._heard_before = 0
        self._at = 0

    def _on_samples(self, samples: Pcm16) -> None:
        self.heard += samples.size

    def _on_take(self, event: TurnEvent) -> None:
        self._heard_before = self.heard

    def _on_utterance(self, event: TurnEvent, trace: TurnTrace | None, error: str) -> None:
        """In the turn thread, once the answer was played; the apology for an error follows."""
        spared, self._spared = self.spare.failures > self._spared, self.spare.failures
        sound = self.heard - self._heard_before
        if error:
            self.ledger.end(event, "apologised")
        elif trace is None or not trace.reply or sound < RATE_HZ // 4:
            self.ledger.end(event, f"silent: {trace}")
        else:
            self.ledger.end(event, "answered by the spare voice" if spared else "answered")

    def ask(self) -> None:
        """One question; half of them with the pause before their end."""
        sound = self._rng.choice(self.sounds)
        self._at += 1
        end = sound.size - RATE_HZ // 2
        at = self._at * 100 * RATE_HZ
        places = (at, 0, 1600, end, time.monotonic_ns(), sound)
        if self._rng.random() < 0.5:
            self.walk.queue.put(TurnEvent(Kind.SPEECH, at, 0, 1600, 1600, time.monotonic_ns()))
            self.walk.queue.put(TurnEvent(Kind.PAUSE, *places))
        self.ledger.put.append(at)
        self.walk.queue.put(TurnEvent(Kind.ENDPOINT, *places))

    def strike(self) -> None:
        """One fault, at one worker or stand-by of one engine."""
        engine = self._rng.choice(self._pool.snapshot())
        which = self._rng.choice(("pid", "pid", "standby_pid"))
        number = self._rng.choice(SIGNALS)
        if engine[which]:
            with suppress(ProcessLookupError):
                os.kill(engine[which], number)
                self.ledger.strikes[f"{engine['kind']} {number.name}"] += 1

    def settle(self, until: float) -> None:
        """The last utterance is told before its apology is spoken, and the apology's voice may have to be started."""
        while not self.walk.is_quiet() and time.monotonic() < until and not self.walk.failure:
            time.sleep(0.05)

    def wait(self, most_waiting: int) -> None:
        until = time.monotonic() + STUCK_S
        while self.walk.queue.waiting() > most_waiting and time.monotonic() < until:
            time.sleep(0.01)


def question(pipeline: VoicePipeline, text: str) -> Pcm16:
    """A question in the voice's own words at 16 kHz, with 0.1 s before it and 0.5 s behind it."""
    tts: Any = pipeline.voice
    resampler = Resampler(tts.rate_hz, RATE_HZ)
    made = to_float32(np.concatenate(list(tts.synthesize(text))))
    sound = to_int16(np.concatenate([resampler.push(made), resampler.finish()]))
    return np.concatenate([np.zeros(1600, np.int16), sound, np.zeros(RATE_HZ // 2, np.int16)])


def trouble(rig: Rig, is_over: threading.Event, pause_s: float, rng: random.Random) -> None:
    while not is_over.wait(rng.expovariate(1 / pause_s)):
        rig.strike()


def run(utterances: int, seed: int, pause_s: float = 2.0) -> dict[str, Any]:
    """Asks so many questions, one fault every ``pause_s`` seconds on the average."""
    rng, is_over = random.Random(seed), threading.Event()
    config = Config.default().with_values({"tts.cache.enabled": False})
    begun = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        WorkerPool(RULES) as pool,
        VoicePipeline(config, make_engine=pool.make) as pipeline,
    ):
        rig = Rig(pipeline, pool, Path(folder), rng)
        rig.walk.start()
        striker = threading.Thread(target=trouble, args=(rig, is_over, pause_s, random.Random(seed + 1)), daemon=True)
        striker.start()
        while len(rig.ledger.put) < utterances:
            for _ in range(min(rng.choice((1, 1, 1, 1, 2, 4)), utterances - len(rig.ledger.put))):
                rig.ask()
            rig.wait(rng.choice((0, 0, 1)))
        until = time.monotonic() + STUCK_S
        while len(rig.ledger.ends) < len(rig.ledger.put) and time.monotonic() < until and not rig.walk.failure:
            time.sleep(0.05)
        is_over.set()
        striker.join()
        rig.settle(until)
        failure, apologies, errors = rig.walk.failure, rig.walk.failed.apologies, rig.walk.errors
        counts = [{k: w[k] for k in ("kind", "started", "crashed", "killed", "retries")} for w in pool.snapshot()]
        rig.walk.stop()
    ends = Counter(rig.ledger.ends.get(at, "silent: never heard of again") for at in rig.ledger.put)
    said = {how: count for how, count in ends.items() if not how.startswith(("silent", "twice"))}
    return {
        "utterances": len(rig.ledger.put),
        "ends": said,
        "silent": len(rig.ledger.put) - sum(said.values()),
        "lost": [how for how in ends if how not in said],
        "apologies": apologies,
        "errors": errors,
        "failure": repr(failure) if failure else None,
        "strikes": dict(rig.ledger.strikes),
        "workers": counts,
        "seconds": round(time.monotonic() - begun, 1),
    }


def main() -> int:
    found = run(int(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:]))
    print(json.dumps(found, indent=1))
    return int(bool(found["silent"] or found["failure"] or found["apologies"] < found["ends"].get("apologised", 0)))


if __name__ == "__main__":
    sys.exit(main())
