"""``make bench``: every part beside its peers, one after the other, then the table and the pictures.

    .venv/bin/python bench/run_all.py [--quick] [--only PART ...] [--out bench/results]

Writes ``bench.json`` (rows, single measurements, the machine), ``bench.md`` (the table) and ``bench-*.png``. A part
that fails is told in the table and does not stop the others; the exit code is then 1. ``--render`` draws again what
was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bench_first_sound
import bench_frames
import bench_hand_off
import bench_service
import bench_transcripts
import bench_turns
from arguments import Measure
from measure import ROOT, Machine, Part, Row
from peer import PYTHON
from reports import REPORTS

from firmware_py.cli.bench_progress import draw


def profile(quick: bool, threads: int, scratch: Path) -> Part:
    """The guide's seven rows, as ``rtva profile`` prints them."""
    command = [sys.executable, "-m", "firmware_py", "profile", "-n", "4" if quick else "16", "--json"]
    command += ["--plot", str(ROOT / "bench" / "results" / "bench-turn.png")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    found = json.loads(done.stdout)
    part = Part("profile", "rtva profile, questions of the voice, fast pace, caches off", data=found)
    kinds = (("drafted", found, "p50_ms", "target"), ("undrafted", found["undrafted"], "p95_ms", "acceptable"))
    for kind, one, percentile, wanted in kinds:
        for row in (*one["stages"], one["total"]):
            grade = row["grade"] if percentile == "p50_ms" else row["grade_p95"]
            good = grade == "target" or grade == wanted
            figure = f"{row[percentile]:.2f} ms: {grade}"
            cost = f"the stage itself: P50 {row['cost_p50_ms']:.2f} ms, P95 {row['cost_p95_ms']:.2f} ms"
            title = f"{row['name']}, {kind}, {percentile[:3].upper()}"
            part.rows.append(Row(title, wanted, figure, good, cost))
    return part


PARTS: dict[str, Measure] = {
    "profile": profile,
    "turns": bench_turns.measure,
    "transcripts": bench_transcripts.measure,
    "first sound": bench_first_sound.measure,
    "hand-off": bench_hand_off.measure,
    "frames": bench_frames.measure,
    "service": bench_service.measure,
    **REPORTS,
}


def run(names: list[str], quick: bool, threads: int, file: Path) -> None:
    """Measures part by part; what is measured stands in ``file`` at once."""
    machine, parts, peers = Machine(), [], versions()
    for number, name in enumerate(names):
        draw(f"bench: {name}", number, len(names))
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            try:
                part = PARTS[name](quick, threads, Path(scratch))
            except (Exception, SystemExit) as error:
                part = Part(name, "failed", [Row(name, "", f"not measured: {error}", False)])
        parts.append({**asdict(part), "part": name, "seconds": round(time.monotonic() - began), **machine.look()})
        print(f"{name}: {parts[-1]['seconds']} s", file=sys.stderr, flush=True)
        found = {"machine": machine.facts(), "quick": quick, "threads": threads, "peers": peers, "parts": parts}
        file.write_text(json.dumps(found, indent=1) + "\n")
    draw("bench", 1, 1)


def versions() -> dict[str, str]:
    done = subprocess.run([str(PYTHON), "-m", "pip", "list", "--format", "json"], capture_output=True, text=True)
    named = {line.split("==")[0] for line in (ROOT / "bench" / "requirements.txt").read_text().splitlines()}
    return {p["name"]: p["version"] for p in json.loads(done.stdout or "[]") if p["name"] in named}


def table(found: dict[str, Any]) -> str:
    machine = found["machine"]
    loads = machine["load"]
    lines = ["# Measured by `make bench`", ""]
    lines += [
        f"{machine['processor']}, {machine['cores']} cores, {', '.join(machine['flags'])}; Python {machine['python']}, "
        f"Linux {machine['kernel']}, commit {machine['commit']}{', quick' if found['quick'] else ''}.",
        f"The machine was shared: load average {min(loads):.1f} to {max(loads):.1f} on {machine['cores']} cores, "
        f"{machine['busy']:.0%} busy, {machine['steal']:.1%} stolen, over {machine['seconds']} s.",
        f"libwhisper says of itself: `{machine['whisper_build']}`. Peers: "
        + ", ".join(f"{name} {version}" for name, version in sorted(found["peers"].items()))
        + ".",
        "",
        "| figure | to reach | measured | reached | quality beside it |",
        "|---|---|---|---|---|",
    ]
    for part in found["parts"]:
        lines.append(f"| **{part['name']}**: {part['method']}; load {part.get('load', '?')} | | | | |")
        for row in part["rows"]:
            word = {True: "yes", False: "**no**", None: ""}[row["is_reached"]]
            lines.append(f"| {row['figure']} | {row['to_reach']} | {row['measured']} | {word} | {row['guard']} |")
    return "\n".join(lines) + "\n"


def draw_pictures(out: Path) -> None:
    """matplotlib lives with the peers."""
    if PYTHON.exists():
        subprocess.run([str(PYTHON), str(ROOT / "bench" / "plot_bench.py"), str(out)], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="about four minutes on an idle machine")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    parser.add_argument("--render", action="store_true", help="only the table and the pictures, from bench.json")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "bench.json"
    if not args.render:
        run(args.only, args.quick, args.threads, file)
    found = json.loads(file.read_text())
    (args.out / "bench.md").write_text(table(found))
    draw_pictures(args.out)
    print(table(found))
    return int(any(part["method"] == "failed" for part in found["parts"]))


if __name__ == "__main__":
    sys.exit(main())
