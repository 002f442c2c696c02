"""``rtva top``: the running service at a glance, renewed until it is interrupted."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py.cli import control, status
from firmware_py.errors import Unavailable, UsageError, understood
from firmware_py.telemetry.goals import GOALS_MS, grade
from firmware_py.telemetry.waterfall import drawn, waterfall

STAGES = {"audio": "audio", "vad": "vad", "stt": "stt", "nlu": "nlu", "reply": "reply", "tts_first": "tts_first",
          "answer": "total", "gap": ""}  # fmt: skip
"""A row of the table -> the guide's goal that it is held against, "" without one."""
COLOURS = {"target": 32, "acceptable": 33, "needs improvement": 31, "head": 1, "bad": 31}
NARROWEST = 40
QUICKLY_S = 1.0
SLOWLY_S = 5.0
INTERVAL_TEXT = f"seconds between two frames ({QUICKLY_S:g}; in a pipe {SLOWLY_S:g})"


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("top", help="the running service at a glance, live", description=__doc__)
    parser.add_argument("--once", action="store_true", help="print one frame and end")
    parser.add_argument("--interval", type=float, metavar="S", help=INTERVAL_TEXT)
    control.add_socket(parser)
    parser.set_defaults(run=run)


class Screen:
    """A terminal that can be redrawn, or one that cannot (``TERM=dumb``, a pipe): there frames follow each other."""

    def __init__(self) -> None:
        is_terminal = sys.stdout.isatty()
        self.is_smart = is_terminal and os.environ.get("TERM", "dumb") not in ("", "dumb")
        self.has_colour = self.is_smart and "NO_COLOR" not in os.environ

    def size(self) -> tuple[int, int]:
        columns, lines = shutil.get_terminal_size((80, 50))
        return max(columns, NARROWEST), lines if self.is_smart else 1000

    def paint(self, text: str, kind: str) -> str:
        return f"\x1b[{COLOURS[kind]}m{text}\x1b[0m" if self.has_colour and kind in COLOURS else text

    def show(self, lines: list[str]) -> None:
        if self.is_smart:
            print("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", end="", flush=True)
        else:
            print("\n".join(lines) + "\n", flush=True)


def run(args: argparse.Namespace) -> int:
    if args.interval is not None and not 0.1 <= args.interval <= 3600:
        raise UsageError("--interval: 0.1 to 3600 seconds; see 'rtva top --help'")
    screen, path = Screen(), control.find(args)
    if args.once:
        screen.is_smart = False
        screen.show(picture(path, screen))
        return 0
    interval_s = args.interval or (QUICKLY_S if screen.is_smart else SLOWLY_S)
    if screen.is_smart:
        print("\x1b[2J", end="")
    while True:
        try:
            screen.show(picture(path, screen))
        except Unavailable as error:
            screen.show([f"rtva: {error}", "waiting for the service ..."])
        time.sleep(interval_s)


def picture(path: Path, screen: Screen) -> list[str]:
    """A frame of what the service tells now. Raises Unavailable."""
    with understood():
        return frame(*look(path), screen)


def look(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Status and last turn; a connection each time, so that none is held."""
    with control.talk(path) as conversation:
        return conversation.ask("status"), conversation.ask("trace", "1")["traces"]


def frame(told: dict[str, Any], traces: list[dict[str, Any]], screen: Screen) -> list[str]:
    """One picture, cut to the terminal's size."""
    columns, lines = screen.size()
    picture = [*_head(told, screen, columns), "", *_stages(told, screen), "", *_workers(told), *_turns(told, columns)]
    for trace in traces:
        picture += _waterfall(trace, columns)
    return picture[: lines - 1]


def _head(told: dict[str, Any], screen: Screen, columns: int) -> Iterator[str]:
    state, since = told["state"], _span(told["since_s"])
    is_bad = state in ("error", "no_microphone", "degraded")
    yield (
        screen.paint(f"rtva {told['version']}  ", "head")
        + screen.paint(state, "bad" if is_bad else "head")
        + f" {since}"
    )
    silent = ", silent" if told["is_silent"] else ""
    yield f"microphone {told['microphone'] or 'not open'}   volume {told['volume']} %{silent}"
    if told["level_db"] is not None:
        yield f"level  {status.bar(told['level_db'])} {told['level_db']:6.1f} dB  floor {told['floor_db']:.1f}"
    alerts = ", ".join(f"{name} {value:g}" for name, value in told["alerts"].items())
    yield screen.paint(f"alerts {alerts}", "bad") if alerts else "alerts none"
    yield " ".join(f"{key} {value}" for key, value in _machine(told.get("machine", {})))[:columns]
    counts = told["counts"]
    if counts:
        yield (
            f"queue  {counts['waiting']} waiting, {counts['shed']} shed   turns {counts['turns']}"
            f" (ever {told['totals'].get('turns', counts['turns'])}), {counts['errors']} failed"
        )
        yield (
            f"lost   {counts['lost_samples']} samples, overrun {counts['overrun_samples']}"
            f"   drafts thrown away {counts['drafts_discarded']}"
        )
    yield from _wake(told.get("wake", {}))
    for name in ("capture", "record"):
        if told.get(name, {}).get("is_on"):
            yield screen.paint(f"{name} is ON, {told[name]['left_s']:.0f} s more: what is said is stored", "bad")


def _wake(wake: dict[str, Any]) -> Iterator[str]:
    """Each word with how often it was heard and nearly heard, and the newest of either."""
    words = [f"{name} {n['heard']} heard, {n['near']} near" for name, n in wake.get("words", {}).items()]
    if words:
        last = wake["last"]
        newest = f"   last {last['word']} {last['score']:.2f}" if last else ""
        yield f"wake   {'open' if wake['is_open'] else 'asleep'}   {'; '.join(words)}{newest}"


def _machine(machine: dict[str, Any]) -> Iterator[tuple[str, str]]:
    units = {"cpu_percent": ("cpu", " %"), "memory_percent": ("memory", " %"), "gpu_percent": ("gpu", " %"),
             "temperature_c": ("temperature", " °C"), "utterances_per_minute": ("a minute", "")}  # fmt: skip
    for key, (name, unit) in units.items():
        if machine.get(key) is not None:
            yield name, f"{machine[key]:.0f}{unit}  "


def _stages(told: dict[str, Any], screen: Screen) -> Iterator[str]:
    latency = told["latency_ms"]
    if not latency:
        yield "no turn within the last five minutes"
        return
    yield screen.paint(f"{'ms':10}{'mean':>8}{'p50':>8}{'p95':>8}{'p99':>8}  goal", "head")
    for name in [*STAGES, *sorted(set(latency) - set(STAGES))]:
        if name not in latency:
            continue
        spread, goal = latency[name], STAGES.get(name, "")
        row = f"{name:10}" + "".join(f"{spread[key]:8.1f}" for key in ("mean", "p50", "p95", "p99"))
        if goal:
            word = grade(goal, spread["p95"])
            row += f"  <{GOALS_MS[goal][0]:.0f}, <{GOALS_MS[goal][1]:.0f}: " + screen.paint(word, word)
        yield row


def _workers(told: dict[str, Any]) -> Iterator[str]:
    for worker in told["workers"]:
        failed = f", {worker['crashed']} crashed, {worker['killed']} killed"
        yield f"{worker['kind']} {worker['name']}: {worker['state']}, {worker['rss_bytes'] / 1e6:.0f} MB{failed}"


def _turns(told: dict[str, Any], columns: int) -> Iterator[str]:
    for turn in told["turns"][-4:]:
        took = "  -  " if turn["answer_ms"] is None else f"{turn['answer_ms']:4.0f} "
        yield f"{took} {turn['transcript']!r} -> {turn['intent'] or '?'}: {turn['reply']!r}"[:columns]


def _waterfall(turn: dict[str, Any], columns: int) -> Iterator[str]:
    trace = turn["trace"]
    bars = waterfall(trace["marks_ms"], trace["stages_ms"]) if trace else []
    if bars:
        yield "last turn, ms since the last word"
    for bar, line in zip(bars, drawn(bars, max(10, columns - 26)), strict=True):
        yield f"{bar.name:9}|{line}|{bar.start_ms:6.0f}..{bar.end_ms:.0f}"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"for {seconds / size:.0f} {unit}"
    return f"for {seconds:.0f} s"
