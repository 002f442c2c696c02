"""First sound of an uncached and of a cached reply beside the peers, on the same voice.

    .venv/bin/python bench/bench_first_sound.py [--quick] [--json FILE]

Peers run in processes of their own with their own defaults (``piper-tts``: whole sentences, all threads). Replies of
2 s and more; arms interleaved; loading and a warm-up are not counted. Guard: the largest difference between what our
parts give window by window and the whole voice, measured when the voice was cut, and the least sound left to play
when a chunk came (negative: a gap).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arguments import part_parser, run_part
from bench_tts import TEXTS, once
from measure import Part, Row, middle, p95, ratio, told
from peer import Peer

from firmware_py import models
from firmware_py.config import Config
from firmware_py.pipeline import VoicePipeline
from firmware_py.tts.parts import parts_folder
from firmware_py.tts.spoken import spoken

LONG = ("3 s", "4 s", "8 s")
PEERS = ("piper-tts", "streaming-vits")


def measure(quick: bool, threads: int, scratch: Path) -> Part:
    rounds = 4 if quick else 12
    peers = {name: Peer(name, threads) for name in PEERS}
    config = Config.default().with_values({"tts.cache.enabled": True, "tts.cache.disk_mb": 0})
    runs: dict[str, list[dict[str, Any]]] = {"rtva": [], "rtva cached": [], **{name: [] for name in PEERS}}
    with VoicePipeline(config) as pipeline:
        rate_hz = pipeline.voice.rate_hz
        texts = [spoken(TEXTS[label]) for label in LONG]
        for text in texts:
            once(pipeline.voice.synthesize, text, rate_hz)
            once(pipeline.tts.synthesize, text, rate_hz)
            for peer in peers.values():
                peer.ask(text=text)
        for _ in range(rounds):
            for text in texts:
                runs["rtva"].append(once(pipeline.voice.synthesize, text, rate_hz))
                runs["rtva cached"].append(once(pipeline.tts.synthesize, text, rate_hz))
                for name, peer in peers.items():
                    runs[name].append(peer.ask(text=text))
    for peer in peers.values():
        peer.__exit__()
    return report(runs, threads)


def report(runs: dict[str, list[dict[str, Any]]], threads: int) -> Part:
    firsts = {name: [run["first_ms"] for run in found] for name, found in runs.items()}
    parts = json.loads((parts_folder(models.resolve_voice("en_US-joe-medium").onnx) / "parts.json").read_text())
    slack = min(run["slack_ms"] for run in runs["rtva"])
    guard = f"largest difference from the whole {parts['largest_error']:.1e}; least sound left to play {slack:.0f} ms"
    part = Part(
        "first sound",
        f"{len(firsts['rtva'])} replies an arm, ours half of {threads} threads",
        data={"first_ms": firsts},
    )
    is_same = parts["largest_error"] <= 1e-4
    for peer, wanted in (("piper-tts", 3.0), ("streaming-vits", 1.0)):
        found = ratio(firsts[peer], firsts["rtva"])
        part.data[f"against {peer}"] = found
        wish = f">= {wanted:g} times as fast" if wanted > 1 else "not slower"
        good = found["ratio"] >= wanted and is_same
        part.rows.append(Row(f"first sound of an uncached reply against {peer}", wish, told(found), good, guard))
    cached = middle(firsts["rtva cached"])
    figure = f"{cached:.2f} ms (P95 {p95(firsts['rtva cached']):.2f})"
    part.rows.append(
        Row("first sound of a cached reply", "<= 2 ms", figure, cached <= 2.0, "the samples of the first time")
    )
    for name, values in firsts.items():
        part.rows.append(Row(f"first sound by {name}", "", f"{middle(values):.1f} ms (P95 {p95(values):.1f})", None))
    return part


if __name__ == "__main__":
    run_part(part_parser(__doc__).parse_args(), measure)
