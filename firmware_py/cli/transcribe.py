"""``rtva transcribe FILE...``: speech to text alone, the whole file as one utterance."""

from __future__ import annotations

import argparse
import time
from typing import Any

from firmware_py.cli import common
from firmware_py.events import RATE_HZ, Partial, Transcript

STEP_SAMPLES = RATE_HZ // 10


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("transcribe", help="speech to text", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV or FLAC, any rate, any channels")
    parser.add_argument("--partials", action="store_true", help="the text so far after every 400 ms of sound, too")
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
            transcript, stt_ms = transcribe(pipeline, file, args if args.partials else None)
            show(args, file, transcript.text, stt_ms)

        def report(file: str, message: str) -> None:
            if args.json:
                final = {"final": True} if args.partials else {}
                common.emit({"file": file, "text": None, "stt_ms": None, **final, "error": message})

        return common.each_file(args.files, work, report)


def transcribe(pipeline: Any, file: str, partials: argparse.Namespace | None = None) -> tuple[Transcript, float]:
    """One transcript of a whole recording and the milliseconds that recognition took; ``partials`` shows those too.

    A recording past 30 s is read and recognised piece by piece, so that an hour needs no more memory.
    """
    from firmware_py.audio.recording import decode
    from firmware_py.stt.stream import utterances

    pieces: list[Transcript] = []
    spent_ns = 0
    before_ms = 0
    for audio in utterances(decode(file)):
        if partials is not None:
            show_partials(partials, file, pipeline.stream(), audio, [p.text for p in pieces if p.text], before_ms)
        started = time.perf_counter_ns()
        pieces.append(pipeline.stt.transcribe(audio))
        spent_ns += time.perf_counter_ns() - started
        before_ms += audio.size * 1000 // RATE_HZ
    if len(pieces) == 1:
        return pieces[0], spent_ns / 1e6
    return Transcript(" ".join(p.text for p in pieces if p.text)), spent_ns / 1e6


def show_partials(
    args: argparse.Namespace, file: str, stream: Any, audio: Any, before: list[str], before_ms: int
) -> None:
    """The text so far of one piece, behind that of the pieces before it, which is final."""
    for at in range(0, audio.size, STEP_SAMPLES):
        found: Partial | None = stream.push(audio[at : at + STEP_SAMPLES])
        if found is None:
            continue
        text, stable = (" ".join([*before, part]).strip() for part in (found.text, found.stable))
        if args.json:
            fields = {"file": file, "text": text, "stable": stable, "at_ms": before_ms + found.at_ms, "final": False}
            common.emit(fields)
        else:
            print(f"~ {text}", flush=True)


def show(args: argparse.Namespace, file: str, text: str, stt_ms: float) -> None:
    if args.json:
        final = {"final": True} if args.partials else {}
        common.emit({"file": file, "text": text, "stt_ms": round(stt_ms, 3), **final})
    else:
        print(f"{file}: {text}" if len(args.files) > 1 else text, flush=True)
