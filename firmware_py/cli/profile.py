"""``rtva profile``: the guide's table of stages with their shares, measured on real turns, with drafts and without.

A turn with a draft waits after the endpoint only for what the draft had not finished, so its table counts that wait;
what the stages cost stands beside it. The cache of rendered speech is off. Every figure is the difference of two marks
of the turn, or a stage's two ends.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firmware_py.cli import bench_plot, bench_progress, bench_rows, common, profile_trend
from firmware_py.cli.bench_speech import ask_aloud, uncached
from firmware_py.errors import UsageError
from firmware_py.events import TurnTrace

MEANING = {
    "drafted": "Drafted turns: what is waited for after the endpoint (medians of {turns})",
    "undrafted": "Turns without drafts: every stage after the endpoint (medians of {turns})",
}
MODES: dict[str, dict[str, Any]] = {
    "drafted": {"pipeline.processing.mode": "async", "stt.streaming": True},
    "undrafted": {"pipeline.processing.mode": "sync"},
}
GAPS = {"answer_latency_ms": "play_first - endpoint", "response_gap_ms": "heard - speech_end"}


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("profile", help="time a stage takes", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings; default: four questions")
    parser.add_argument("-n", "--turns", type=int, default=8, help="turns to measure of each kind (default: 8)")
    parser.add_argument("--drafts", choices=("both", "on", "off"), default="both", help="which turns (default: both)")
    parser.add_argument("--pace", choices=("real", "fast"), default="fast", help="real time, or as fast as it goes")
    parser.add_argument("--intents", type=Path, metavar="F", help="sentence templates beside the built-in ones")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the middle turn of each kind over time")
    parser.add_argument("--trend", action="store_true", help="keep the result, and compare it with those before")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.pipeline import VoicePipeline

    if args.turns < 1:
        raise UsageError(f"--turns {args.turns}: at least 1 (see 'rtva profile --help')")
    if args.plot:
        bench_plot.check(args.plot)
    config = uncached(common.with_intents(common.load_config(args), args.intents))
    with VoicePipeline(config, leaves_core=True) as pipeline, tempfile.TemporaryDirectory() as folder:
        pipeline.initialize_components()
        common.note(pipeline.notes)
        modes = modes_of(args.drafts, pipeline.drafts)
        files = args.files or ask_aloud(pipeline, Path(folder))
        found = {mode: measure(args, pipeline, files, mode) for mode in modes}
    show(args, found)
    if args.trend:
        mode, turns = next(iter(found.items()))
        conditions = {"pace": args.pace, "inputs": profile_trend.inputs_of(args.files), "preset": args.preset}
        profile_trend.keep(summary(turns, mode), conditions)
    if args.plot:
        bench_plot.waterfall(args.plot, [(f"{mode} turn", middle(turns)) for mode, turns in found.items()])
    return 0


def modes_of(drafts: str, configured: bool) -> list[str]:
    """The kinds of turn to measure, that of the configuration first."""
    if drafts != "both":
        return ["drafted" if drafts == "on" else "undrafted"]
    return ["drafted", "undrafted"] if configured else ["undrafted", "drafted"]


def measure(args: argparse.Namespace, pipeline: Any, files: Sequence[Path], mode: str) -> list[TurnTrace]:
    """The first answered turn of each recording in turn, each in a conversation of its own."""
    from firmware_py import app
    from firmware_py.controls import NoLoudspeaker

    pipeline.config = pipeline.config.with_values(MODES[mode])
    walk = app.replay if args.pace == "fast" else app.converse
    traces = []
    for file in bench_progress.counted(itertools.islice(itertools.cycle(files), args.turns), args.turns, mode):
        app.begin_conversation(pipeline, NoLoudspeaker(), act=False)
        answered = [answer.trace for answer in walk(pipeline, file) if answer.trace.reply]
        if not answered:
            raise UsageError(f"nothing in {file} was answered; give other recordings")
        traces.append(answered[0])
    return traces


def middle(turns: Sequence[TurnTrace]) -> TurnTrace:
    """The turn whose response gap is the middle one."""
    return sorted(turns, key=lambda turn: turn.response_gap_ms or 0.0)[len(turns) // 2]


def summary(turns: Sequence[TurnTrace], mode: str) -> dict[str, Any]:
    """One kind of turn as ``--json`` prints it."""
    cost = [bench_rows.costs(turn) for turn in turns]
    *stages, total = bench_rows.graded([bench_rows.waits(turn) for turn in turns], cost)
    gaps = {name: [g for turn in turns if (g := getattr(turn, name)) is not None] for name in GAPS}
    return {
        "mode": mode,
        "stages": stages,
        "total": total,
        "total_ms": total["ms"],
        "turns": len(turns),
        "statistic": "median",
        **{name: bench_rows.percentiles(values) for name, values in gaps.items() if values},
        "draft_ready": sum(turn.draft_ready for turn in turns) / len(turns),
        "drafts_discarded": sum(turn.drafts_discarded for turn in turns) / len(turns),
    }


def show(args: argparse.Namespace, found: dict[str, list[TurnTrace]]) -> None:
    first, *others = (summary(turns, mode) for mode, turns in found.items())
    if args.json:
        common.emit({**first, "pace": args.pace, **{other["mode"]: other for other in others}})
        return
    for number, one in enumerate((first, *others)):
        print(("\n" if number else "") + MEANING[one["mode"]].format(turns=one["turns"]) + "\n")
        print_table(one)
        print_goals(one)


def print_table(one: dict[str, Any]) -> None:
    """As the guide prints it, "Built-in Profiling"."""
    for row in one["stages"]:
        print(f"{row['name'] + ':':20} {row['ms']:6.2f}ms ({row['share']:5.1%})")
    print("-" * 32 + f"\n{'TOTAL LATENCY:':20} {one['total_ms']:6.2f}ms")


def print_goals(one: dict[str, Any]) -> None:
    """Each row against the guide's Latency Goals, and what a person feels."""
    print(f"\n{'against the goals':20} {'P50':>9} {'':17} {'P95':>9} {'':17}  stage's cost, P50")
    for row in (*one["stages"], one["total"]):
        p50, p95 = (f"{row[p]:7.2f}ms {row[g]:17}" for p, g in (("p50_ms", "grade"), ("p95_ms", "grade_p95")))
        print(f"{row['name']:20} {p50} {p95} {row['cost_p50_ms']:8.2f}ms")
    for name, marks in GAPS.items():
        if name in one:
            title = f"{name.removesuffix('_ms').replace('_', ' ')} ({marks})"
            print(f"{title:39} P50 {one[name]['p50_ms']:7.2f}ms   P95 {one[name]['p95_ms']:7.2f}ms")
    if one["mode"] == "drafted":
        print(
            f"drafts ready at the endpoint: {one['draft_ready']:.0%}; thrown away: {one['drafts_discarded']:.2f} a turn"
        )
