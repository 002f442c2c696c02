"""``rtva transcribe FILE...``: speech to text alone, the whole file as one utterance."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from firmware_py.cli import common


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("transcribe", help="speech to text", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="WAV or FLAC, any rate, any channels")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.audio.recording import load
    from firmware_py.pipeline import VoicePipeline

    config = common.load_config(args).with_values({"stt.guided": False})
    with VoicePipeline(config) as pipeline:
        warm_recognition(pipeline)
        common.note(pipeline.notes)

        def work(file: Path) -> None:
            audio = load(file)
            started = time.perf_counter_ns()
            transcript = pipeline.stt.transcribe(audio)
            stt_ms = (time.perf_counter_ns() - started) / 1e6
            show(args, file, transcript.text, stt_ms)

        def report(file: Path, message: str) -> None:
            if args.json:
                common.emit({"file": str(file), "text": None, "stt_ms": None, "error": message})

        return common.each_file(args.files, work, report)


def show(args: argparse.Namespace, file: Path, text: str, stt_ms: float) -> None:
    if args.json:
        common.emit({"file": str(file), "text": text, "stt_ms": round(stt_ms, 3)})
    else:
        print(f"{file}: {text}" if len(args.files) > 1 else text, flush=True)


def warm_recognition(pipeline: Any) -> None:
    """Loads and warms the recogniser, so that a file's time is the engine's own."""
    warm = getattr(pipeline.stt, "warm", None)
    if warm is not None:
        warm()
