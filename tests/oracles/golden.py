"""Golden verdicts: what front end, detector and endpointer said of a signal, as short strings.

``python tests/oracles/golden.py FOLDER`` writes ``tests/golden/core.json`` anew from the recordings in FOLDER. Read the
difference before you commit it: it is a change of behaviour that people will hear.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import webrtcvad
from numpy.typing import NDArray

from firmware_py._endpoint import KIND_NAMES, Endpointer
from firmware_py._front import FrontEnd

PATH = Path(__file__).resolve().parent.parent / "golden" / "core.json"
FRAME = 160
TAIL_FRAMES = 100  # silence after a recording, so that its last utterance ends
SYMBOLS = {-1: "u", 0: "0", 1: "1"}


def pack(verdicts: list[int]) -> str:
    """``[1, 1, 0]`` -> ``"1*2 0*1"``."""
    return " ".join(f"{SYMBOLS[v]}*{len(list(run))}" for v, run in itertools.groupby(verdicts))


def unpack(packed: str) -> list[int]:
    values = {symbol: value for value, symbol in SYMBOLS.items()}
    return [v for symbol, count in (r.split("*") for r in packed.split()) for v in [values[symbol]] * int(count)]


def judge(samples: NDArray[np.int16], aggressiveness: int) -> dict[str, str]:
    """The detector's and the energy detector's verdicts on each whole frame."""
    front, detector, out = FrontEnd(), webrtcvad.Vad(aggressiveness), np.empty(FRAME, np.int16)
    speech, active = [], []
    for frame in samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME):
        active.append(front.process(frame, out))
        speech.append(int(detector.is_speech(out.tobytes(), 16000)))
    return {"speech": pack(speech), "active": pack(active)}


def decide(speech: list[int], active: list[int]) -> list[list[Any]]:
    """Turn events as ``[kind, at, start, speech_start, speech_end]`` in frames."""
    endpointer, events = Endpointer(), []
    silence = [(0, 0)] * TAIL_FRAMES
    for verdict, is_active in itertools.chain(zip(speech, active, strict=True), silence):
        for kind, *positions in endpointer.push(verdict, is_active):
            assert all(p % FRAME == 0 for p in positions)
            events.append([KIND_NAMES[kind], *(p // FRAME for p in positions)])
    return events


def verdicts(samples: NDArray[np.int16], aggressiveness: int = 2) -> dict[str, Any]:
    said = judge(samples, aggressiveness)
    return {"aggressiveness": aggressiveness, **said, "events": decide(unpack(said["speech"]), unpack(said["active"]))}


def synthetic() -> NDArray[np.int16]:
    """Six seconds by integer arithmetic alone, the same on every machine: noise, two vowels of a kind, an offset."""
    n = np.arange(96000, dtype=np.int64)
    noise = (n * 2654435761 % 2**32 >> 20) % 81 - 40
    vowel = np.zeros_like(n)
    for start, stop, period in ((16000, 26000, 128), (28000, 40000, 100), (60000, 64000, 140)):
        t = n[start:stop]
        envelope = np.minimum(np.minimum(t - start, stop - t), 1600)
        for harmonic, weight in ((1, 4), (3, 3), (7, 2)):
            phase = t * harmonic * 4 % (4 * period)
            vowel[start:stop] += envelope * weight * (np.abs(phase - 2 * period) - period) // period // 2
    return (noise + vowel + 300).astype(np.int16)


def files(folder: Path) -> list[Path]:
    """The recordings that need no resampling, whose int16 samples are therefore exact: eleven orders, JFK, noise."""
    orders = sorted((folder / "coffee").glob("*.flac"))[::13]
    return [*orders, folder / "jfk.wav", folder / "noise" / "kitchen-first-minute.flac"]


def load(path: Path) -> NDArray[np.int16]:
    samples, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 16000 and samples.ndim == 1, path
    return np.ascontiguousarray(samples)


def main() -> None:
    folder = Path(sys.argv[1])
    golden = {"synthetic": verdicts(synthetic())}
    golden |= {str(path.relative_to(folder)): verdicts(load(path)) for path in files(folder)}
    PATH.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
