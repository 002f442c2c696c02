"""Draws what ``bench_vad.py`` measured, one picture an aggressiveness level, and the reference marks for the eye.

    python bench/plot_vad.py build/bench/vad.json [--out docs/decisions/img]
    python bench/plot_vad.py --reference ../shared/speech [--out build/bench]

Wants matplotlib, which the project does not depend on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ENGINES = {"webrtc": "tab:orange", "silero": "tab:blue"}
SOUNDS = ("clean", "20 dB", "10 dB", "5 dB")


def share_by_sound(axis: Any, result: dict[str, Any], level: int, key: str, title: str) -> None:
    for engine, colour in ENGINES.items():
        values = [100 * result["alone"][f"{engine} {level}"][sound][key] for sound in SOUNDS]
        axis.plot(SOUNDS, values, "o-", color=colour, label=engine)
    axis.set_title(title, fontsize=9)
    axis.set_ylabel("%")
    axis.set_ylim(bottom=-1)
    axis.grid(alpha=0.3)


def delays(axis: Any, result: dict[str, Any], level: int, key: str, title: str) -> None:
    """Cumulative share of utterances by delay; clean sound full, 20 dB dashed, 10 dB dotted."""
    for engine, colour in ENGINES.items():
        for sound, line in zip(SOUNDS[:3], ("-", "--", ":"), strict=True):
            values = np.sort(result["walk"][f"{engine} {level}"][sound][key])
            axis.plot(np.clip(values, -200, 2000), np.linspace(0, 100, len(values)), line, color=colour)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("ms after the reference mark")
    axis.set_ylabel("% of utterances")
    axis.grid(alpha=0.3)


def noise(axis: Any, result: dict[str, Any], level: int) -> None:
    names = list(result["noise"]["webrtc 0"])
    places = np.arange(len(names))
    for shift, (engine, colour) in zip((-0.2, 0.2), ENGINES.items(), strict=True):
        cells = [result["noise"][f"{engine} {level}"][name] for name in names]
        axis.bar(places + shift, [c["turns_a_minute"] for c in cells], 0.4, color=colour)
    axis.set_xticks(places, names, rotation=60, ha="right", fontsize=7)
    axis.set_title("turns that noise begins, a minute (through the walk)", fontsize=9)
    axis.grid(alpha=0.3, axis="y")


def draw_level(result: dict[str, Any], level: int, out: Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(13, 7))
    share_by_sound(axes[0][0], result, level, "voiced_missed", "voiced frames missed")
    share_by_sound(axes[0][1], result, level, "quiet_called_speech", "frames without voice called speech")
    noise(axes[0][2], result, level)
    delays(axes[1][0], result, level, "start_ms", "speech_start (full: clean, dashed: 20 dB, dotted: 10 dB)")
    delays(axes[1][1], result, level, "pause_ms", "PAUSE decided")
    delays(axes[1][2], result, level, "endpoint_ms", "ENDPOINT decided")
    axes[0][0].legend()
    figure.suptitle(f"vad.aggressiveness {level}: webrtc and silero, {result['recordings']} recordings, kitchen noise")
    figure.tight_layout()
    figure.savefig(out / f"vad-{level}.png", dpi=70)
    plt.close(figure)


def draw_reference(folder: Path, out: Path) -> None:
    from vad_material import energy_db, recordings, spoken

    chosen = recordings(folder, 12)
    figure, axes = plt.subplots(len(chosen), 1, figsize=(14, 1.8 * len(chosen)))
    for axis, one in zip(axes, chosen, strict=True):
        energy = energy_db(one.sound)
        axis.plot(np.arange(energy.size) / 100, energy, linewidth=0.6)
        for range_db, height in ((35.0, -5), (40.0, -10), (45.0, -15)):
            for start, end in spoken(one.name, one.sound, range_db).segments:
                axis.plot([start / 100, end / 100], [height, height], linewidth=2)
        axis.set_ylim(-100, 0)
    figure.tight_layout()
    figure.savefig(out / "vad-reference.png", dpi=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("result", type=Path, nargs="?")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/decisions/img"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.reference:
        draw_reference(options.reference, options.out)
    if options.result:
        result = json.loads(options.result.read_text())
        for level in range(4):
            draw_level(result, level, options.out)


if __name__ == "__main__":
    main()
