"""What the parts of ``make bench`` share: rows, ratios with their intervals, and the state of the machine.

A part is a function that returns :class:`Part`. A row says what was to be reached, what was measured, by which
statistic, and the quality that was measured beside it. Arms are interleaved by the parts: each arm once, then each
again.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from vad_material import Spoken, recordings

from firmware_py.events import FRAME_SAMPLES, RATE_HZ, Pcm16

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("RTVA_RECORDINGS", ROOT.parent / "shared" / "speech"))
FLAGS = ("sse4_2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "asimd", "asimddp", "i8mm", "sve")
SEED = 20261126


@dataclass
class Row:
    """One line of the table. ``is_reached`` None: nothing was asked for, the figure stands for comparison."""

    figure: str
    to_reach: str
    measured: str
    is_reached: bool | None
    guard: str = ""


@dataclass
class Part:
    """What one part measured; ``data`` are the single measurements, for plots and for whoever doubts."""

    name: str
    method: str
    rows: list[Row] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def save(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(self), indent=1) + "\n")


def middle(values: Sequence[float]) -> float:
    return float(np.median(values))


def p95(values: Sequence[float]) -> float:
    return float(np.percentile(values, 95))


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """Median over median, with the 95 % interval of a paired bootstrap: measurement i of both is one draw.

    ``quiet`` is the ratio of the least of both: of the moments in which the machine disturbed either least.
    """
    a, b = np.asarray(theirs, float), np.asarray(ours, float)
    draws = np.random.default_rng(SEED).integers(0, a.size, (2000, a.size))
    low, high = np.percentile(np.median(a[draws], axis=1) / np.median(b[draws], axis=1), [2.5, 97.5])
    return {
        "ratio": float(np.median(a) / np.median(b)),
        "low": float(low),
        "high": float(high),
        "quiet": float(a.min() / b.min()),
    }


def told(found: dict[str, float]) -> str:
    """``3.2 (95 %: 2.9 to 3.6)``."""
    return f"{found['ratio']:.1f} (95 %: {found['low']:.1f} to {found['high']:.1f})"


class Machine:
    """The machine while something runs: what it is, how busy others kept it, and what the hypervisor took."""

    def __init__(self) -> None:
        self._began, self._stat = time.time(), self._ticks()
        self._loads = [os.getloadavg()[0]]

    @staticmethod
    def _ticks() -> list[int]:
        return [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]

    def look(self) -> dict[str, float]:
        """The load of the last minute, remembered."""
        self._loads.append(os.getloadavg()[0])
        return {"load": round(self._loads[-1], 1)}

    def facts(self) -> dict[str, Any]:
        self.look()
        spent = [b - a for a, b in zip(self._stat, self._ticks(), strict=True)]
        whole = max(1, sum(spent))
        return {
            **processor(),
            "python": platform.python_version(),
            "kernel": platform.release(),
            "commit": git("rev-parse", "--short", "HEAD"),
            "whisper_build": whisper_build(),
            "seconds": round(time.time() - self._began),
            "load": [round(load, 1) for load in self._loads],
            "busy": round(1 - (spent[3] + spent[4]) / whole, 3),
            "steal": round(spent[7] / whole, 4),
        }


def processor() -> dict[str, Any]:
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    return {
        "processor": fields.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in flags],
        "hypervisor": "hypervisor" in flags,
    }


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def whisper_build() -> str:
    """What the libwhisper of this ``.venv`` was built for, as it says itself."""
    code = "import _pywhispercpp as w; print(w.whisper_print_system_info())"
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    text = done.stdout.strip()
    return text.decode() if isinstance(text, bytes) else text


def speech_of(one: Spoken) -> Pcm16:
    """A recording's speech alone, with 200 ms on either side, as an endpointer hands it on."""
    start, end = one.segments[0][0] - 20, one.segments[-1][1] + 20
    return one.sound[max(0, start) * FRAME_SAMPLES : end * FRAME_SAMPLES]


def commands(limit: int, shortest_s: float, longest_s: float) -> dict[str, Pcm16]:
    """Up to ``limit`` of the shared orders whose speech is that long, spread over all of them: file name -> speech."""
    spoken = {f"{one.name}.flac": speech_of(one) for one in recordings(RECORDINGS) if one.segments}
    found = {name: pcm for name, pcm in spoken.items() if shortest_s <= pcm.size / RATE_HZ <= longest_s}
    found = {name: pcm for name, pcm in found.items() if (RECORDINGS / "coffee" / name).exists()}
    if not found:
        raise SystemExit(f"no recordings in {RECORDINGS / 'coffee'}; RTVA_RECORDINGS names their folder")
    names = sorted(found)
    return {name: found[name] for name in names[:: max(1, len(names) // limit)][:limit]}


def as_wav(pcm: Pcm16, target: Path) -> Path:
    """Sound as the peers read it: mono, 16 kHz, WAV."""
    from firmware_py.audio.wav import write_wav

    write_wav(target, RATE_HZ, [pcm])
    return target
