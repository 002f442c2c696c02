"""What each knob of the guide does: latency and drop-outs, false alarms, misses and delays, against its value.

    .venv/bin/python bench/bench_tuning.py [PART ...] [--quick] [--json bench/results/tuning.json]
    python bench/plot_tuning.py bench/results/tuning.json     (wants matplotlib, which the project does not depend on)

Parts, each a few minutes; what the others measured stays in ``--json``:

- ``live``: mode, streaming, workers, chunk and buffer: spoken questions at the pace of time through the real threads.
  One process, one knob turned at a time, every arm once before any is heard again.
- ``dropouts``: samples lost against ``chunk_size`` while every core is busy twice over; a card by the clock.
- ``underruns``: gaps in what is spoken against ``buffer_size``, idle and under the same load.
- ``recognition``: context and ``num_workers`` on recorded orders, the engine alone.
- ``hangover``: sentences cut against a fixed silence, and the gap it costs; on the recordings' own time.
- ``vad``: aggressiveness, padding and ``min_speech_duration_ms``; on the recordings' own time.

The first four want a quiet machine; the machine and its load stand in the results.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import bench_presets
import bench_vad
import endpointer_material
import numpy as np
import soak_capture
from bench_orders import FOLDER, edits
from measure import RECORDINGS, middle, p95
from tables import machine
from vad_material import mixed, noises, words
from vad_material import recordings as marked

from firmware_py import app, models
from firmware_py._ring import Ring
from firmware_py.audio.capture import Capture
from firmware_py.audio.recording import RecordingMicrophone, load
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import Config
from firmware_py.controls import NoLoudspeaker
from firmware_py.events import RATE_HZ, Kind
from firmware_py.listen import Listener, ListenSettings
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.pipeline import VoicePipeline
from firmware_py.stt import guards
from firmware_py.stt.whisper_cpp import WhisperCpp
from firmware_py.vad.silero import SileroVad

ROOT = Path(__file__).resolve().parent.parent
CHUNKS = (160, 512, 1024, 2048, 4096)
BUFFERS = (512, 1024, 2048, 4096, 8192)
QUIET = {"tts.cache.enabled": False, "response_generation.cache.enabled": False}
"""Caches would answer the second asking at once."""
ARMS: dict[str, dict[str, Any]] = {
    "default": {},
    "mode sync": {"pipeline.processing.mode": "sync"},
    "stt.streaming off": {"stt.streaming": False},
    "tts.streaming off": {"tts.streaming": False},
    "max_workers 1": {"pipeline.processing.max_workers": 1},
    **{f"chunk {size}": {"audio.input.chunk_size": size} for size in CHUNKS if size != 1024},
    **{f"buffer {size}": {"audio.output.buffer_size": size} for size in BUFFERS if size != 2048},
}
ENGINES = ("tts.streaming", "pipeline.processing.max_workers")
"""Keys that the engines are made with: an arm with one has a pipeline of its own."""
CONTEXTS = (192, 256, 384, 512, 768, 1500)
HANGOVERS_MS = (150, 200, 300, 400, 500, 700, 1000)
PADDINGS_MS = (0, 50, 100, 200, 300, 500, 1000)
LEAST_SPEECH_MS = (10, 60, 120, 250, 400, 600)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many endless loops beside the measurement."""
    burners = [subprocess.Popen([sys.executable, "-c", soak_capture.BURN]) for _ in range(processes)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def twice_over() -> int:
    return 2 * len(os.sched_getaffinity(0))


def turn(pipeline: VoicePipeline, file: Path) -> dict[str, float]:
    """One question at the pace of time: what was waited for, and what the devices lost."""
    app.begin_conversation(pipeline, NoLoudspeaker(), act=False)
    audio, traces = pipeline.config.audio, []
    microphone = RecordingMicrophone(file, pace="real", chunk_size=audio.input.chunk_size, silence_after=True)
    speaker = VirtualSpeaker(pipeline.tts.rate_hz, pace="real", buffer_size=audio.output.buffer_size)
    with app.running(pipeline, microphone, speaker, app.Observers(on_turn=traces.append)) as appliance:
        app.wait_until_answered(appliance, microphone)
    spoken = [trace for trace in traces if trace.answer_latency_ms is not None]
    if not spoken:
        return {}
    answer, gap = spoken[0].answer_latency_ms, spoken[0].response_gap_ms
    return {"answer_ms": float(answer or 0), "gap_ms": float(gap or 0), "underruns": speaker.underruns}


def run_arms(arms: dict[str, dict[str, Any]], files: list[Path], rounds: int) -> dict[str, list[dict[str, float]]]:
    made: dict[str, VoicePipeline] = {}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in arms}
    for values in arms.values():
        key = json.dumps({k: v for k, v in values.items() if k in ENGINES})
        if key not in made:
            made[key] = VoicePipeline(Config.default().with_values({**QUIET, **values}), leaves_core=True)
            made[key].initialize_components()
    for _ in range(rounds):
        for file in files:
            for name, values in arms.items():
                pipeline = made[json.dumps({k: v for k, v in values.items() if k in ENGINES})]
                pipeline.config = Config.default().with_values({**QUIET, **values})
                found[name].append(turn(pipeline, file))
    for pipeline in made.values():
        pipeline.close()
    return found


def told(turns: list[dict[str, float]]) -> dict[str, float]:
    answered = [turn for turn in turns if turn]
    row: dict[str, float] = {"turns": len(turns), "answered": len(answered)}
    for name in ("answer_ms", "gap_ms"):
        values = [turn[name] for turn in answered]
        row |= {name: round(middle(values), 1), name.replace("_ms", "_p95_ms"): round(p95(values), 1)}
    return row | {"underruns": sum(turn["underruns"] for turn in answered)}


def live(quick: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        files = bench_presets.record(Path(folder))[: 1 if quick else 3]
        found = run_arms(ARMS, files, 1 if quick else 2)
    return {name: told(turns) for name, turns in found.items()}


def underruns(quick: bool) -> dict[str, Any]:
    arms = {f"buffer {size}": {"audio.output.buffer_size": size} for size in BUFFERS}
    with tempfile.TemporaryDirectory() as folder:
        files = bench_presets.record(Path(folder))[: 1 if quick else 3]
        with busy(twice_over()):
            found = run_arms(arms, files, 1)
    return {name: told(turns) for name, turns in found.items()}


def capture(chunk: int, seconds: float) -> dict[str, float]:
    """A card of ``chunk`` samples a period into ring, detector and endpointer, without real-time priority."""
    soak_capture.PERIOD = chunk
    card, ring = soak_capture.ClockCard(soak_capture.sound()), Ring(1 << 19)
    reader = Capture(card, ring)
    listener = Listener(ring, SileroVad(models.resolve_vad("silero")), ListenSettings(), lambda position: position)
    listening = threading.Thread(target=listener.run, args=(lambda event: None,), daemon=True)
    listening.start()
    reader.start()
    begun, worked = time.monotonic(), time.process_time()
    time.sleep(seconds)
    elapsed, worked = time.monotonic() - begun, time.process_time() - worked
    reader.stop()
    ring.close()
    late = np.array(card.late_ms)
    return {
        "lost_ms_a_minute": round(reader.lost / RATE_HZ * 1000 * 60 / elapsed, 1),
        "overruns": card.overruns,
        "processor_percent": round(100 * worked / elapsed, 2),
        "late_p99_ms": round(float(np.percentile(late, 99)), 2),
        "holds_ms": round(1000 * (soak_capture.PERIODS - 1) * chunk / RATE_HZ, 1),
    }


def dropouts(quick: bool) -> dict[str, Any]:
    """All sizes beside each other, so that the same load meets them."""
    found: dict[str, Any] = {}
    for state, loops in (("idle", 0), ("busy", twice_over())):
        with busy(loops):
            command = [sys.executable, __file__, "--seconds", "8" if quick else "60", "--one"]
            runs = {c: subprocess.Popen([*command, str(c)], stdout=subprocess.PIPE) for c in CHUNKS}
            found |= {f"chunk {c} {state}": json.loads(run.communicate()[0]) for c, run in runs.items()}
    return found


class _Context(WhisperCpp):
    """A recogniser that always looks at ``frames`` encoder frames, and at as many as there is sound at least."""

    frames = guards.FULL_CONTEXT

    def _context(self, seconds: float) -> int:
        return min(guards.FULL_CONTEXT, max(self.frames, int(guards.ENCODER_FRAMES_PER_S * seconds)))


def recognition(quick: bool) -> dict[str, Any]:
    """Words that differ from the full context; orders wholly right; time of one and of all cores."""
    cores, labels = len(os.sched_getaffinity(0)), json.loads((FOLDER / "labels.json").read_text())
    clips = sorted(labels)[:: max(1, len(labels) // (4 if quick else 24))]
    path = models.resolve_stt("tiny.en", "int8").path
    engines: dict[str, WhisperCpp] = {}
    for frames in CONTEXTS:
        engines[f"context {frames}"] = engine = _Context(path, threads=cores)
        engine.frames = frames
    engines |= {f"num_workers {n}": WhisperCpp(path, threads=n) for n in range(1, cores + 1)}
    understanding = HassilUnderstanding(templates=(FOLDER / "intents.yaml",), builtin=False)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in engines}
    for engine in engines.values():
        engine.warm()
    for clip in clips:
        sound = load(FOLDER / clip)
        for name, engine in engines.items():
            begun, worked = time.perf_counter(), time.process_time()
            heard = engine.transcribe(sound)
            ms, cpu_ms = 1e3 * (time.perf_counter() - begun), 1e3 * (time.process_time() - worked)
            meant = understanding.understand(heard.text)
            right = (meant.intent, dict(meant.slots)) == (labels[clip]["intent"], labels[clip]["slots"])
            said = guards.words(heard.text)
            rows[name].append({"ms": ms, "cpu_ms": cpu_ms, "right": right, "words": said, "guards": heard.guards})
    full = rows[f"context {guards.FULL_CONTEXT}"]
    return {name: _heard(each, full) for name, each in rows.items()}


def _heard(rows: list[dict[str, Any]], full: list[dict[str, Any]]) -> dict[str, Any]:
    wrong = sum(edits(reference["words"], row["words"]) for row, reference in zip(rows, full, strict=True))
    return {
        "clips": len(rows),
        "ms": round(middle([row["ms"] for row in rows]), 1),
        "cpu_ms": round(middle([row["cpu_ms"] for row in rows]), 1),
        "right": sum(row["right"] for row in rows),
        "words_differ": round(wrong / max(1, sum(len(row["words"]) for row in full)), 4),
        "retries": sum("retry" in row["guards"] for row in rows),
    }


def hangover(quick: bool) -> dict[str, Any]:
    """The silences inside each sentence, by a listener that waits for 1.5 s; from them, what any hangover cuts."""
    vad, longest = models.resolve_vad("silero"), []
    for sentence in endpointer_material.sentences(24 if quick else 3):
        ring, inside, began = Ring(1 << 20), [0.0], 0
        patient = ListenSettings(hangover_ms=1500, max_utterance_s=30.0)
        listener = Listener(ring, SileroVad(vad), patient, lambda position: position)
        ring.write(sentence.samples)
        for event in listener.decide():
            if event.kind is Kind.PAUSE:
                began = event.speech_end
            elif event.kind is Kind.RESUME:
                inside.append((event.at - began) * 1000 / RATE_HZ)
        longest.append((max(inside), bool(sentence.pause_ms)))
    found: dict[str, Any] = {}
    for ms in HANGOVERS_MS:
        for kind in (False, True):
            those = [pause > ms for pause, paused in longest if paused is kind]
            name = "with a pause" if kind else "as recorded"
            found[f"hangover {ms} {name}"] = {"sentences": len(those), "cut": sum(those)}
    return found


def vad(quick: bool) -> dict[str, Any]:
    """Aggressiveness of both detectors; padding and least speech with Silero."""
    spoken, quiet, short = marked(RECORDINGS, 36 if quick else 9), noises(RECORDINGS, 60.0), words(3 if quick else 1)
    makes = {name: make for name, make in bench_vad.detectors().items() if name in ("silero", "webrtc")}
    noise = [(r, mixed(r, quiet["kitchen +0 dB"], 5)) for r in spoken]
    found: dict[str, Any] = {}
    for name, make in makes.items():
        for level in range(4):
            alone = bench_vad.alone(make, level, noise)
            clean = bench_vad.end_to_end(make, level, [(r, r.sound) for r in spoken])
            turns = [bench_vad.on_noise(make, level, sound)["turns_a_minute"] for sound in quiet.values()]
            found[f"aggressiveness {level} {name}"] = {
                "false_turns_a_minute": round(float(np.mean(turns)), 2),
                "missed_in_noise": round(alone["voiced_missed"], 4),
                "start_ms": round(middle(clean["start_ms"]), 1),
                "endpoint_ms": round(middle(clean["endpoint_ms"]), 1),
            }
    make = makes["silero"]
    return found | _padding(make, spoken[:: 2 if quick else 1]) | _least_speech(make, quiet, short)


def _events(make: Any, sound: Any, **settings: int) -> list[Any]:
    ring = Ring(1 << 19)
    listener = Listener(ring, make(2), ListenSettings(**settings), lambda position: position)
    events = []
    for block in np.array_split(np.concatenate([sound, bench_vad.SILENCE]), max(1, sound.size // RATE_HZ)):
        ring.write(np.ascontiguousarray(block))
        events += listener.drain()
    return events


def _padding(make: Any, spoken: list[Any]) -> dict[str, Any]:
    """How many utterances begin behind their first spoken frame, and what recognition hears otherwise."""
    engine, reference, found = WhisperCpp(models.resolve_stt("tiny.en", "int8").path), {}, {}
    for ms in reversed(PADDINGS_MS):
        cut = differ = total = turns = 0
        for one in spoken:
            ends = [e for e in _events(make, one.sound, padding_duration_ms=ms) if e.kind is Kind.ENDPOINT]
            if not ends:
                continue
            turns += 1
            cut += ends[0].start > one.segments[0][0] * 160
            said = guards.words(engine.transcribe(ends[0].audio).text)
            wanted = reference.setdefault(one.name, said)
            differ, total = differ + edits(wanted, said), total + len(wanted)
        found[f"padding {ms}"] = {"turns": turns, "cut": cut, "words_differ": round(differ / max(1, total), 4)}
    return found


def _least_speech(make: Any, quiet: dict[str, Any], short: list[Any]) -> dict[str, Any]:
    found = {}
    for ms in LEAST_SPEECH_MS:
        begun = {
            name: sum(e.kind is Kind.SPEECH for e in _events(make, sound, min_speech_duration_ms=ms))
            for name, sound in quiet.items()
        }
        late, missed = [], 0
        for one in short:
            starts = [e for e in _events(make, one.sound, min_speech_duration_ms=ms) if e.kind is Kind.SPEECH]
            missed += not starts
            late += [(e.at - one.segments[0][0] * 160) * 1000 / RATE_HZ for e in starts[:1]]
        found[f"min_speech {ms}"] = {
            "false_turns_a_minute": round(sum(begun.values()) / len(begun), 2),
            "short_words": len(short),
            "missed": missed,
            "known_ms": round(middle(late), 1) if late else None,
        }
    return found


PARTS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "live": live,
    "dropouts": dropouts,
    "underruns": underruns,
    "recognition": recognition,
    "hangover": hangover,
    "vad": vad,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(capture(args.one, args.seconds)))
        return 0
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    results: dict[str, Any] = {}
    for part in args.parts or PARTS:
        with suppress(FileNotFoundError, AttributeError):
            results = json.loads(args.json.read_text())
        results[part] = {"machine": machine(), "quick": args.quick, "rows": PARTS[part](args.quick)}
        for name, row in results[part]["rows"].items():
            print(f"{part:12} {name:32} {row}", flush=True)
        if args.json:
            args.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
