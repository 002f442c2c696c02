"""The embedded language model: loading, first word, first sound, words a second, memory. In the environment of
``make test-llm``: ``PYTHONPATH=. build/llm-venv/bin/python bench/bench_llm.py``."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from firmware_py import models
from firmware_py.llm.embedded import Embedded
from firmware_py.respond.sentences import SentenceBuffer
from firmware_py.tts.piper import Piper
from firmware_py.workers import WorkerPool

SYSTEM = "You are a voice assistant on a small device without a screen. Answer in one short sentence."
QUESTIONS = (
    "What is the capital of France?",
    "Why is the sky blue?",
    "Who wrote Hamlet?",
    "How far away is the moon?",
    "What do bees eat in the winter?",
    "How does a fridge work?",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    voice_files = models.resolve_voice("en_US-joe-medium")
    voice = Piper(onnx=voice_files.onnx, config=voice_files.config)
    list(voice.synthesize("Hello."))
    print("| model | threads | load ms | first word ms | first sound ms | tokens/s | memory MB |")
    print("|---|---|---|---|---|---|---|")
    for name in ("gemma3-270m", "smollm2-135m"):
        for threads in args.threads:
            print(row(name, threads, voice), flush=True)


def row(name: str, threads: int, voice: Any) -> str:
    """Medians over the questions, each asked once; sound is that of the first whole sentence."""
    arguments = {"path": models.resolve_llm(name), "threads": threads, "temperature": 0.0, "max_tokens": 60}
    with WorkerPool() as pool:
        engine = pool.make("llama", "llama_cpp", arguments)
        answers = [answer(Embedded(engine), question, voice) for question in QUESTIONS]
        told = engine.supervisor.snapshot()
        peak_mb = _peak_mb(told["pid"])
    first, sound, rate = (statistics.median(column) for column in zip(*answers, strict=True))
    return f"| {name} | {threads} | {told['load_ms']:.0f} | {first:.0f} | {sound:.0f} | {rate:.0f} | {peak_mb:.0f} |"


def answer(model: Embedded, question: str, voice: Any) -> tuple[float, float, float]:
    """Milliseconds to the first piece and to the sound of the first sentence; pieces a second behind the first."""
    buffer, count = SentenceBuffer(), 0
    first_ns = sound_ns = last_ns = 0
    began_ns = time.monotonic_ns()
    stream = model.chat([{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}])
    while (piece := stream.take(120.0)) is not None:
        last_ns = time.monotonic_ns()
        first_ns = first_ns or last_ns
        count += 1
        for sentence in buffer.push(str(piece)):
            sound_ns = sound_ns or _sounded(voice, sentence)
    for sentence in buffer.end():
        sound_ns = sound_ns or _sounded(voice, sentence)
    return (first_ns - began_ns) / 1e6, (sound_ns - began_ns) / 1e6, (count - 1) / max(1e-9, (last_ns - first_ns) / 1e9)


def _sounded(voice: Any, sentence: str) -> int:
    next(iter(voice.synthesize(sentence)))
    return time.monotonic_ns()


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
