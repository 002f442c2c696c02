"""What understanding costs: built-in intents plus a household's own sentences, and how it grows.

    .venv/bin/python bench/bench_nlu.py [--sentences 1000 ...] [--rounds N] [--json FILE]

A household's sentences are made from rooms, devices and verbs, one template each with slots in a third of them. Asked
are sentences that match, the same misheard (a letter gone, changed or added), and other speech
(``data/other_speech.txt``), each kind reported by itself. hassil's own ``recognize`` runs beside on the same
templates and the matching sentences, up to 1,000 templates and as far as it is fast enough to be waited for. Times are
the processor time of one thread, in ms, for the machine may be shared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from hassil.intents import Intents
from hassil.recognize import recognize

from firmware_py.nlu.hassil import BUILT_IN, HassilUnderstanding

HERE = Path(__file__).resolve().parent


def _list(words: str) -> list[str]:
    return words.split()


ROOMS = _list("kitchen hall bedroom bathroom office garage cellar attic garden porch nursery studio library pantry")
THINGS = _list("lamp heater fan blind speaker screen kettle pump valve oven lock camera sprinkler charger mixer")
COLORS = _list("red blue green yellow white warm cold old new left right upper lower small big front back tall")
VERBS = (("turn on", "switch on", "start"), ("turn off", "switch off", "stop"), ("check", "look at"), ("reset",))
HASSIL_PATIENCE_S, HASSIL_MOST = 20.0, 1_000


def household(count: int) -> dict[str, object]:
    """``count`` templates: a third with a number, the others plain."""
    combinations = itertools.product(VERBS, COLORS, THINGS, ROOMS)
    repeats = itertools.cycle(combinations)
    sentences = []
    for number, (verbs, color, thing, room) in zip(range(count), repeats, strict=False):
        turn = "" if number < 4 * len(COLORS) * len(THINGS) * len(ROOMS) else f" {number % 977}"
        verb = f"({'|'.join(verbs)})"
        tail = " to {level} [percent]" if number % 3 == 0 else ""
        sentences.append(f"{verb} [the] {color} {thing}{turn} in [the] {room}{tail}")
    random.Random(1).shuffle(sentences)
    data = [{"sentences": sentences[i : i + 10]} for i in range(0, len(sentences), 10)]
    intents = {f"own_{i}": {"data": [block]} for i, block in enumerate(data)}
    return {"language": "en", "intents": intents, "lists": {"level": {"range": {"from": 0, "to": 100}}}}


def said(template: str, rng: random.Random) -> str:
    """One sentence of a template."""
    text = template.replace("[the]", rng.choice(("the", ""))).replace("[percent]", rng.choice(("percent", "")))
    text = text.replace("{level}", str(rng.randrange(101)))
    first, _, rest = text.partition(") ")
    return f"{rng.choice(first[1:].split('|'))} {rest}".replace("  ", " ")


def resident_mb() -> float:
    """Memory that this process holds now, in megabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def misheard(text: str, rng: random.Random) -> str:
    """The text with one letter gone, changed or added."""
    words = text.split()
    at = rng.randrange(len(words))
    word, k = words[at], rng.randrange(len(words[at]))
    words[at] = rng.choice((word[:k] + word[k + 1 :], word[:k] + "e" + word[k + 1 :], word[:k] + "r" + word[k:]))
    return " ".join(words)


def timed(work: Callable[[str], object], sentences: list[str], rounds: int) -> dict[str, float]:
    """Percentiles over sentences; of the rounds the fastest counts, and the first (cold) one is not counted."""
    for sentence in sentences:
        work(sentence)
    best = [float("inf")] * len(sentences)
    for _ in range(rounds):
        for i, sentence in enumerate(sentences):
            started = time.thread_time_ns()
            work(sentence)
            best[i] = min(best[i], (time.thread_time_ns() - started) / 1e6)
    best.sort()
    return {
        "p50_ms": round(statistics.median(best), 3),
        "p99_ms": round(best[int(0.99 * (len(best) - 1))], 3),
        "max_ms": round(best[-1], 3),
    }


def measure(count: int, rounds: int) -> dict[str, object]:
    rng = random.Random(2)
    templates = household(count)
    every = [s for intent in templates["intents"].values() for b in intent["data"] for s in b["sentences"]]  # type: ignore[attr-defined]
    built_in = ["What time is it?", "Set the volume to 40%.", "What's twelve times seven?", "Roll two dice, please."]
    matching = [said(rng.choice(every), rng) for _ in range(300)] + built_in * 10 if every else built_in * 10
    kinds = {
        "matching": matching,
        "misheard": [misheard(s, rng) for s in matching],
        "other": [
            s for s in (HERE / "data" / "other_speech.txt").read_text().splitlines() if s and not s.startswith("#")
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "own.yaml"
        file.write_text(yaml.safe_dump(templates, sort_keys=False))
        started, processor, resident = time.perf_counter(), time.process_time(), resident_mb()
        understanding = HassilUnderstanding([file] if every else [])
        row: dict[str, object] = {
            "sentences": count,
            "load_s": round(time.perf_counter() - started, 2),
            "load_cpu_s": round(time.process_time() - processor, 2),
            "memory_mb": round(resident_mb() - resident),
        }
        for kind, sentences in kinds.items():
            row[kind] = timed(understanding.understand, sentences, rounds)
        understood = [understanding.understand(s).intent is not None for s in kinds["matching"]]
        row["matching_understood"] = round(sum(understood) / len(understood), 3)
        row["misheard_understood"] = round(
            sum(understanding.understand(s).intent is not None for s in kinds["misheard"]) / len(matching), 3
        )
        row["hassil"] = hassil_itself([file], matching) if 0 < len(every) <= HASSIL_MOST else None
    return row


def hassil_itself(files: list[Path], sentences: list[str]) -> dict[str, float] | None:
    """hassil's ``recognize`` on the same sentences, None when it would take too long."""
    calculate = BUILT_IN / "en" / "calculate.yaml"  # its wildcard would take everything there
    built_in = [f for f in sorted((BUILT_IN / "en").glob("*.yaml")) if f != calculate]
    intents = Intents.from_files([*files, *built_in])
    started = time.perf_counter()
    recognize(sentences[0], intents)
    recognize(sentences[1], intents)
    if (time.perf_counter() - started) * len(sentences) / 2 > HASSIL_PATIENCE_S:
        return None
    return timed(lambda s: recognize(s, intents), sentences, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, nargs="+", default=[0, 1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    print("| own templates | load s (processor) | memory MB | matching p50 / p99 ms | misheard p50 / p99 |"
          " other p50 / p99 | hassil p50 / p99 |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    rows = []
    for count in args.sentences:
        row = measure(count, args.rounds)
        rows.append(row)
        cells = [row[k] for k in ("matching", "misheard", "other", "hassil")]
        shown = [f"{c['p50_ms']} / {c['p99_ms']}" if c else "" for c in cells]  # type: ignore[index]
        load = f"{row['load_s']} ({row['load_cpu_s']}) | {row['memory_mb']}"
        print(f"| {count} | {load} | {' | '.join(shown)} |", flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
