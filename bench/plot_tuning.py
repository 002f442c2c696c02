"""Draws what ``bench_tuning.py`` and ``bench_matrix.py`` measured, a picture a knob, for ``docs/tuning.md``.

    python bench/plot_tuning.py bench/results/tuning.json bench/results/matrix.json [--out docs/img]

Wants matplotlib, which the project does not depend on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Rows = dict[str, dict[str, Any]]
BLUE, ORANGE, GREEN, RED = "tab:blue", "tab:orange", "tab:green", "tab:red"
SIZE = (6.4, 3.2)


def series(rows: Rows, prefix: str, key: str, suffix: str = "") -> tuple[list[float], list[float]]:
    """The rows ``PREFIX number SUFFIX`` in the order of their numbers."""
    found = []
    for name, row in rows.items():
        words = name.removeprefix(f"{prefix} ").split(" ", 1)
        if name.startswith(f"{prefix} ") and (words[1] if len(words) > 1 else "") == suffix and row[key] is not None:
            found.append((float(words[0]), float(row[key])))
    return [x for x, _ in sorted(found)], [y for _, y in sorted(found)]


def line(axis: Any, data: tuple[list[float], list[float]], colour: str, label: str, style: str = "o-") -> None:
    axis.plot(*data, style, color=colour, label=label, markersize=4)


def pair(title: str, x: str, left: str, right: str) -> tuple[Any, Any, Any]:
    """A picture with two scales."""
    figure, axis = plt.subplots(figsize=SIZE)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(x)
    axis.set_ylabel(left, color=BLUE)
    axis.grid(alpha=0.3)
    other = axis.twinx()
    other.set_ylabel(right, color=ORANGE)
    return figure, axis, other


def ticks(axis: Any, values: list[float], is_log: bool = True) -> None:
    if is_log:
        axis.set_xscale("log", base=2)
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.minorticks_off()


def with_default(live: Rows, prefix: str, value: int) -> Rows:
    return {**live, f"{prefix} {value}": live["default"]}


def chunk(found: dict[str, Rows], matrix: Any) -> Any:
    rows = with_default(found["live"], "chunk", 1024)
    figure, axis, other = pair(
        "audio.input.chunk_size", "samples a period (16 kHz)", "response gap, ms", "lost, ms a minute"
    )
    line(axis, series(rows, "chunk", "gap_ms"), BLUE, "gap, median")
    line(other, series(found["dropouts"], "chunk", "lost_ms_a_minute", "busy"), ORANGE, "lost, cores busy twice over")
    line(other, series(found["dropouts"], "chunk", "lost_ms_a_minute", "idle"), ORANGE, "lost, idle", "x:")
    ticks(axis, series(rows, "chunk", "gap_ms")[0])
    other.legend(fontsize=7, loc="upper center")
    return figure


def buffer(found: dict[str, Rows], matrix: Any) -> Any:
    rows = with_default(found["live"], "buffer", 2048)
    figure, axis, other = pair(
        "audio.output.buffer_size", "samples (22.05 kHz)", "response gap, ms", "gaps in what is spoken"
    )
    line(axis, series(rows, "buffer", "gap_ms"), BLUE, "gap, median")
    line(other, series(found["underruns"], "buffer", "underruns"), ORANGE, "ran empty, cores busy twice over")
    line(other, series(rows, "buffer", "underruns"), ORANGE, "ran empty, idle", "x:")
    ticks(axis, series(rows, "buffer", "gap_ms")[0])
    other.legend(fontsize=7, loc="upper center")
    return figure


def context(found: dict[str, Rows], matrix: Any) -> Any:
    rows = found["recognition"]
    figure, axis, other = pair(
        "context of the encoder", "frames of 20 ms", "recognition, ms", "of 100 words differ; retries"
    )
    line(axis, series(rows, "context", "ms"), BLUE, "median")
    x, differ = series(rows, "context", "words_differ")
    line(other, (x, [100 * value for value in differ]), ORANGE, "words unlike the full context, %")
    line(other, series(rows, "context", "retries"), RED, "retries at the full context", "x:")
    ticks(axis, x)
    other.legend(fontsize=7, loc="upper center")
    return figure


def workers(found: dict[str, Rows], matrix: Any) -> Any:
    figure, axis, other = pair("stt.optimization.num_workers", "threads", "recognition, ms", "processor time, ms")
    line(axis, series(found["recognition"], "num_workers", "ms"), BLUE, "")
    line(other, series(found["recognition"], "num_workers", "cpu_ms"), ORANGE, "")
    ticks(axis, series(found["recognition"], "num_workers", "ms")[0], is_log=False)
    return figure


def model(found: dict[str, Rows], matrix: Any) -> Any:
    """Time against accuracy of each model and precision."""
    figure, axis = plt.subplots(figsize=SIZE)
    axis.set_title("stt.model and compute_type", fontsize=10)
    first = min(row["threads"] for row in matrix["rows"])
    for row in (row for row in matrix["rows"] if row["threads"] == first):
        axis.plot(row["median_ms"], 100 * row["right"], "o", color=BLUE if "tiny" in row["model"] else ORANGE)
        label = f"{row['model']} {row['precision']}"
        place = (4, 5) if row["precision"] == "float16" else (4, -9)
        at = (row["median_ms"], 100 * row["right"])
        axis.annotate(label, at, fontsize=7, xytext=place, textcoords="offset points")
    axis.set_xlabel(f"recognition of an order, ms, {first} thread")
    axis.set_ylabel("% of orders wholly right")
    axis.set_xlim(0, 1.25 * max(row["median_ms"] for row in matrix["rows"] if row["threads"] == first))
    axis.margins(y=0.15)
    axis.grid(alpha=0.3)
    return figure


def hangover(found: dict[str, Rows], matrix: Any) -> Any:
    figure, axis = plt.subplots(figsize=SIZE)
    axis.set_title("vad.hangover_ms, a fixed silence", fontsize=10)
    for kind, colour in (("as recorded", BLUE), ("with a pause", ORANGE)):
        x, cut = series(found["hangover"], "hangover", "cut", kind)
        whole = series(found["hangover"], "hangover", "sentences", kind)[1]
        title = "with a pause of 250 to 600 ms in it" if kind == "with a pause" else kind
        line(axis, (x, [100 * c / n for c, n in zip(cut, whole, strict=True)]), colour, title)
    axis.set_xlabel("ms of silence, all of it in the response gap")
    axis.set_ylabel("% of sentences cut")
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)
    return figure


def aggressiveness(found: dict[str, Rows], matrix: Any) -> Any:
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.2))
    shown = (
        ("false_turns_a_minute", "false alarms: turns a minute of noise", 1.0),
        ("missed_in_noise", "misses: % of voiced frames, 5 dB", 100.0),
        ("endpoint_ms", "delay: ms from last sound to endpoint", 1.0),
    )
    for axis, (key, title, scale) in zip(axes, shown, strict=True):
        for engine, colour in (("silero", BLUE), ("webrtc", ORANGE)):
            x, y = series(found["vad"], "aggressiveness", key, engine)
            line(axis, (x, [scale * value for value in y]), colour, engine)
        axis.set_title(title, fontsize=8)
        axis.set_xticks([0, 1, 2, 3])
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.supxlabel("vad.aggressiveness", fontsize=9)
    return figure


def padding(found: dict[str, Rows], matrix: Any) -> Any:
    figure, axis, other = pair(
        "vad.padding_duration_ms", "ms before the first voiced frame", "% that begin too late", "% of words differ"
    )
    x, cut = series(found["vad"], "padding", "cut")
    turns = series(found["vad"], "padding", "turns")[1]
    line(axis, (x, [100 * c / n for c, n in zip(cut, turns, strict=True)]), BLUE, "")
    line(other, (x, [100 * value for value in series(found["vad"], "padding", "words_differ")[1]]), ORANGE, "")
    return figure


def least_speech(found: dict[str, Rows], matrix: Any) -> Any:
    figure, axis, other = pair(
        "vad.min_speech_duration_ms", "ms of voiced sound", "known after, ms (short words)", "count"
    )
    line(axis, series(found["vad"], "min_speech", "known_ms"), BLUE, "")
    line(other, series(found["vad"], "min_speech", "missed"), ORANGE, "short words missed, of 24")
    line(other, series(found["vad"], "min_speech", "false_turns_a_minute"), RED, "false turns a minute of noise", "x:")
    other.legend(fontsize=7)
    return figure


def stages(found: dict[str, Rows], matrix: Any) -> Any:
    names = ["default", "mode sync", "stt.streaming off", "tts.streaming off", "max_workers 1"]
    figure, axis = plt.subplots(figsize=SIZE)
    places = list(range(len(names)))
    for shift, (key, colour, label) in zip(
        (-0.2, 0.2), (("answer_ms", ORANGE, "answer latency"), ("gap_ms", BLUE, "response gap")), strict=True
    ):
        axis.bar([p + shift for p in places], [found["live"][n][key] for n in names], 0.4, color=colour, label=label)
    axis.set_xticks(places, names, fontsize=7)
    axis.set_ylabel("ms, median")
    axis.set_title("mode, streaming, workers", fontsize=10)
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3, axis="y")
    return figure


PICTURES: dict[str, Callable[[dict[str, Rows], Any], Any]] = {
    "chunk": chunk,
    "buffer": buffer,
    "context": context,
    "workers": workers,
    "model": model,
    "hangover": hangover,
    "aggressiveness": aggressiveness,
    "padding": padding,
    "min-speech": least_speech,
    "stages": stages,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tuning", type=Path)
    parser.add_argument("matrix", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    args = parser.parse_args()
    found = {part: told["rows"] for part, told in json.loads(args.tuning.read_text()).items()}
    matrix = json.loads(args.matrix.read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    plt.rcParams["svg.fonttype"] = "none"
    plt.rcParams["svg.hashsalt"] = "rtva"
    for name, draw in PICTURES.items():
        figure = draw(found, matrix)
        for axis in figure.axes if name != "model" else ():
            axis.set_ylim(bottom=0)
        figure.tight_layout()
        figure.savefig(args.out / f"tuning-{name}.svg", metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
