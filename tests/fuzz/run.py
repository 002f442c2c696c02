#!/usr/bin/env python3
"""Fuzzes one target with atheris (coverage-guided): ``run.py TARGET SECONDS RUNS``.

Ends at RUNS runs or after SECONDS, whichever comes first, and prints the count; an uncaught exception ends it with 77
and leaves the input in ``build/fuzz``. Needs atheris, which ``scripts/fuzz.sh`` brings in an environment of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT), str(HERE)]

with atheris.instrument_imports(include=["firmware_py", "yaml", "tomllib", "hassil"]):
    import targets


def main() -> None:
    name, seconds, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    found = ROOT / "build" / "fuzz"
    work = found / "corpus" / name
    work.mkdir(parents=True, exist_ok=True)
    options = [
        sys.argv[0],
        f"-max_total_time={seconds}",
        f"-runs={runs}",
        f"-max_len={targets.MOST_BYTES}",
        f"-artifact_prefix={found}/{name}-",
        "-timeout=20",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
        str(work),
        str(targets.CORPUS / name),
    ]
    atheris.Setup(options, targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
