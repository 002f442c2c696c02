#!/usr/bin/env python3
"""Speech to text on the processor and on the GPU: the same words, and how much sooner.

    .venv/bin/python bench/bench_devices.py [--quick] [--json FILE] [--out FILE.md] [--model NAME] [FILE ...]

Wants a build of ``make native-cuda``. Each device and way (open text, or along the sentences of the built-in templates
and of the orders) is an engine of its own in a process of its own; every recording goes to all of them in turn, and
again. Words and their order have to be equal; punctuation and capitals are looked at too, and counted apart. The
default recordings are the shared commands and every ninth order.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arguments import report_parser, tell
from cells import Answer, Cell
from measure import RECORDINGS
from tables import machine, table

from firmware_py import models
from firmware_py.audio.recording import load
from firmware_py.events import RATE_HZ
from firmware_py.stt.device import cuda_devices

DEVICES = ("cpu", "cuda")
WAYS = ("open", "guided")
ROUNDS = 5


def recogniser(path: str, device: str, way: str, files: list[Path]) -> Callable[[str], str]:
    """A loaded and warmed engine: the name of a recording to its text."""
    from firmware_py.nlu.grammar import compile_understanding
    from firmware_py.nlu.hassil import HassilUnderstanding
    from firmware_py.stt.whisper_cpp import WhisperCpp

    guidance = None
    if way == "guided":
        orders = RECORDINGS / "coffee" / "intents.yaml"
        understanding = HassilUnderstanding([orders] if orders.is_file() else [])
        guidance = {"grammar": compile_understanding(understanding).data()}
    engine = WhisperCpp(Path(path), device=device, guidance=guidance)
    engine.warm()
    sounds = {file.name: load(file) for file in files}
    return lambda name: engine.transcribe(sounds[name]).text


def measure(path: Path, files: list[Path], rounds: int) -> dict[str, Any]:
    """Per way and device the texts and the times in milliseconds, loading and warming apart."""
    sounds = {file.name: len(load(file)) / RATE_HZ for file in files}
    cells = {(way, device): Cell(recogniser, str(path), device, way, files) for way in WAYS for device in DEVICES}
    heard: dict[tuple[str, str], dict[str, list[Answer]]] = {key: {name: [] for name in sounds} for key in cells}
    for _ in range(rounds):
        for name in sounds:
            for key, cell in cells.items():
                heard[key][name].append(cell.ask(name))
    rows = [
        {
            "way": way,
            "device": device,
            "load_ms": cell.load_ms,
            "rss_mb": cell.memory().own_mb,
            "ms": {name: [answer.ms for answer in answers] for name, answers in heard[way, device].items()},
            "texts": {name: answers[0].value for name, answers in heard[way, device].items()},
        }
        for (way, device), cell in cells.items()
    ]
    for cell in cells.values():
        cell.close()
    return {"model": path.name, "seconds": sounds, "rows": rows}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def lines(result: dict[str, Any]) -> list[str]:
    """The table, and every recording that was heard differently."""
    by = {(row["way"], row["device"]): row for row in result["rows"]}
    body, differing = [], []
    for way in WAYS:
        base = statistics.median(statistics.median(ms) for ms in by[way, "cpu"]["ms"].values())
        for device in DEVICES:
            row = by[way, device]
            each = sorted(statistics.median(ms) for ms in row["ms"].values())
            texts = [(name, by[way, "cpu"]["texts"][name], text) for name, text in row["texts"].items()]
            same = sum(words(a) == words(b) for _, a, b in texts)
            differing += [
                f"- {way}, {name}: {a!r} on the processor, {b!r} on the GPU" for name, a, b in texts if a != b
            ]
            middle = statistics.median(each)
            figures = (f"{middle:.1f}", f"{each[-1]:.1f}", f"{base / middle:.1f}", f"{row['load_ms'] / 1000:.1f}")
            body.append((way, device, *figures, f"{same} of {len(texts)}", sum(a == b for _, a, b in texts)))
    head = ("text", "device", "P50 ms", "most ms", "times", "load and warm s", "same words", "same to the letter")
    return [f"`{result['model']}`, {len(result['seconds'])} recordings", "", *table(head, body), "", *differing]


def main() -> int:
    parser = report_parser(__doc__, "one round")
    parser.add_argument("--model", default="tiny.en", help="a name of the manifest, or a ggml file")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    args = parser.parse_args()
    devices = cuda_devices()
    if not devices:
        print("bench_devices: no CUDA device, or no build with CUDA ('make native-cuda')", file=sys.stderr)
        return 69
    coffee = sorted((RECORDINGS / "coffee").glob("*.flac"))[::9]
    files = args.files or [*sorted((RECORDINGS / "commands").glob("*.wav")), *coffee]
    path = Path(args.model) if Path(args.model).is_file() else models.resolve_stt(args.model, "int8").path
    result = measure(path, files, 1 if args.quick else ROUNDS)
    result["machine"] = f"{machine()}; {devices[0]}"
    tell(args, "\n".join([f"On {result['machine']}.", "", *lines(result)]) + "\n", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
