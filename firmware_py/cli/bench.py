"""``rtva bench latency`` and ``rtva bench throughput``: the guide's two benchmark listings, for every stage.

An utterance is a recording (or a question the voice asks) taken through speech to text, understanding, the reply and
the first chunk of its speech, each in a conversation of its own, without drafts: what a turn does, and nothing beside
it. With ``--stage stt`` it is speech to text alone, which is what the guide's listings measure.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from firmware_py.cli import bench_plot, bench_progress, common
from firmware_py.cli.bench_rows import MARKS, ROWS, Times, percentiles
from firmware_py.cli.bench_speech import ask_aloud, uncached
from firmware_py.errors import UsageError
from firmware_py.events import RATE_HZ, Kind, Pcm16, TurnEvent

STAGES = ("all", *MARKS)
FIGURES = {"avg_ms": "Avg Latency", "p50_ms": "P50", "p95_ms": "P95", "p99_ms": "P99"}


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("bench", help="percentiles a stage, utterances a second", description=__doc__)
    kinds = parser.add_subparsers(title="benchmarks", metavar="KIND", required=True)
    latency = kinds.add_parser("latency", help="average, P50, P95 and P99, a stage each")
    latency.add_argument("-n", "--rounds", type=int, default=100, help="utterances (default: 100)")
    throughput = kinds.add_parser("throughput", help="utterances a second")
    throughput.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    for kind, run in ((latency, run_latency), (throughput, run_throughput)):
        kind.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings; default: four questions")
        kind.add_argument("--stage", choices=STAGES, default="all", help="one stage alone (default: all)")
        kind.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the percentiles")
        common.add_config(kind)
        common.add_json(kind)
        kind.set_defaults(run=run)


def run_latency(args: argparse.Namespace) -> int:
    if args.rounds < 1:
        raise UsageError(f"-n {args.rounds}: at least 1 (see 'rtva bench latency --help')")
    times, wall_s = measure(args, bench_progress.counted(range(args.rounds), args.rounds, "latency"))
    rows = figures(times)
    show(args, rows, len(times) / wall_s)
    return 0


def run_throughput(args: argparse.Namespace) -> int:
    if not 0 < args.seconds < 86_400:
        raise UsageError(f"--seconds {args.seconds:g}: between 0 and a day (see 'rtva bench throughput --help')")
    times, wall_s = measure(args, bench_progress.for_seconds(args.seconds, "throughput"))
    rows = figures(times)
    show(args, rows, len(times) / wall_s)
    return 0


def measure(args: argparse.Namespace, rounds: Iterable[object]) -> tuple[list[Times], float]:
    """The stages' milliseconds of one utterance a round, and the seconds that all of them took."""
    from firmware_py.pipeline import VoicePipeline

    if args.plot:
        bench_plot.check(args.plot)
    with VoicePipeline(uncached(common.load_config(args))) as pipeline, tempfile.TemporaryDirectory() as folder:
        pipeline.initialize_components()
        common.note(pipeline.notes)
        sounds = [load(file) for file in args.files or ask_aloud(pipeline, Path(folder))]
        work = worker(pipeline, args.stage, sounds)
        for sound in sounds:
            work(sound)
        began, times = time.perf_counter(), []
        for _, sound in zip(rounds, itertools.cycle(sounds)):
            times.append(work(sound))
        return times, time.perf_counter() - began


def load(file: Path) -> Pcm16:
    from firmware_py.audio.recording import load as decode

    return decode(file)


def worker(pipeline: Any, stage: str, sounds: Sequence[Pcm16]) -> Callable[[Pcm16], Times]:
    """Takes an utterance through the stages, or through the one alone with what the others make of it prepared."""
    from firmware_py import app
    from firmware_py.controls import NoLoudspeaker
    from firmware_py.draft import StageClock, work_on

    def all_stages(sound: Pcm16) -> Times:
        app.begin_conversation(pipeline, NoLoudspeaker(), act=False)
        done = work_on(event_of(sound), pipeline.stations, StageClock())
        done.close()
        return {name: done.stages_ms.get(name, 0.0) for name in MARKS}

    if stage == "all":
        return all_stages
    prepared = {id(sound): inputs(pipeline, sound) for sound in sounds} if stage != "stt" else {}

    def one(sound: Pcm16) -> Times:
        app.begin_conversation(pipeline, NoLoudspeaker(), act=False)
        stations, given = pipeline.stations, prepared.get(id(sound), {})
        began = time.perf_counter_ns()
        if stage == "stt":
            stations.stt.transcribe(sound)
        elif stage == "nlu":
            stations.understanding.understand(given["text"])
        elif stage == "reply":
            stations.responder.prepare(given["understood"])
        else:
            first_chunk(stations.tts, given["reply"])
        return {stage: (time.perf_counter_ns() - began) / 1e6}

    return one


def inputs(pipeline: Any, sound: Pcm16) -> dict[str, Any]:
    """What each stage is given for this utterance."""
    text = pipeline.stt.transcribe(sound).text
    understood = pipeline.understanding.understand(text)
    reply = pipeline.responder.prepare(understood).text if text else ""
    if not reply:
        raise UsageError(
            f"--stage: a recording of {sound.size / RATE_HZ:.1f} s was not answered; give other recordings"
        )
    return {"text": text, "understood": understood, "reply": reply}


def first_chunk(tts: Any, reply: str) -> None:
    chunks = tts.synthesize(reply)
    next(chunks, None)
    chunks.close()


def event_of(sound: Pcm16) -> TurnEvent:
    """The endpoint of an utterance that is the whole recording."""
    return TurnEvent(Kind.ENDPOINT, sound.size, 0, 0, sound.size, time.monotonic_ns(), sound)


def figures(times: Sequence[Times]) -> dict[str, Times]:
    """Average and percentiles a stage, and of the sum of the stages as ``total``."""
    rows = {stage: percentiles([one[stage] for one in times]) for stage in times[0]}
    return {**rows, "total": percentiles([sum(one.values()) for one in times])} if len(rows) > 1 else rows


def show(args: argparse.Namespace, rows: dict[str, Times], per_second: float) -> None:
    names = {stage: ROWS.get(stage, "Total") for stage in rows}
    if args.json:
        for stage, row in rows.items():
            common.emit({"stage": stage, "name": names[stage], **row, "utterances_per_second": round(per_second, 3)})
    else:
        headline = rows.get("total") or next(iter(rows.values()))
        for figure, title in FIGURES.items() if args.run is run_latency else ():
            print(f"{title}: {headline[figure]:.2f}ms")
        print(f"Throughput: {per_second:.2f} utterances/second\n")
        print(f"{'':20}" + "".join(f"{title.split()[0]:>11}" for title in FIGURES.values()))
        for stage, row in rows.items():
            print(f"{names[stage]:20}" + "".join(f"{row[figure]:9.2f}ms" for figure in FIGURES))
    if args.plot:
        title = f"milliseconds an utterance, {per_second:.2f} utterances/second"
        bench_plot.percentile_bars(args.plot, title, {names[stage]: row for stage, row in rows.items()})
