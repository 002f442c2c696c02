"""``rtva transcribe FILE...``: speech to text alone, the whole file as one utterance."""

from __future__ import annotations

import argparse
import time
from typing import Any

from firmware_py.cli import common
from firmware_py.events import Transcript


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("transcribe", help="speech to text", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV or FLAC, any rate, any channels")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.pipeline import VoicePipeline

    config = common.load_config(args).with_values({"stt.guided": False})
    with VoicePipeline(config) as pipeline:
        pipeline.warm_recognition()
        common.note(pipeline.notes)

        def work(file: str) -> None:
            transcript, stt_ms = transcribe(pipeline, file)
            show(args, file, transcript.text, stt_ms)

        def report(file: str, message: str) -> None:
            if args.json:
                common.emit({"file": file, "text": None, "stt_ms": None, "error": message})

        return common.each_file(args.files, work, report)


def transcribe(pipeline: Any, file: str) -> tuple[Transcript, float]:
    """One transcript of a whole recording and the milliseconds that recognition took.

    A recording past 30 s is read and recognised piece by piece, so that an hour needs no more memory.
    """
    from firmware_py.audio.recording import decode
    from firmware_py.stt.stream import utterances

    pieces: list[Transcript] = []
    spent_ns = 0
    for audio in utterances(decode(file)):
        started = time.perf_counter_ns()
        pieces.append(pipeline.stt.transcribe(audio))
        spent_ns += time.perf_counter_ns() - started
    if len(pieces) == 1:
        return pieces[0], spent_ns / 1e6
    return Transcript(" ".join(p.text for p in pieces if p.text)), spent_ns / 1e6


def show(args: argparse.Namespace, file: str, text: str, stt_ms: float) -> None:
    if args.json:
        common.emit({"file": file, "text": text, "stt_ms": round(stt_ms, 3)})
    else:
        print(f"{file}: {text}" if len(args.files) > 1 else text, flush=True)
