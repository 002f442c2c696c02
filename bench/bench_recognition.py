"""Speech to intent: guided and open recognition of the recorded orders, near and far, in noise; and other speech.

    .venv/bin/python bench/bench_recognition.py [--models tiny.en base] [--every N] [--seconds S] [--out NAME]

Orders: ``$RTVA_RECORDINGS/coffee`` (default ``../shared/speech``). Noise is mixed as the published benchmark does.
Other speech is synthesised (:mod:`bench_recognition_speech`), kept in ``build/other-speech``. Both engines hear every
utterance one after the other, in changing order, so that a busy machine slows both. Rows are kept in ``NAME.rows.tmp``
and a run goes on where the last one stopped; delete it to begin anew. The operating point was
fitted on the files whose name hashes even; ``held out`` are the others. ``--every`` takes each N-th file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench_recognition_peers as peers
import bench_recognition_report as report
import bench_recognition_rooms as rooms
import bench_recognition_speech as speech
import numpy as np

from firmware_py import models
from firmware_py.nlu.grammar import compile_understanding
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.stt.whisper_cpp import WhisperCpp

HERE = Path(__file__).resolve().parent
RECORDINGS = Path(os.environ.get("RTVA_RECORDINGS", HERE.parents[1] / "shared" / "speech"))
OPEN_EVERY = 4
"""The open recogniser hears each fourth order, in all conditions, and each fourth piece of other speech."""
PEER_EVERY, PEER_CONDITIONS = 8, ("clean", "6")
"""pocketsphinx takes tens of seconds of processor time for an order in noise."""
GUIDED, BOTH = ("guided",), ("guided", "open")
CONDITIONS = ("clean", "24", "21", "18", "15", "12", "9", "6", "far")


class Engines:
    """The guided and the open recogniser of one model, and what reads slots from the open one's text."""

    def __init__(self, model: str, threads: int) -> None:
        weights = models.resolve_stt(model, "int8")
        self.understanding = HassilUnderstanding([RECORDINGS / "coffee" / "intents.yaml"], builtin=False)
        guidance = {"grammar": compile_understanding(self.understanding).data()}
        language = weights.language or "en"
        self.guided = WhisperCpp(weights.path, threads=threads, language=language, guidance=guidance)
        self.open = WhisperCpp(weights.path, threads=threads, language=language)
        self.guided.warm()
        self.open.warm()

    def hear(self, audio: np.ndarray, turn: int, names: tuple[str, ...]) -> dict[str, Any]:
        """The engines' readings and times; which goes first changes with ``turn``."""
        row: dict[str, Any] = {}
        for name in names if turn % 2 else names[::-1]:
            engine = self.guided if name == "guided" else self.open
            started = time.perf_counter()
            heard = engine.transcribe(audio)
            taken = time.perf_counter() - started
            understood = self.understanding.understand(heard.text)
            is_accepted = understood.intent is not None and (name == "open" or heard.is_guided)
            row[name] = {
                "ms": round(1e3 * taken, 1),
                "text": heard.text,
                "intent": understood.intent if is_accepted else None,
                "slots": dict(understood.slots) if is_accepted else {},
                "score": round(heard.score, 4),
                "margin": round(heard.margin, 3),
                "is_retry": "retry" in heard.guards,
            }
        return row


def orders(
    every: int, conditions: tuple[str, ...] = CONDITIONS
) -> Iterator[tuple[str, str, np.ndarray, dict[str, Any]]]:
    """``(condition, file, samples, label)``, each file in all conditions before the next."""
    labels = json.loads((RECORDINGS / "coffee" / "labels.json").read_text())
    noise = speech.load(RECORDINGS / "noise" / "kitchen-first-minute.flac").astype(np.float64)
    talk = speech.load(RECORDINGS / "jfk.wav").astype(np.float64)
    names = sorted(labels)
    for name in sorted(names, key=_shuffled)[::every]:
        clean = speech.load(RECORDINGS / "coffee" / name).astype(np.float64)
        for condition in conditions:
            rng = np.random.default_rng([names.index(name), conditions.index(condition)])
            heard = clean
            if condition == "far":
                heard = rooms.far(clean, talk, rng)
            elif condition != "clean":
                heard = rooms.mix(clean, noise, float(condition), rng)
            yield condition, name, heard.astype(np.float32), labels[name]


def others(every: int, voice: Path | None) -> Iterator[tuple[str, str, np.ndarray]]:
    """``(kind, what is said, samples)`` of everything that is not an order."""
    folder = HERE.parent / "build" / "other-speech"
    spoken = speech.make(folder, speech.piper(voice) if voice else None)
    for entry in sorted(spoken, key=lambda e: _shuffled(e["name"]))[::every]:
        yield entry["kind"], entry["text"], speech.load(folder / entry["name"])
    for name in ("jfk.wav", *(f"commands/{p.name}" for p in sorted((RECORDINGS / "commands").glob("*.wav")))):
        samples = speech.load(RECORDINGS / name)
        yield "person", name, samples if samples.ndim == 1 else samples.mean(axis=1)
    noise = speech.load(RECORDINGS / "noise" / "kitchen-first-minute.flac")
    for kind, samples in list(speech.noises(noise))[::every]:
        yield "noise", kind, samples


def _shuffled(name: str) -> str:
    """An order without pattern, the same every time: what a run cut short has done is a fair sample."""
    return hashlib.md5(f"order {name}".encode()).hexdigest()


def is_held_out(name: str) -> bool:
    """Whether a file was left out when the operating point was fitted."""
    return int(hashlib.md5(name.encode()).hexdigest(), 16) % 2 == 1


def run_peer(args: argparse.Namespace, kept: Kept) -> None:
    """pocketsphinx on a part of it, as rows of a model of its own."""
    if not peers.is_there():
        print("pocketsphinx is not there and is left out (see bench_recognition_peers.py)")
        return
    templates = RECORDINGS / "coffee" / "intents.yaml"
    sphinx, understanding = peers.Sphinx(templates), HassilUnderstanding([templates], builtin=False)

    def hear(row: dict[str, Any], audio: np.ndarray) -> None:
        if row not in kept:
            started = time.perf_counter()
            text = sphinx.transcribe(audio)
            taken = round(1e3 * (time.perf_counter() - started), 1)
            meant = understanding.understand(text)
            kept.add({**row, "sphinx": {"ms": taken, "text": text, "intent": meant.intent, "slots": dict(meant.slots)}})

    for turn, (condition, name, audio, label) in enumerate(orders(args.every)):
        if turn // len(CONDITIONS) % PEER_EVERY == 0 and condition in PEER_CONDITIONS:
            hear({"model": "pocketsphinx", "condition": condition, "file": name, "label": label}, audio)
    for turn, (kind, text, audio) in enumerate(others(args.every_other, None)):
        if turn % (8 * PEER_EVERY) == 0:
            hear({"model": "pocketsphinx", "kind": kind, "said": text, "number": turn}, audio)


class Kept:
    """Rows on disk, one JSON object a line, so that a long measurement can be continued."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self._known = {self._key(row) for row in self.rows}

    def __contains__(self, row: dict[str, Any]) -> bool:
        return self._key(row) in self._known

    def add(self, row: dict[str, Any]) -> None:
        """Appends a row, at once on disk."""
        self.rows.append(row)
        self._known.add(self._key(row))
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def _key(self, row: dict[str, Any]) -> tuple[str, ...]:
        return tuple(str(row.get(name)) for name in ("model", "condition", "file", "kind", "said", "number"))


def run(model: str, args: argparse.Namespace, kept: Kept) -> dict[str, Any]:
    """All rows of one model; stops early, between files, when ``--seconds`` are over."""
    engines = Engines(model, args.threads)
    stop = time.monotonic() + args.seconds
    for turn, (condition, name, audio, label) in enumerate(orders(args.every) if args.only in (None, "orders") else ()):
        if condition == "clean" and time.monotonic() > stop:
            break
        row = {"model": model, "condition": condition, "file": name, "held_out": is_held_out(name), "label": label}
        place = turn // len(CONDITIONS)
        if row not in kept and place % args.parts[1] == args.parts[0]:
            kept.add({**row, **engines.hear(audio, turn, BOTH if place % OPEN_EVERY == 0 else GUIDED)})
    voice = models.resolve_voice("en_US-joe-medium").onnx if args.piper else None
    for turn, (kind, text, audio) in enumerate(others(args.every_other, voice) if args.only in (None, "other") else ()):
        if time.monotonic() > stop + args.seconds:
            break
        row = {"model": model, "kind": kind, "said": text, "number": turn}
        if row not in kept:
            kept.add({**row, **engines.hear(audio, turn // OPEN_EVERY, BOTH if turn % OPEN_EVERY == 0 else GUIDED)})
    rows = [row for row in kept.rows if row["model"] == model]
    whole = {r["file"] for r in rows if r.get("condition") == "far"}
    return {
        "model": model,
        "orders": [r for r in rows if r.get("file") in whole],
        "other": [r for r in rows if "kind" in r],
        "peer": [r for r in kept.rows if "sphinx" in r],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["tiny.en", "base"])
    parser.add_argument("--every", type=int, default=1, help="each N-th order")
    parser.add_argument("--every-other", type=int, default=1, help="each N-th piece of other speech")
    parser.add_argument("--seconds", type=float, default=1e9, help="a model's time for orders, and again for others")
    parser.add_argument("--only", choices=("orders", "other", "peers"), help="one half; several can fill the same rows")
    parser.add_argument("--parts", type=int, nargs=2, default=(0, 1), metavar=("N", "OF"), help="a part of the orders")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--piper", action="store_true", help="speak a quarter of the other speech with Piper")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "recognition")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    kept = Kept(args.out.with_suffix(".rows.tmp"))
    if args.only in (None, "peers"):
        run_peer(args, kept)
    results = [run(model, args, kept) for model in args.models]
    results = [result for result in results if result["orders"] and result["other"]]
    text = "\n\n".join(report.table(result) for result in results)
    print(text)
    args.out.with_suffix(".md").write_text(text + "\n")
    args.out.with_suffix(".svg").write_text(report.plot(results))
    summary = [{"model": r["model"], **report.summary(r)} for r in results]
    args.out.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
