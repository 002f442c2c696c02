"""What the energy detector adds to WebRTC's VAD in the endpointer: how soon a pause is seen, and at what price.

    .venv/bin/python bench/bench_endpoint.py [--json FILE]

The 144 orders in ``$RTVA_RECORDINGS`` (default ``../shared/speech``) ``/coffee``, as they are and with coloured noise
at 25 and 15 dB; the reference is a non-causal look at the energy of the clean recording (stretches of 40 ms less than
35 dB under the peak and 10 dB over the quietest tenth), so that "late" is against the end of sound, not of a word.
False pauses are those inside the reference, an order; a draft each. Then turns begun in a minute of kitchen noise.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import numpy as np
import soundfile
import webrtcvad

from firmware_py._endpoint import ENDPOINT, PAUSE, SPEECH, Endpointer
from firmware_py._front import FrontEnd

FOLDER = Path(os.environ.get("RTVA_RECORDINGS", Path(__file__).resolve().parents[2] / "shared" / "speech"))
FRAME = 160
RNG = np.random.default_rng(0)


def load(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0]


def loud_span(samples: np.ndarray) -> tuple[int, int, float]:
    """First and one past the last sample that is loud, and the RMS of what is not."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    energy = np.convolve(frames.var(axis=1), [0.25, 0.5, 0.25], "same")
    quiet = np.percentile(energy, 10)
    loud = energy > max(np.percentile(energy, 98) * 10**-3.5, quiet * 10)
    whole = np.flatnonzero(np.convolve(loud, np.ones(4), "valid") == 4)
    return int(whole[0]) * FRAME, int(whole[-1] + 4) * FRAME, float(np.sqrt(quiet))


def with_noise(samples: np.ndarray, span: tuple[int, int, float], snr_db: float | None) -> np.ndarray:
    """A second of the room behind the recording, and noise of 6 kHz bandwidth over all of it."""
    longer = np.concatenate([samples, RNG.normal(0, span[2], 16000)])
    if snr_db is not None:
        noise = np.convolve(RNG.normal(0, 1, len(longer)), [1, 0.9, 0.8, 0.6, 0.3], "same")
        noise *= samples[span[0] : span[1]].std() / noise.std() * 10 ** (-snr_db / 20)
        longer = longer + noise
    return np.clip(longer, -32768, 32767).astype(np.int16)


def judge(samples: np.ndarray, aggressiveness: int) -> list[tuple[int, int]]:
    front, detector, out = FrontEnd(), webrtcvad.Vad(aggressiveness), np.empty(FRAME, np.int16)
    verdicts = []
    for frame in samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME):
        is_active = front.process(frame, out)
        verdicts.append((int(detector.is_speech(out.tobytes(), 16000)), is_active))
    return verdicts


def decide(verdicts: list[tuple[int, int]], with_energy: bool) -> list[tuple[int, ...]]:
    endpointer = Endpointer()
    return [e for verdict, is_active in verdicts for e in endpointer.push(verdict, is_active if with_energy else -1)]


def orders(snr_db: float | None, aggressiveness: int) -> dict[bool, dict[str, list[float]]]:
    rows = {e: {"pause": [], "end": [], "false pauses": [], "turns": []} for e in (False, True)}
    for path in sorted((FOLDER / "coffee").glob("*.flac")):
        samples = load(path)
        span = loud_span(samples)
        verdicts = judge(with_noise(samples, span, snr_db), aggressiveness)
        for with_energy, row in rows.items():
            events = decide(verdicts, with_energy)
            pauses = [at for kind, at, *_ in events if kind == PAUSE]
            ends = [speech_end for kind, *_, speech_end in events if kind == ENDPOINT]
            row["pause"] += [(at - span[1]) / 16 for at in pauses if at > span[1] - 800][:1]
            row["end"] += [(end - span[1]) / 16 for end in ends[-1:]]
            row["false pauses"].append(sum(span[0] < at < span[1] for at in pauses))
            row["turns"].append(len(ends))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    figures = []
    print("noise  mode  energy  pause seen, ms (5, 50, 95 %)  speech_end late, ms    false pauses  one turn")
    for snr_db in (None, 25, 15):
        for aggressiveness in range(4):
            for with_energy, row in orders(snr_db, aggressiveness).items():
                pause, end = (
                    np.percentile(row[key], [5, 50, 95]).round().astype(int).tolist() for key in ("pause", "end")
                )
                false, one = float(np.mean(row["false pauses"])), float(np.mean(np.array(row["turns"]) == 1))
                judged = f"{snr_db!s:>5}{aggressiveness:6}{with_energy!s:>8}  {pause!s:<28}{end!s:<23}"
                print(f"{judged}{false:12.2f}{one:10.0%}")
                figures.append([snr_db, aggressiveness, with_energy, pause, end, false, one])
    kitchen = load(FOLDER / "noise" / "kitchen-first-minute.flac").astype(np.float64)
    for gain in (0.3, 1.0, 3.0):
        samples = np.clip(kitchen * gain, -32768, 32767).astype(np.int16)
        begun = [
            [sum(e[0] == SPEECH for e in decide(judge(samples, a), with_energy)) for with_energy in (False, True)]
            for a in range(4)
        ]
        print(f"kitchen minute, gain {gain}: turns begun without and with energy, modes 0 to 3: {begun}")
        figures.append(["kitchen", gain, begun])
    if args.json:
        args.json.write_text(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
