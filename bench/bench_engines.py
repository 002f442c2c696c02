"""Text to speech: each engine's latency, intelligibility and memory, beside the guide's figures.

    .venv/bin/python bench/bench_engines.py [--quick] [--rounds 5] [--json FILE] [--out bench/results/engines.md]

Engines: Piper, espeak-ng (``pyttsx3``), and Coqui with ``--coqui FOLDER``, the path of a model, where coqui-tts is
installed (``scripts/test_coqui.sh`` makes such an environment). Each runs in a process of its own; a sentence goes to
all of them in turn. Latency: from the call to the first chunk, and to the last; loading, a warm-up and the cache are
not in it.

Intelligibility: the word error rate of what was said, by rtva's own recogniser (base int8 where it is here, else
tiny.en) at full context, open, against the sentence as it is written; both through the same normalisation. It says what
a machine understands, not what people like.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from arguments import report_parser, tell
from bench_orders import edits
from cells import Cell
from tables import BUSY, is_busy, machine, table

from firmware_py import models
from firmware_py.errors import RtvaError

GUIDE = {"piper": ("60-120 ms", "very good"), "pyttsx3": ("50-100 ms", "good"), "coqui": ("100-200 ms", "excellent")}
"""The guide's latency and quality (1. TTS Engines)."""

SENTENCES = (
    "The living room lamp is on.",
    "It is five minutes past three.",
    "Your next alarm is tomorrow morning at half past six.",
    "I have set a timer for ten minutes.",
    "The volume is forty percent now.",
    "It is twenty two degrees in the kitchen and nineteen degrees in the living room.",
    "There are three things on your shopping list, milk, bread and apples.",
    "I did not understand that, please say it again.",
    "Twelve times seven is eighty four.",
    "The board is warm, its temperature is sixty one degrees.",
)


def speaker(engine: str, arguments: dict[str, Any]) -> Callable[[str], dict[str, Any]]:
    """The loaded and warmed engine: a sentence to its times and its sound at 16 kHz."""
    import soxr

    from firmware_py import backends

    tts = backends.load("tts", engine)(**arguments)
    for _ in tts.synthesize("The quick brown fox jumps over the lazy dog."):
        pass

    def say(text: str) -> dict[str, Any]:
        begun, busy, first, first_cpu, chunks = time.perf_counter(), time.process_time(), 0.0, 0.0, []
        for chunk in tts.synthesize(text):
            first_cpu = first_cpu or time.process_time() - busy
            first = first or time.perf_counter() - begun
            chunks.append(chunk)
        total = time.perf_counter() - begun
        sound = np.concatenate(chunks)
        heard = soxr.resample(sound.astype(np.float32) / 32768, tts.rate_hz, 16000)
        return {
            "first_ms": first * 1e3,
            "first_cpu_ms": first_cpu * 1e3,
            "total_ms": total * 1e3,
            "audio_s": sound.size / tts.rate_hz,
            "heard": heard,
        }

    return say


def engines(coqui: str | None) -> dict[str, dict[str, Any]]:
    """Name -> constructor arguments, of what may be here."""
    voice = models.resolve_voice("en_US-joe-medium")
    found: dict[str, dict[str, Any]] = {
        "piper": {"onnx": voice.onnx, "config": voice.config},
        "pyttsx3": {"voice": "en-us"},
    }
    if coqui is not None:
        files = models.resolve_coqui(coqui)
        found["coqui"] = {"checkpoint": files.checkpoint, "config": files.config, "vocoder": files.vocoder}
    return found


def listener() -> tuple[str, Callable[[Any], list[str]]]:
    """The recogniser's name, and samples to words."""
    from firmware_py.nlu.normalize import tokenize
    from firmware_py.stt.whisper_cpp import WhisperCpp

    name = "base"
    try:
        path = models.resolve("base", "int8")
    except RtvaError:
        name, path = "tiny.en", models.resolve("tiny.en", "int8")
    engine = WhisperCpp(path, language="en", full_context=True)
    return name, lambda sound: [token.word for token in tokenize(engine.transcribe(sound).text)]


def measure(found: dict[str, dict[str, Any]], sentences: tuple[str, ...], rounds: int) -> dict[str, Any]:
    from firmware_py.nlu.normalize import tokenize

    recogniser, hear = listener()
    cells, missing = {}, {}
    for name, arguments in found.items():
        try:
            cells[name] = Cell(speaker, name, arguments)
        except RuntimeError as error:
            missing[name] = str(error)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in cells}
    wrong, words = dict.fromkeys(cells, 0), 0
    for sentence in sentences:
        written = [token.word for token in tokenize(sentence)]
        words += len(written)
        for turn in range(rounds):
            for name, cell in cells.items():
                said = cell.ask(sentence)[0]
                if not turn:
                    wrong[name] += edits(written, hear(said.pop("heard")))
                runs[name].append(said)
    rows = {name: summary(runs[name]) | {"wer": round(wrong[name] / words, 4)} for name in cells}
    for name, cell in cells.items():
        rows[name] |= {"memory_mb": round(cell.memory().own_mb), "load_ms": round(cell.load_ms)}
        cell.close()
    return {
        "machine": machine(),
        "is_busy": is_busy(),
        "recogniser": recogniser,
        "sentences": len(sentences),
        "rows": rows,
        "missing": missing,
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "first_ms": round(statistics.median(r["first_ms"] for r in runs), 2),
        "first_p95_ms": round(float(np.percentile([r["first_ms"] for r in runs], 95)), 2),
        "first_cpu_ms": round(statistics.median(r["first_cpu_ms"] for r in runs), 2),
        "total_ms": round(statistics.median(r["total_ms"] for r in runs), 2),
        "speed": round(statistics.median(1e3 * r["audio_s"] / r["total_ms"] for r in runs), 1),
    }


def report(results: dict[str, Any]) -> str:
    head = [
        "engine",
        "first sound ms (P95)",
        "processor ms to it",
        "all ms",
        "times real time",
        "word error rate",
        "memory MB",
        "loading ms",
    ]
    rows = [[name, *_figures(r, results["is_busy"]), *GUIDE[name]] for name, r in results["rows"].items()]
    lines = [
        "# Speech engines",
        "",
        f"`bench/bench_engines.py`, {results['sentences']} sentences, {results['machine']}, shared with other work:",
        f"compare the rows with each other. Word error rate by {results['recogniser']} int8 at full context. Memory:",
        "what loading and work added to the process.",
        "",
        *table([*head, "the guide: latency", "quality"], rows),
    ]
    if results["is_busy"]:
        lines.append(f"\n{BUSY}")
    lines += [f"\nNot run: {name}: {why}" for name, why in results["missing"].items()]
    if "coqui" not in results["rows"]:
        lines.append(
            "\nCoqui: no trained model could be reached where this was made; what is tested is loading and running a"
            "\nnetwork of its own kind with random weights (`make test-coqui`), which has no latency worth printing."
        )
    return "\n".join(lines) + "\n"


def _figures(r: dict[str, Any], is_busy: bool) -> list[object]:
    passed = [f"{r['first_ms']:.1f} ({r['first_p95_ms']:.1f})", f"{r['total_ms']:.1f}", r["speed"], r["load_ms"]]
    first, *others, load = ["-"] * 4 if is_busy else passed
    return [first, f"{r['first_cpu_ms']:.1f}", *others, f"{r['wer']:.3f}", r["memory_mb"], load]


def main(argv: list[str] | None = None) -> int:
    parser = report_parser(__doc__, "three sentences, once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--coqui", metavar="FOLDER", help="a Coqui model")
    args = parser.parse_args(argv)
    try:
        found = engines(args.coqui)
    except RtvaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    results = measure(found, SENTENCES[:3] if args.quick else SENTENCES, 1 if args.quick else args.rounds)
    tell(args, report(results), results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
