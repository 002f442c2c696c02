"""The parts of ``make bench`` that have a report of their own in ``results/``: matrix, engines, presets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_engines
import bench_presets
import matrix_report
from arguments import Measure
from measure import ROOT, Part, Row


def reported(script: str, rows: Callable[[dict[str, Any]], list[Row]], *more: str) -> Measure:
    """Runs ``script``, whose report goes to ``results/`` (quick: nowhere); ``rows`` are those of the whole table."""

    def measure(quick: bool, threads: int, scratch: Path) -> Part:
        name, file = script.removeprefix("bench_"), scratch / "found.json"
        command = [sys.executable, str(ROOT / "bench" / f"{script}.py"), "--json", str(file)]
        command += ["--quick"] if quick else [*more, "--out", str(ROOT / "bench" / "results" / f"{name}.md")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["failed"])[-1])
        found = json.loads(file.read_text())
        return Part(name, f"`bench/{script}.py`, all of it in `results/{name}.md`", rows(found), data=found)

    return measure


def matrix_rows(found: dict[str, Any]) -> list[Row]:
    """Speed, memory and accuracy of each model, precision and number of threads."""
    return [
        Row(
            f"{r['model']} {r['precision']}, {r['threads']} threads",
            f"guide: {', '.join(matrix_report.GUIDE[r['model'].removesuffix('.en')])}",
            f"{r['median_ms']:.0f} ms, {r['memory_mb']} MB",
            None,
            f"{round(r['right'] * found['clips'])} of {found['clips']} orders wholly right",
        )
        for r in found["rows"]
    ]


def engine_rows(found: dict[str, Any]) -> list[Row]:
    """Latency, memory and intelligibility of each speech engine."""
    return [
        Row(
            name,
            f"guide: {', '.join(bench_engines.GUIDE[name])}",
            f"first sound {r['first_ms']:.1f} ms, {r['memory_mb']} MB",
            None,
            f"word error rate {r['wer']:.3f}",
        )
        for name, r in found["rows"].items()
    ]


def preset_rows(found: dict[str, Any]) -> list[Row]:
    """Each preset end to end."""
    return [
        Row(
            name,
            f"guide: {bench_presets.GUIDE[name]}",
            f"{r['total_ms']:.0f} ms without a draft, {r['answer_ms']:.0f} ms after the endpoint, gap {r['gap_ms']} ms",
            None,
            f"{r['answered']} answered; {'; '.join(r['notes']) or 'nothing replaced'}",
        )
        for name, r in found["rows"].items()
    ]


REPORTS: dict[str, Measure] = {
    "matrix": reported("bench_matrix", matrix_rows, "--clips", "144", "--budget-s", "400"),
    "engines": reported("bench_engines", engine_rows),
    "presets": reported("bench_presets", preset_rows),
}
