"""First sound of an answer: this project's voice beside its peers, on the same weights.

    .venv/bin/python bench/bench_tts.py [--rounds 15] [--threads 1] [--json FILE]

Arms: ``rtva`` (streaming, as the service runs it), ``rtva whole`` (streaming off), ``piper-tts`` as its users call
it (``PiperVoice.load`` and ``synthesize``), ``piper-tts, same options`` (with this project's session options and
threads), and ``streaming-vits`` where it is installed (``pip install streaming-vits`` into the benchmark's own
environment; it is handed the phoneme ids, which spares it the espeak process it starts for each text). Rounds are
interleaved: each arm once, then each arm again. Uncached; loading and a warm-up are not counted.

first_ms: from the call until the first samples are there. cpu_ms: processor time of the process for all of it, which
other programs on the machine disturb less. slack_ms: the least sound that was left to play when a chunk came, had
the first been played at once (negative: a gap). ratio: first_ms of the arm over that of ``rtva``, the median over the
rounds and its 95 % interval (bootstrap). Guard: the largest difference of a sample between windows and whole.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py import models
from firmware_py.tts.parts import parts_folder
from firmware_py.tts.phonemes import Phonemes
from firmware_py.tts.piper import Piper
from firmware_py.tts.sessions import session_options
from firmware_py.tts.spoken import spoken
from firmware_py.tts.voice import read_voice

TEXTS = {
    "0.6 s": "Okay.",
    "1.6 s": "The living room lamp is on.",
    "3 s": "I have set a timer for ten minutes, it ends at noon.",
    "4 s": "It is twenty two degrees in the kitchen and nineteen degrees in the living room.",
    "8 s": "Today is the twenty second of November. It is five minutes past three, and your next alarm is tomorrow "
    "morning at half past six.",
}
Arm = Callable[[str], Iterable[np.ndarray]]


def piper_tts(voice: models.VoiceWeights, options: Any = None) -> Arm:
    import onnxruntime
    from piper import PiperVoice

    peer = PiperVoice.load(voice.onnx, voice.config)
    if options is not None:
        peer.session = onnxruntime.InferenceSession(str(voice.onnx), options, providers=["CPUExecutionProvider"])
    return lambda text: (chunk.audio_int16_array for chunk in peer.synthesize(text))


def streaming_vits(voice: models.VoiceWeights, threads: int) -> Arm | None:
    try:
        from streaming_vits import StreamingTTS
    except ImportError:
        return None
    info = read_voice(voice.config)
    phonemes = Phonemes(info)
    kept = Path(tempfile.gettempdir()) / "bench-streaming-vits"
    peer = StreamingTTS(voice.onnx, config_path=voice.config, threads=threads, verbose=False, cache=kept)
    peer.phoneme_ids = lambda text: (np.array([phonemes.ids(text)], np.int64), [])
    return lambda text: (np.asarray(chunk.audio) for chunk in peer.stream(text))


def arms(threads: int) -> dict[str, Arm]:
    voice = models.resolve_voice("en_US-joe-medium")
    found: dict[str, Arm | None] = {
        "rtva": Piper(voice.onnx, voice.config, num_threads=threads).synthesize,
        "rtva whole": Piper(voice.onnx, voice.config, num_threads=threads, streaming=False).synthesize,
        "piper-tts": piper_tts(voice),
        "piper-tts, same options": piper_tts(voice, session_options(threads)),
        "streaming-vits": streaming_vits(voice, threads),
    }
    return {name: arm for name, arm in found.items() if arm is not None}


def once(arm: Arm, text: str, rate_hz: int) -> dict[str, float]:
    """One synthesis: first_ms, total_ms, cpu_ms, audio_s, slack_ms."""
    begun, cpu = time.perf_counter(), time.process_time()
    ready = [((time.perf_counter() - begun) * 1e3, chunk.size) for chunk in arm(text)]
    cpu_ms = (time.process_time() - cpu) * 1e3
    sound_ms = np.cumsum([0, *(size for _, size in ready)]) / rate_hz * 1e3
    slack = [ready[0][0] + sound_ms[i] - at for i, (at, _) in enumerate(ready) if i]
    return {
        "first_ms": ready[0][0],
        "total_ms": ready[-1][0],
        "cpu_ms": cpu_ms,
        "audio_s": float(sound_ms[-1]) / 1e3,
        "slack_ms": float(min(slack, default=0.0)),
    }


def interval(ratios: np.ndarray) -> list[float]:
    """The 95 % bootstrap interval of the median."""
    draws = np.random.default_rng(0).choice(ratios, (2000, ratios.size))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    return [round(float(low), 2), round(float(high), 2)]


def measure(rounds: int, threads: int) -> dict[str, Any]:
    contenders = arms(threads)
    results: dict[str, Any] = {}
    for label, text in TEXTS.items():
        text = spoken(text)
        for arm in contenders.values():
            once(arm, text, 22050)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, arm in contenders.items():
                runs[name].append(once(arm, text, 22050))
        results[label] = {name: summary(found, runs["rtva"]) for name, found in runs.items()}
    return results


def summary(found: list[dict[str, float]], ours: list[dict[str, float]]) -> dict[str, Any]:
    ratios = np.array([a["first_ms"] / b["first_ms"] for a, b in zip(found, ours, strict=True)])
    row: dict[str, Any] = {key: round(float(np.median([run[key] for run in found])), 2) for key in found[0]}
    row["first_p95_ms"] = round(float(np.percentile([run["first_ms"] for run in found], 95)), 2)
    row["slack_ms"] = round(min(run["slack_ms"] for run in found), 1)
    return row | {"ratio": round(float(np.median(ratios)), 2), "ratio_95": interval(ratios)}


def show(results: dict[str, Any]) -> None:
    print("| reply | arm | first ms (P95) | all ms | cpu ms | sound s | slack ms | first / rtva |")
    print("|---|---|---|---|---|---|---|---|")
    for label, rows in results.items():
        for name, r in rows.items():
            ratio = "" if name == "rtva" else f"{r['ratio']:.2f} ({r['ratio_95'][0]:.2f} to {r['ratio_95'][1]:.2f})"
            print(
                f"| {label} | {name} | {r['first_ms']:.1f} ({r['first_p95_ms']:.1f}) | {r['total_ms']:.1f} "
                f"| {r['cpu_ms']:.1f} | {r['audio_s']:.2f} | {r['slack_ms']:.0f} | {ratio} |"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    results = measure(args.rounds, args.threads)
    info = json.loads((parts_folder(models.resolve_voice("en_US-joe-medium").onnx) / "parts.json").read_text())
    guard = {"largest_error": info["largest_error"], "context": info["context"]}
    show(results)
    print(f"\nguard: windows and whole differ by at most {guard['largest_error']:.1e} of full scale")
    if args.json:
        machine = {"processor": platform.processor(), "cores": os.cpu_count(), "threads": args.threads}
        args.json.write_text(json.dumps({"machine": machine, "guard": guard, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
