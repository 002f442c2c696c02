"""Speech to text: model x precision x threads, with speed, memory and accuracy, beside the guide's figures.

    .venv/bin/python bench/bench_matrix.py [--quick] [--json FILE] [--out bench/results/matrix.md] [--clips 24]

Models: those of the manifest whose weights are here (``rtva models fetch base --type float16`` and so on). Accuracy is
the share of recorded orders (``$RTVA_RECORDINGS/coffee``, evenly picked) whose intent and slots are wholly right from
the open transcript. Each cell is a process of its own; a clip goes to all cells in turn before the next, so that a busy
machine is busy for all of them, and processor time stands beside the time that passed. Memory is what loading and work
added to the process.

A size without weights here is measured with random ones: a network's time and memory do not depend on what it knows.
Its time is one encode of 4 s of sound and 12 decoded tokens, and there is no accuracy.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from arguments import report_parser, tell
from cells import Answer, Cell
from matrix_report import report
from tables import is_busy, machine

from firmware_py import models
from firmware_py.errors import RtvaError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech")) / "coffee"
PRECISIONS = ("float16", "int8", "int4")
"""float32 is served by float16 (whisper.cpp aborts on a float32 file); its size is twice float16's."""

LAYERS = {"small": (768, 12, 12), "medium": (1024, 16, 24)}
"""Width, heads, layers of the sizes that may have no weights here (openai/whisper, ``ModelDimensions``)."""

TOKENS, SOUND_S = 12, 4
SPEED_CLIPS = 4
"""Clips on which every cell is timed; the rest are for what is heard."""


def recogniser(path: Path, threads: int, language: str) -> Callable[[str], str]:
    """A loaded and warmed engine: the name of a recording to its open text."""
    from firmware_py.audio.recording import load
    from firmware_py.stt.whisper_cpp import WhisperCpp

    engine = WhisperCpp(path, threads=threads, language=language)
    engine.warm()
    sounds: dict[str, Any] = {}

    def transcribe(sound: Any) -> str:
        if isinstance(sound, str):
            sounds[sound] = load(FOLDER / sound)
            return ""
        return engine.transcribe(sounds[sound["file"]]).text

    return transcribe


def network(path: Path, threads: int) -> Callable[[Any], int]:
    """The encoder and :data:`TOKENS` steps of the decoder, whatever comes out."""
    from firmware_py.stt import guards
    from firmware_py.stt.native import Native

    engine = Native(path, threads=threads, language="en")
    noise = np.random.default_rng(0).normal(0, 0.05, SOUND_S * 16000).astype(np.float32)

    def once(_: Any) -> int:
        engine.listen(noise, guards.audio_context(SOUND_S))
        return len(engine.open(TOKENS).tokens)

    return once


def random_model(size: str, kind: str, path: Path) -> Path:
    """A ggml file of a size's shape that knows nothing."""
    from firmware_py.weights import ggml
    from firmware_py.weights.whisper import Checkpoint, Dims, layout

    state, heads, layers = LAYERS[size]
    dims = Dims(51865, 1500, state, heads, layers, 448, state, heads, layers, 80)
    shapes = dict(layout(dims))
    generator = np.random.default_rng(0)
    block = (generator.standard_normal(1 << 20) * 0.02).astype(np.float16)

    def tensor(name: str) -> Any:
        return np.resize(block, shapes[name])

    with path.open("wb") as out:
        ggml.write(Checkpoint(size, dims, tuple(b" %d" % n for n in range(50257)), tensor), kind, out)
    return path


def here(quick: bool) -> list[dict[str, Any]]:
    """The cells whose weights are in the store."""
    cores = len(os.sched_getaffinity(0))
    counts = [cores] if quick else sorted({1, 2, cores} & set(range(1, cores + 1)))
    found = []
    for name in ("tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium"):
        for precision in PRECISIONS[:2] if quick else PRECISIONS:
            try:
                path = models.resolve(name, precision)
            except RtvaError:
                continue
            one = {"model": name, "precision": precision, "path": path}
            found += [{**one, "threads": threads} for threads in counts]
    return found


def measure(
    cells: list[dict[str, Any]], clips: list[str], labels: dict[str, Any], budget_s: float
) -> tuple[list[dict[str, Any]], int]:
    """A row a cell, and the clips that were done within the time.

    What is heard does not depend on the threads: after :data:`SPEED_CLIPS` only the first cell of a model and precision
    goes on.
    """
    from firmware_py.nlu.hassil import HassilUnderstanding

    understanding = HassilUnderstanding(templates=(FOLDER / "intents.yaml",), builtin=False)
    running = [(Cell(recogniser, c["path"], c["threads"], "en"), c) for c in cells]
    firsts = {(c["model"], c["precision"]): number for number, c in reversed(list(enumerate(cells)))}
    asked: list[list[Answer]] = [[] for _ in cells]
    until, done = time.monotonic() + budget_s, 0
    for clip in clips:
        if time.monotonic() > until:
            break
        done += 1
        for number, (cell, _) in enumerate(running):
            if done <= SPEED_CLIPS or number in firsts.values():
                cell.ask(clip)
                asked[number].append(cell.ask({"file": clip}))
    rows = []
    for number, (cell, spec) in enumerate(running):
        heard = asked[firsts[(spec["model"], spec["precision"])]]
        right = [
            _is_right(understanding.understand(a.value), labels[clip]) for a, clip in zip(heard, clips, strict=False)
        ]
        rows.append(_cell_row(spec, cell, asked[number][:SPEED_CLIPS], sum(right) / done))
        cell.close()
    return rows, done


def _is_right(understood: Any, label: dict[str, Any]) -> bool:
    return bool((understood.intent, dict(understood.slots)) == (label["intent"], label["slots"]))


def _cell_row(spec: dict[str, Any], cell: Cell, asked: list[Answer], right: float) -> dict[str, Any]:
    return {
        **{key: spec[key] for key in ("model", "precision", "threads")},
        "median_ms": round(statistics.median(a.ms for a in asked), 1),
        "cpu_ms": round(statistics.median(a.cpu_ms for a in asked), 1),
        "right": round(right, 3),
        "memory_mb": round(cell.memory().own_mb),
        "file_mb": _megabytes(spec["path"]),
        "load_ms": round(cell.load_ms),
    }


def without_weights() -> list[dict[str, Any]]:
    """Rows of the sizes whose weights are not here; those of the models that are beside them, measured the same way."""
    cores, rows = len(os.sched_getaffinity(0)), []
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: path for name in ("tiny.en", "base", *LAYERS) if (path := _resolved(name))}
        random = [size for size in LAYERS if size not in paths]
        paths |= {size: random_model(size, "q8_0", Path(folder) / f"{size}.bin") for size in random}
        for name, path in paths.items():
            with Cell(network, path, cores) as cell:
                cell.ask(None)
                asked = [cell.ask(None) for _ in range(5)]
                row = {"model": name, "is_random": name in random}
                row |= {"median_ms": round(statistics.median(a.ms for a in asked), 1)}
                row |= {"cpu_ms": round(statistics.median(a.cpu_ms for a in asked), 1)}
                rows.append({**row, "memory_mb": round(cell.memory().own_mb), "file_mb": _megabytes(path)})
    return rows


def _resolved(name: str) -> Path | None:
    for form in (f"{name}.en", name):
        try:
            return models.resolve(form if name in LAYERS else name, "int8")
        except RtvaError:
            continue
    return None


def _megabytes(path: Path) -> float:
    return round(path.stat().st_size / 1e6, 1)


def main(argv: list[str] | None = None) -> int:
    parser = report_parser(__doc__, "tiny.en in two precisions on 6 clips")
    parser.add_argument(
        "--part", choices=("all", "matrix", "sizes"), default="all", help="the other stays as in --json"
    )
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--budget-s", type=float, default=240, help="no further clip after this long (default: 240)")
    args = parser.parse_args(argv)
    if args.part != "sizes" and not (FOLDER / "labels.json").is_file():
        print(f"no recordings in {FOLDER}; set RTVA_RECORDINGS", file=sys.stderr)
        return 69
    results = {
        "machine": machine(),
        "is_busy": is_busy(),
        "clips": 0,
        "shape": [SOUND_S, TOKENS],
        "rows": [],
        "sizes": [],
    }
    if args.json and args.json.is_file() and args.part != "all":
        results = json.loads(args.json.read_text())
    if args.part != "sizes":
        cells = [cell for cell in here(args.quick) if not args.quick or cell["model"] == "tiny.en"]
        if not cells:
            print("no Whisper weights here; 'rtva models fetch' brings them", file=sys.stderr)
            return 69
        labels = json.loads((FOLDER / "labels.json").read_text())
        count = 6 if args.quick else args.clips
        clips = sorted(labels)[:: max(1, len(labels) // count)][:count]
        results["rows"], results["clips"] = measure(cells, clips, labels, args.budget_s)
    if args.part != "matrix" and not args.quick:
        results["sizes"] = without_weights()
    tell(args, report(results), results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
