"""Final transcript of a command beside the peers, no credit for a draft.

    .venv/bin/python bench/bench_transcripts.py [--quick] [--json FILE]

Shared orders with 2.4 to 4 s of speech (silence cut off but for 200 ms), same threads for all, arms interleaved: each
arm once on a recording, then the next recording, then all again. Ours is the open recogniser (the same freedom as the
peers have) and the guided one, which the product uses. Time: from samples in memory to the final text, loaded and
warm. Guard: orders wholly right after the same understanding, and words that differ from those of our recogniser at
full context.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from arguments import part_parser, run_part
from bench_orders import edits
from measure import RECORDINGS, Part, Row, as_wav, commands, middle, p95, ratio, told
from peer import Peer

from firmware_py.config import Config
from firmware_py.events import Pcm16
from firmware_py.nlu.hassil import HassilUnderstanding
from firmware_py.pipeline import VoicePipeline
from firmware_py.stt import guards

PEERS = ("pywhispercpp", "faster-whisper", "faster-whisper beam 5", "pocketsphinx")
OURS = {"rtva": {"stt.guided": False}, "rtva guided": {"stt.guided": True}}
Arm = Callable[[Pcm16, Path], dict[str, Any]]


def our_arm(values: dict[str, Any], full_context: bool = False) -> Arm:
    config = Config.default().with_values({**values, "nlp.intents": [str(RECORDINGS / "coffee" / "intents.yaml")]})
    pipeline = VoicePipeline(config)
    pipeline.warm_recognition()
    pipeline.stt._full_context = full_context  # type: ignore[attr-defined]

    def transcribe(sound: Pcm16, wav: Path) -> dict[str, Any]:
        began = time.perf_counter_ns()
        found = pipeline.stt.transcribe(sound)
        return {"ms": (time.perf_counter_ns() - began) / 1e6, "text": found.text, "guards": list(found.guards)}

    return transcribe


def measure(quick: bool, threads: int, scratch: Path) -> Part:
    sounds, passes = commands(6 if quick else 20, 2.4, 4.0), 1 if quick else 2
    peers = {name: Peer(name, threads) for name in PEERS}
    arms: dict[str, Arm] = {name: our_arm(values) for name, values in OURS.items()}
    arms |= {name: lambda sound, wav, peer=peer: peer.ask(wav=str(wav)) for name, peer in peers.items()}  # type: ignore[misc]
    full = our_arm(OURS["rtva"], full_context=True)
    wavs = {name: as_wav(pcm, scratch / f"{name}.wav") for name, pcm in sounds.items()}
    for arm in arms.values():
        arm(next(iter(sounds.values())), next(iter(wavs.values())))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in arms}
    reference = {file: guards.words(full(sound, wavs[file])["text"]) for file, sound in sounds.items()}
    for _ in range(passes):
        for file, sound in sounds.items():
            for name, arm in arms.items():
                runs[name].append({"file": file, **arm(sound, wavs[file])})
    for peer in peers.values():
        peer.__exit__()
    return report(runs, reference, threads)


def report(runs: dict[str, list[dict[str, Any]]], reference: dict[str, list[str]], threads: int) -> Part:
    labels = json.loads((RECORDINGS / "coffee" / "labels.json").read_text())
    understanding = HassilUnderstanding(templates=(RECORDINGS / "coffee" / "intents.yaml",), builtin=False)
    arms: dict[str, dict[str, Any]] = {}
    for name, found in runs.items():
        words = [(guards.words(run["text"]), reference[run["file"]]) for run in found]
        meant = [(understanding.understand(run["text"]), labels[run["file"]]) for run in found]
        arms[name] = {
            "ms": [run["ms"] for run in found],
            "wer": sum(edits(ref, heard) for heard, ref in words) / max(1, sum(len(ref) for _, ref in words)),
            "right": sum(m.intent == w["intent"] and dict(m.slots) == w["slots"] for m, w in meant) / len(found),
            "loops": sum(guards.first_repeat(heard) is not None for heard, _ in words),
        }
    ours = arms["rtva"]
    part = Part("transcripts", f"{len(ours['ms'])} transcripts an arm, {threads} threads each", data={"arms": arms})
    guard = f"differs from full context in {ours['wer']:.1%} of the words; {ours['loops']} loops; "
    guard += "; ".join(f"{name} right {arm['right']:.0%}" for name, arm in arms.items())
    for peer, wanted in (("pywhispercpp", 8.0), ("faster-whisper", 4.0)):
        found = ratio(arms[peer]["ms"], ours["ms"])
        good = found["ratio"] >= wanted and ours["wer"] <= 0.005 and not ours["loops"]
        title = f"final transcript of a 3 s command against {peer}"
        part.rows.append(
            Row(title, f">= {wanted:g} times, words within 0.5 points, no loops", told(found), good, guard)
        )
        part.data[f"against {peer}"] = found
    for name, arm in arms.items():
        figures = f"{middle(arm['ms']):.0f} ms (P95 {p95(arm['ms']):.0f}, least {min(arm['ms']):.0f})"
        part.rows.append(Row(f"transcript by {name}", "", figures, None, f"right {arm['right']:.0%}"))
    return part


if __name__ == "__main__":
    run_part(part_parser(__doc__).parse_args(), measure)
