"""Draws what ``run_all.py`` measured: ``build/bench-venv/bin/python bench/plot_bench.py bench/results``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

OURS, THEIRS = "#2f6db5", "#b58a2f"


def bars(file: Path, title: str, values: dict[str, list[float]], unit: str) -> None:
    """A bar an arm: the median, a line to the P95, a dot at the least. Linear unless arms are far apart."""
    figure, axis = plt.subplots(figsize=(9, 0.55 * len(values) + 1.6), dpi=120)
    for y, (name, found) in enumerate(reversed(values.items())):
        middle = float(np.median(found))
        axis.barh(y, middle, color=OURS if name.startswith(("rtva", "Ring")) else THEIRS, height=0.6)
        axis.plot([middle, np.percentile(found, 95)], [y, y], color="#333333", lw=1)
        axis.plot(min(found), y, "o", color="white", markeredgecolor="#333333", ms=4)
        axis.text(middle * 1.05, y + 0.32, f"{middle:.3g}", va="bottom", fontsize=8)
    axis.set_yticks(range(len(values)), list(reversed(values)))
    middles = [float(np.median(found)) for found in values.values()]
    is_log = max(middles) > 30 * min(middles)
    axis.set_xscale("log" if is_log else "linear")
    axis.set_xlabel(f"{unit}{', logarithmic' if is_log else ''}; bar: median, line: to P95, dot: least")
    axis.set_title(title, fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def gaps(file: Path, values: dict[str, list[float]]) -> None:
    """Share of turns answered within a response gap."""
    figure, axis = plt.subplots(figsize=(9, 4.2), dpi=120)
    for (name, found), colour in zip(values.items(), (OURS, THEIRS), strict=False):
        axis.step(np.sort(found), np.linspace(0, 100, len(found)), where="post", color=colour, label=name, lw=2)
    axis.axvline(350, color="#777777", ls=":", lw=1)
    axis.set(xlabel="response gap, ms (heard - known end of speech)", ylabel="% of turns", ylim=(0, 102), xscale="log")
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def main() -> None:
    out = Path(sys.argv[1])
    parts: dict[str, Any] = {
        part["part"]: part["data"] for part in json.loads((out / "bench.json").read_text())["parts"]
    }
    if found := parts.get("transcripts", {}).get("arms"):
        values = {name: arm["ms"] for name, arm in found.items()}
        bars(out / "bench-transcripts.png", "final transcript of a command", values, "ms")
    if found := parts.get("first sound", {}).get("first_ms"):
        bars(out / "bench-first-sound.png", "first sound of a reply of 2 s or more", found, "ms")
    if found := parts.get("hand-off", {}).get("python_ns"):
        values = {name: [ns] for name, ns in found.items()}
        bars(out / "bench-hand-off.png", "push and pop of 10 ms from Python", values, "ns")
    if found := parts.get("frames", {}).get("us"):
        bars(out / "bench-frames.png", "a 10 ms frame of voice detection", found, "us")
    if found := parts.get("turns", {}).get("gap_ms"):
        gaps(out / "bench-gap.png", found)


if __name__ == "__main__":
    main()
