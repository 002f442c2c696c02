"""First sound of an answer: this project's voice beside its peers, on the same weights.

    .venv/bin/python bench/bench_tts.py [--quick] [--rounds 15] [--threads 1] [--json FILE] [--out bench/results/tts.md]

Arms: ``rtva`` (streaming, uncached), ``rtva, no splitting`` (``tts.sentence_splitting`` off), ``rtva whole``
(``tts.streaming`` off), ``rtva cached`` (the same text again, from memory and, opened anew, from the disk),
``piper-tts`` as its users call it (``PiperVoice.load`` and ``synthesize``), ``piper-tts, same options`` (with this
project's session options and threads), ``streaming-vits`` with its defaults, and ``streaming-vits, tuned`` (with the
margins and the schedule that its own ``calibrate`` finds here). The last two are handed phoneme ids, which spares them
the espeak process they start for each text, and run without their cached-state decoder, which needs an export through
torch. Peers come from ``build/bench-venv`` or, failing that, are installed into ``build/bench-tts`` (pip; nothing of
the product changes). Rounds are interleaved: each arm once, then each arm again. Loading and a warm-up are not counted.

first_ms: from the call until the first samples are there. cpu_ms: processor time of the process for all of it, which
other programs on the machine disturb less. slack_ms: the least sound that was left to play when a chunk came, had
the first been played at once; a gap where it is negative. ratio: first_ms of the arm over that of ``rtva`` in the same
round, the median and its 95 % interval (bootstrap). Guard: the largest difference of a sample between what is streamed
and the whole graph with the same noise, for each text.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py import models
from firmware_py.tts.cache import CachedSpeech
from firmware_py.tts.cut import cut
from firmware_py.tts.parts import open_parts
from firmware_py.tts.phonemes import Phonemes
from firmware_py.tts.piper import Piper, feed_of
from firmware_py.tts.schedule import Pace
from firmware_py.tts.sessions import Net, session_options
from firmware_py.tts.split_voice import Latent
from firmware_py.tts.spoken import spoken
from firmware_py.tts.voice import read_voice

ROOT = Path(__file__).resolve().parent.parent
PEERS = ("streaming-vits==0.4.2", "onnx==1.23.2", "protobuf", "ml_dtypes", "typing_extensions")
TEXTS = {
    "0.6 s": "Okay.",
    "1.6 s": "The living room lamp is on.",
    "3 s": "I have set a timer for ten minutes, it ends at noon.",
    "4 s": "It is twenty two degrees in the kitchen and nineteen degrees in the living room.",
    "8 s": "Today is the twenty second of November. It is five minutes past three, and your next alarm is tomorrow "
    "morning at half past six.",
}
QUICK = ("4 s", "1.6 s")
Arm = Callable[[str], Iterable[np.ndarray]]


def find_peers() -> str | None:
    """Puts the peers' packages behind the product's own; why not, where they cannot be had."""
    target = ROOT / "build" / "bench-tts"
    found = [*ROOT.glob("build/bench-venv/lib/python*/site-packages"), target]
    if not any((folder / "streaming_vits").is_dir() for folder in found):
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), *PEERS]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
    sys.path += [str(folder) for folder in found if folder.is_dir()]
    return None


def piper_tts(voice: models.VoiceWeights, options: Any = None) -> Arm:
    import onnxruntime
    from piper import PiperVoice

    peer = PiperVoice.load(voice.onnx, voice.config)
    if options is not None:
        peer.session = onnxruntime.InferenceSession(str(voice.onnx), options, providers=["CPUExecutionProvider"])
    return lambda text: (chunk.audio_int16_array for chunk in peer.synthesize(text))


def streaming_vits(voice: models.VoiceWeights, threads: int, *, is_tuned: bool) -> Arm:
    from streaming_vits import StreamingTTS
    from streaming_vits.calibrate import calibrate

    info = read_voice(voice.config)
    phonemes = Phonemes(info)
    kept = Path(tempfile.gettempdir()) / "bench-streaming-vits"
    peer = StreamingTTS(voice.onnx, config_path=voice.config, threads=threads, verbose=False, cache=kept)
    peer.phoneme_ids = lambda text: (np.array([phonemes.ids(text)], np.int64), [])
    if is_tuned:
        peer.profile = calibrate(peer, verbose=False)
    return lambda text: (np.asarray(chunk.audio) for chunk in peer.stream(text))


def arms(threads: int, scratch: Path) -> tuple[dict[str, Arm], dict[str, str]]:
    """The arms, and of those that cannot run here why."""
    voice = models.resolve_voice("en_US-joe-medium")
    ours = Piper(voice.onnx, voice.config, num_threads=threads)
    memory = CachedSpeech(ours)
    CachedSpeech(ours, scratch).warm(spoken(text) for text in TEXTS.values())
    found: dict[str, Arm] = {
        "rtva": ours.synthesize,
        "rtva cached, memory": memory.synthesize,
        "rtva cached, disk": lambda text: CachedSpeech(ours, scratch).synthesize(text),
        "rtva, no splitting": Piper(voice.onnx, voice.config, num_threads=threads, sentence_splitting=False).synthesize,
        "rtva whole": Piper(voice.onnx, voice.config, num_threads=threads, streaming=False).synthesize,
        "piper-tts": piper_tts(voice),
        "piper-tts, same options": piper_tts(voice, session_options(threads)),
    }
    missing = find_peers()
    if missing is None:
        found["streaming-vits"] = streaming_vits(voice, threads, is_tuned=False)
        found["streaming-vits, tuned"] = streaming_vits(voice, threads, is_tuned=True)
    return found, {} if missing is None else {"streaming-vits": missing}


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
    return [float(f"{low:.3g}"), float(f"{high:.3g}")]


def measure(contenders: dict[str, Arm], texts: Iterable[str], rounds: int) -> Iterable[tuple[str, dict[str, Any]]]:
    """The rows of one text after the other."""
    for label in texts:
        text = spoken(TEXTS[label])
        for arm in contenders.values():
            once(arm, text, 22050)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, arm in contenders.items():
                runs[name].append(once(arm, text, 22050))
        yield label, {name: summary(found, runs["rtva"]) for name, found in runs.items()}


def summary(found: list[dict[str, float]], ours: list[dict[str, float]]) -> dict[str, Any]:
    ratios = np.array([a["first_ms"] / b["first_ms"] for a, b in zip(found, ours, strict=True)])
    row: dict[str, Any] = {key: round(float(np.median([run[key] for run in found])), 2) for key in found[0]}
    row["first_p95_ms"] = round(float(np.percentile([run["first_ms"] for run in found], 95)), 2)
    row["first_min_ms"] = round(min(run["first_ms"] for run in found), 2)
    row["slack_ms"] = round(min(run["slack_ms"] for run in found), 1)
    row["starved"] = sum(run["slack_ms"] < 0 for run in found)
    row["rounds"] = len(found)
    return row | {"ratio": float(f"{np.median(ratios):.3g}"), "ratio_95": interval(ratios)}


def guard(texts: Iterable[str], threads: int) -> dict[str, float]:
    """For each text the largest difference between the chunks that are played and the whole graph, same noise."""
    voice = models.resolve_voice("en_US-joe-medium")
    info = read_voice(voice.config)
    phonemes = Phonemes(info)
    whole = Net(cut(voice.onnx.read_bytes()).whole, session_options(threads))
    errors: dict[str, float] = {}
    for label in texts:
        feed = feed_of(phonemes.ids(spoken(TEXTS[label])), info)
        parts = open_parts(voice.onnx, feed, threads)
        outputs = dict(zip(whole.outputs, whole(*feed), strict=True))
        piece = Latent(parts, outputs[parts.front.outputs[0]])
        pace, at, size, found = Pace(12.0, 0.75, 256 / 22.05), 0, 16, []
        while size:
            found.append(piece.samples(at, at + size))
            at += size
            size = pace.following(size, at * pace.frame_ms / 2, piece.frames - at)
        errors[label] = float(np.abs(np.concatenate(found) - outputs[whole.outputs[0]].reshape(-1)).max())
    return errors


def table(results: dict[str, Any]) -> Iterable[str]:
    yield "| reply | arm | first ms (P95, least) | all ms | cpu ms | sound s | slack ms | starved | first / rtva |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for label, rows in results.items():
        for name, r in rows.items():
            ratio = "" if name == "rtva" else f"{r['ratio']:.3g} ({r['ratio_95'][0]:.3g} to {r['ratio_95'][1]:.3g})"
            yield (
                f"| {label} | {name} | {r['first_ms']:.1f} ({r['first_p95_ms']:.1f}, {r['first_min_ms']:.1f}) "
                f"| {r['total_ms']:.1f} | {r['cpu_ms']:.1f} | {r['audio_s']:.2f} | {r['slack_ms']:.0f} "
                f"| {r['starved']} of {r['rounds']} | {ratio} |"
            )


def page(found: dict[str, Any]) -> str:
    machine, errors = found["machine"], found["guard"]
    lines = [
        "# Text to speech beside its peers",
        "",
        f"`bench/bench_tts.py`, {machine['processor']}, {machine['cores']} cores shared with other programs (load "
        f"{machine['load']:.1f} when it ended), {machine['threads']} thread(s) where an arm takes a number; "
        "milliseconds, medians.",
        "",
        *table(found["results"]),
        "",
        "Guard: largest difference between streamed and whole, of full scale: "
        + ", ".join(f"{error:.1e} ({label})" for label, error in errors.items()),
        *(f"Not run: {name}: {why}" for name, why in found["not_run"].items()),
    ]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """The processor's name as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two texts, five rounds")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) // 2))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a Markdown page")
    args = parser.parse_args(argv)
    texts, rounds = (QUICK, 5) if args.quick else (tuple(TEXTS), args.rounds)
    machine: dict[str, Any] = {"processor": processor(), "cores": os.cpu_count(), "threads": args.threads}
    found: dict[str, Any] = {"machine": machine, "guard": {}, "not_run": {}, "results": {}}
    with tempfile.TemporaryDirectory() as scratch:
        contenders, found["not_run"] = arms(args.threads, Path(scratch))
        for label, rows in measure(contenders, texts, rounds):
            found["results"][label] = rows
            found["guard"] |= guard([label], args.threads)
            machine["load"] = os.getloadavg()[0]
            write(found, args)  # what was measured stays, whatever ends the rest
    print(page(found))
    return 0


def write(found: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")
    if args.out:
        args.out.write_text(page(found))


if __name__ == "__main__":
    sys.exit(main())
