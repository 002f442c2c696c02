"""``rtva status``: what the running service is doing; ``--follow`` keeps looking."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from firmware_py.cli import common, control
from firmware_py.errors import understood
from firmware_py.events import RATE_HZ

LOOK_S = 0.25
BAR_CELLS = 30
QUIETEST_DB = -90.0
COLUMNS = ("answer", "gap", "audio", "vad", "stt", "nlu", "respond", "reply", "tts")


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("status", help="the running service", description=__doc__)
    parser.add_argument("--follow", action="store_true", help="a live view, until it is interrupted")
    control.add_socket(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with control.talk(control.find(args)) as conversation:
        while True:
            status = conversation.ask("status")
            with understood():
                text = "\n".join(view(status))
            if args.json:
                common.emit(status)
            elif args.follow and sys.stdout.isatty():
                print("\x1b[H\x1b[J" + text, flush=True)
            else:
                print(text, flush=True)
            if not args.follow:
                return 0
            time.sleep(LOOK_S if sys.stdout.isatty() or args.json else 1.0)


def view(status: dict[str, Any]) -> Iterator[str]:
    """The status as a person reads it."""
    counts, totals = status["counts"], status["totals"]
    yield f"rtva {status['version']}: {status['state']} for {status['since_s']:.0f} s"
    silent = ", silent" if status["is_silent"] else ""
    why = f" ({status['microphone_why']})" if status.get("microphone_why") else ""
    yield f"microphone {status['microphone'] or 'not open yet'}{why}, volume {status['volume']} %{silent}"
    if status["level_db"] is not None:
        yield f"level  {bar(status['level_db'])} {status['level_db']:6.1f} dB, floor {status['floor_db']:.1f} dB"
    yield f"alerts: {', '.join(f'{name} ({value:g})' for name, value in status['alerts'].items()) or 'none'}"
    yield from _wake(status.get("wake", {}))
    yield from _interruption(status.get("interruption", {}))
    yield from _near(status.get("near", {}))
    if steps := status.get("governor", {}).get("steps"):
        yield "works lighter: " + ", ".join(f"{step['name']} ({step['reason']})" for step in steps)
    if counts:
        yield (
            f"turns {counts['turns']} (ever {totals.get('turns', 0)}), waiting {counts['waiting']}, "
            f"failed {counts['errors']}, shed {counts['shed']}, lost samples {counts['lost_samples']}"
        )
        yield from _faults(status.get("faults", {}), counts.get("absent_samples", 0) / RATE_HZ)
    if fired := {name: count for name, count in status.get("guards", {}).items() if count}:
        yield "guards: " + ", ".join(f"{name} {count}" for name, count in fired.items())
    if status.get("capture", {}).get("is_on"):
        capture = status["capture"]
        yield f"debug capture is ON for {capture['left_s']:.0f} s more: what is said is stored in {capture['folder']}"
    if status.get("record", {}).get("is_on"):
        yield f"a recording is ON: what is said is stored in {status['record']['folder']}"
    yield from _faces(status["faces"])
    for name, cache in status.get("caches", {}).items():
        yield f"cache of {name}: {cache['hits']} hits, {cache['misses']} misses"
    if asked := status.get("language_model"):
        yield "language model: " + ", ".join(f"{what.replace('_', ' ')} {count}" for what, count in asked.items())
    if any((deeds := status.get("own_commands", {})).values()):
        yield "own commands: " + ", ".join(f"{count} {what}" for what, count in deeds.items())
    yield from _workers(status["workers"])
    yield from _latencies(status["latency_ms"])
    for turn in status["turns"]:
        answer = f"{turn['answer_ms']:.0f} ms" if turn["answer_ms"] is not None else "no answer"
        yield f"  {turn['transcript']!r} -> {turn['intent'] or 'not understood'}: {turn['reply']!r} ({answer})"


def bar(level_db: float) -> str:
    """A level between ``QUIETEST_DB`` and 0 dB below full scale."""
    cells = round(BAR_CELLS * min(max(1 - level_db / QUIETEST_DB, 0.0), 1.0))
    return "#" * cells + "." * (BAR_CELLS - cells)


def _wake(told: dict[str, Any]) -> Iterator[str]:
    """Whether the wake word is waited for, and how often each was heard and nearly heard."""
    if words := told.get("words"):
        heard = "; ".join(f"{name} {n['heard']} heard, {n['near']} near" for name, n in words.items())
        state = "the ear is open" if told["is_open"] else "wake word waited for"
        yield f"{state}: {heard}; {told['unused']} unused"


def _interruption(told: dict[str, Any]) -> Iterator[str]:
    """What ends an answer; empty while the service starts."""
    if "wanted" not in told:
        return
    echo, by = told["echo"], told["by"].replace("_", " ")
    taken = echo.get("erle_db")
    heard = f"; {taken:g} dB of its own voice taken out" if taken is not None and not told["why"] else ""
    why = f" instead of {told['wanted'].replace('_', ' ')}: {told['why']}" if told["why"] else ""
    yield f"interrupted by {by}{why}, {told['count']} times{heard}"


def _near(told: dict[str, Any]) -> Iterator[str]:
    """How loud orders usually are; empty until that is known."""
    if told.get("least_db") is not None:
        usual = f"orders usually have {told['usual_db']:g} dB; " if told["usual_db"] is not None else ""
        yield f"{usual}what stays below {told['least_db']:g} dB is far away"


def _faults(faults: dict[str, int], absent_s: float) -> Iterator[str]:
    """What went wrong with the microphone since the start, and for how long there was none."""
    told = [f"{name.removeprefix('microphone_')} {count}" for name, count in faults.items() if count]
    if told or absent_s >= 1:
        yield f"microphone faults: {', '.join(told) or 'none'}; closed or away for {absent_s:.0f} s"


def _faces(faces: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a face, and what it was too slow for."""
    for name, state in faces.get("state", {}).items():
        if state != "on":
            yield f"{name}: {state}"
    if dropped := faces.get("dropped"):
        yield "dropped, for nobody took them: " + ", ".join(f"{count} of {name}" for name, count in dropped.items())
    if refused := faces.get("refused"):
        yield f"clients of the control socket turned away: {refused}"


def _workers(workers: list[dict[str, Any]]) -> Iterator[str]:
    for worker in workers:
        size = worker["rss_bytes"] / 1e6
        failed = f", {worker['crashed']} crashed, {worker['killed']} killed"
        why = f" ({worker['last_failure']})" if worker["state"] == "restarting" and worker["last_failure"] else ""
        yield f"{worker['kind']} {worker['name']}: {worker['state']}{why}, {size:.0f} MB{failed}"


def _latencies(latency_ms: dict[str, dict[str, float]]) -> Iterator[str]:
    if not latency_ms:
        return
    yield f"{'stage, ms':<10}{'mean':>9}{'p50':>9}{'p95':>9}{'p99':>9}"
    for name in sorted(latency_ms, key=lambda n: (COLUMNS.index(n) if n in COLUMNS else len(COLUMNS), n)):
        spread = latency_ms[name]
        yield f"{name:<10}" + "".join(f"{spread[key]:>9.1f}" for key in ("mean", "p50", "p95", "p99"))
