"""``rtva trace [last|N]``: what the last turns of the running service did, when, and why."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from firmware_py.cli import common, control
from firmware_py.errors import UsageError, understood
from firmware_py.status.commands import TRACES
from firmware_py.telemetry.waterfall import drawn, waterfall

CELLS = 40
KINDS = {"endpoint": "silence", "too_long": "the longest utterance allowed (vad.max_utterance_s)"}


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("trace", help="what the last turns did and why", description=__doc__)
    parser.add_argument(
        "count", nargs="?", default="last", metavar="last|N", help=f"how many turns, {TRACES[0]} to {TRACES[-1]}"
    )
    control.add_socket(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.count != "last" and not (args.count.isdigit() and int(args.count[:4]) in TRACES):
        raise UsageError(f"trace {args.count}: 'last', or {TRACES[0]} to {TRACES[-1]}; see 'rtva trace --help'")
    answer = control.ask("trace", args.count, control.find(args))
    with understood():
        turns = answer["traces"]
        views = ["\n".join(view(turn)) for turn in turns]
    for turn, text in zip(turns, views, strict=True):
        if args.json:
            common.emit(turn)
        else:
            print(text)
    if not turns and not args.json:
        print("nobody has spoken yet")
    return 0


def view(turn: dict[str, Any]) -> Iterator[str]:
    """One turn as a person reads it."""
    ended = time.strftime("%H:%M:%S", time.localtime(turn["ended_at"]))
    yield f"turn {turn['number']} at {ended}: {turn['speech_s']:.2f} s of speech, {_end(turn)}"
    if turn["shed_before"]:
        yield f"  shed     {turn['shed_before']} before it: too many utterances waited (sound was not answered)"
    trace = turn["trace"]
    if trace is None:
        yield f"  failed   {turn['error']}"
        return
    yield f"  heard    {_heard(trace)}"
    yield f"  meant    {_meant(trace)}"
    yield f"  reply    {_reply(trace)}"
    if trace.get("actions"):
        yield f"  did      {', '.join(trace['actions'])}"
    yield f"  draft    {_draft(trace)}"
    yield f"  guards   {', '.join(trace['guards']) or 'none fired'}"
    bars = waterfall(trace["marks_ms"], trace["stages_ms"])
    for bar, line in zip(bars, drawn(bars, CELLS), strict=True):
        yield f"  {bar.name:9}|{line}| {bar.start_ms:7.0f} .. {bar.end_ms:.0f} ms"
    yield f"  latency  {_latency(trace['marks_ms'])}"


def _end(turn: dict[str, Any]) -> str:
    reason = (turn["trace"] or {}).get("endpoint_reason")
    why = f" ({reason})" if reason else ""
    return f"ended by {KINDS.get(turn['kind'], turn['kind'])} after {turn['silence_ms']} ms{why}"


def _heard(trace: dict[str, Any]) -> str:
    if not trace["transcript"]:
        return "nothing: no speech in it"
    how = f"guided, margin {trace['margin']:.1f} nats" if trace["is_guided"] else "open"
    believed = "" if trace["is_guided"] else ", not believed"
    score = f", score {trace['guided_score']:.2f}{believed}" if trace["guided_score"] else ""
    return f"{trace['transcript']!r} ({how}{score}; confidence {trace['confidence']:.2f})"


def _meant(trace: dict[str, Any]) -> str:
    if trace["intent"] is None:
        return "(not understood)" if trace["transcript"] else "-"
    slots = ", ".join(f"{name}={value}" for name, value in trace["slots"].items())
    return f"{trace['intent']}{f' {slots}' if slots else ''}, score {trace['score']:.2f}"


def _reply(trace: dict[str, Any]) -> str:
    return f"{trace['reply']!r}{' (from the cache)' if trace['is_cached'] else ''}" if trace["reply"] else "(none)"


def _draft(trace: dict[str, Any]) -> str:
    used = "not used: the work was done at the endpoint"
    if trace["draft_hit"]:
        used = "used, " + ("ready at the endpoint" if trace["draft_ready"] else "finished after the endpoint")
    thrown = trace["drafts_discarded"]
    return used + (f"; {thrown} thrown away before, speech went on" if thrown else "")


def _latency(marks_ms: dict[str, float | None]) -> str:
    pairs = (("answer", "play_first", "endpoint"), ("gap", "heard", "speech_end"))
    known = {
        name: late - early
        for name, last, first in pairs
        if (late := marks_ms[last]) is not None and (early := marks_ms[first]) is not None
    }
    return ", ".join(f"{name} {ms:.0f} ms" for name, ms in known.items()) or "no answer"
