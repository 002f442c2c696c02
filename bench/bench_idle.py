"""What listening costs while nobody speaks: processor time of each thread of the appliance, in percent of one core.

    .venv/bin/python bench/bench_idle.py [--seconds S] [--engine silero|webrtc] [--wake WORD ...] [--json]

The real appliance, engines loaded, listens to a paced recording through its real threads: digital silence, a quiet
room (white noise at -70 dBFS) and the kitchen of ``$RTVA_RECORDINGS`` (skipped where it is not there). Before that the
front end, the detector and the endpointer alone, for each 10 ms frame, as the listen thread runs them, Python included.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from endpointer_material import FOLDER

from firmware_py._ring import Ring
from firmware_py.app import running
from firmware_py.audio.recording import RecordingMicrophone, load
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.audio.wav import write_wav
from firmware_py.config import from_text
from firmware_py.ears import make_attention
from firmware_py.events import FRAME_SAMPLES, RATE_HZ
from firmware_py.listen import Listener
from firmware_py.pipeline import VoicePipeline

TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_S = 1.0


def rooms(seconds: float) -> dict[str, Any]:
    count = int((seconds + SETTLE_S + 2) * RATE_HZ)
    rng = np.random.default_rng(3)
    found = {"digital silence": np.zeros(count, np.int16), "a quiet room": rng.normal(0, 10, count).astype(np.int16)}
    kitchen = FOLDER / "noise" / "kitchen-first-minute.flac"
    if kitchen.exists():
        found["a kitchen"] = load(kitchen)[:count]
    return found


def thread_s() -> dict[str, float]:
    """Processor seconds of each thread of this process, by name."""
    names = {t.native_id: t.name for t in threading.enumerate()}
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "schedstat").read_text().split()
        name = names.get(int(task.name), "libraries")
        found[name] = found.get(name, 0.0) + int(fields[0]) / 1e9
    return found


def listening(pipeline: VoicePipeline, samples: Any, seconds: float) -> dict[str, float]:
    """Percent of one core by thread, over ``seconds``."""
    with tempfile.TemporaryDirectory() as folder:
        write_wav(Path(folder) / "room.wav", RATE_HZ, [samples])
        chunk_size = pipeline.config.audio.input.chunk_size
        microphone = RecordingMicrophone(
            Path(folder) / "room.wav", pace="real", chunk_size=chunk_size, silence_after=True
        )
        with running(pipeline, microphone, VirtualSpeaker(pipeline.tts.rate_hz)) as appliance:
            time.sleep(SETTLE_S)
            before, started = thread_s(), time.monotonic()
            time.sleep(seconds)
            after, took = thread_s(), time.monotonic() - started
            percent = {name: 100 * (after[name] - before.get(name, 0.0)) / took for name in after}
            percent["all"] = sum(percent.values())
            percent["turns"] = appliance.turns
    return {name: round(value, 3) for name, value in percent.items()}


def frame_us(pipeline: VoicePipeline, samples: Any) -> float:
    """Processor microseconds of one 10 ms frame in the listener, alone in its thread, all of Python included."""
    ring = Ring(1 << 20)
    attention = make_attention(pipeline.config)
    listener = Listener(ring, pipeline.make_vad(), pipeline.listen_settings(), lambda position: position, attention)
    block, started, frames = pipeline.config.audio.input.chunk_size, time.thread_time_ns(), 0
    for start in range(0, samples.size - block, block):
        ring.write(samples[start : start + block])
        listener.drain()
        frames += block // FRAME_SAMPLES
    return (time.thread_time_ns() - started) / 1000 / frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S")
    parser.add_argument("--engine", choices=("silero", "webrtc"), default="silero")
    parser.add_argument("--wake", nargs="*", default=[], metavar="WORD", help="with a wake word, or several")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    settings: dict[str, Any] = {"vad": {"engine": args.engine}, "pipeline": {"processing": {"mode": "sync"}}}
    if args.wake:
        settings["wake"] = {"enabled": True, "words": args.wake}
    config = from_text(json.dumps(settings))
    results: dict[str, Any] = {}
    with VoicePipeline(config) as pipeline:
        pipeline.initialize_components()
        for name, samples in rooms(args.seconds).items():
            results[name] = {"frame_us": round(frame_us(pipeline, samples), 1)}
            results[name] |= {"percent": listening(pipeline, samples, args.seconds)}
    if args.json:
        print(json.dumps({"engine": args.engine, **results}))
        return
    for name, row in results.items():
        print(f"{args.engine}, {name}: {row['frame_us']} us a frame; percent of a core {row['percent']}")


if __name__ == "__main__":
    main()
