"""Recognition of the 144 recorded orders: loops, reduced against full context, share of right slots.

    .venv/bin/python bench/bench_orders.py [--model tiny.en] [--json FILE]

Recordings: ``$RTVA_RECORDINGS`` (default ``../shared/speech``), ``coffee/labels.json`` and
``coffee/intents.yaml``. There are no reference transcripts, so the word error rate is that of the reduced
context against the full context of the same model. Times are medians of one interleaved pass.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from pathlib import Path

from firmware_py import models
from firmware_py.audio.recording import load
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.stt import guards
from firmware_py.stt.whisper_cpp import WhisperCpp

FOLDER = Path(os.environ.get("RTVA_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "speech")) / "coffee"


def edits(reference: list[str], heard: list[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (word != other))
    return row[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    weights = models.resolve_stt(args.model, "int8")
    engines = {
        "reduced": WhisperCpp(weights.path, language=weights.language or "en"),
        "full": WhisperCpp(weights.path, language=weights.language or "en", full_context=True),
    }
    for engine in engines.values():
        engine.warm()
    understanding = HassilUnderstanding(templates=(FOLDER / "intents.yaml",), builtin=False)
    labels = json.loads((FOLDER / "labels.json").read_text())
    rows = [measure(engines, understanding, name, label) for name, label in sorted(labels.items())]
    show(summary(rows), args)


def measure(engines: dict, understanding: HassilUnderstanding, name: str, label: dict) -> dict:
    audio = load(FOLDER / name)
    row: dict = {"file": name}
    for context, engine in engines.items():
        started = time.perf_counter()
        transcript = engine.transcribe(audio)
        row[f"{context}_ms"] = (time.perf_counter() - started) * 1000
        understood = understanding.understand(transcript.text)
        words = guards.words(transcript.text)
        row[f"{context}_words"] = words
        row[f"{context}_loops"] = guards.first_repeat(words) is not None
        row[f"{context}_retry"] = "retry" in transcript.guards
        row[f"{context}_right"] = understood.intent == label["intent"] and dict(understood.slots) == label["slots"]
    return row


def summary(rows: list[dict]) -> dict:
    words = sum(len(r["full_words"]) for r in rows)
    wrong = sum(edits(r["full_words"], r["reduced_words"]) for r in rows)
    figures: dict = {"recordings": len(rows), "wer_reduced_against_full": wrong / words}
    for context in ("reduced", "full"):
        figures[f"{context}_orders_right"] = sum(r[f"{context}_right"] for r in rows) / len(rows)
        figures[f"{context}_loops"] = sum(r[f"{context}_loops"] for r in rows)
        figures[f"{context}_retries"] = sum(r[f"{context}_retry"] for r in rows)
        figures[f"{context}_median_ms"] = statistics.median(r[f"{context}_ms"] for r in rows)
    return figures


def show(figures: dict, args: argparse.Namespace) -> None:
    print(f"{args.model}, int8")
    for name, value in figures.items():
        print(f"{name:28} {value:.3f}" if isinstance(value, float) else f"{name:28} {value}")
    if args.json:
        args.json.write_text(json.dumps({"model": args.model, **figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
