"""``rtva recognize FILE... --intents F``: speech to intent with the given templates alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from firmware_py.cli import common
from firmware_py.cli.transcribe import transcribe
from firmware_py.errors import ConfigError


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("recognize", help="speech to intent with given templates", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV or FLAC, any rate, any channels")
    parser.add_argument("--intents", type=Path, metavar="F", required=True, help="sentence templates (hassil YAML)")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py import backends
    from firmware_py.events import Understood
    from firmware_py.pipeline import VoicePipeline

    config = common.load_config(args)
    try:
        understanding = backends.load("understanding", "hassil")(
            templates=(args.intents,), builtin=False, repair_threshold=config.nlp.repair_threshold
        )
    except ConfigError as error:
        raise common.bad_intents(error) from error
    with VoicePipeline(config) as pipeline:
        pipeline.understand_with(understanding)
        pipeline.warm_recognition()
        common.note(pipeline.notes)
        is_guided = pipeline.is_guided

        def work(file: str) -> None:
            transcript, _ = transcribe(pipeline, file)
            understood = understanding.understand(transcript.text)
            if not transcript.is_guided and is_guided:
                understood = Understood(transcript.text, score=transcript.score)
            is_known = understood.intent is not None
            show(
                args,
                {
                    "file": file,
                    "transcript": transcript.text if transcript.is_guided or not is_known else understood.text,
                    "intent": understood.intent,
                    "slots": dict(understood.slots),
                    "score": round(transcript.score if is_guided else understood.score, 4),
                    "margin": round(transcript.margin, 3),
                },
            )

        def report(file: str, message: str) -> None:
            if args.json:
                empty: dict[str, Any] = {"transcript": None, "intent": None, "slots": {}, "score": 0.0, "margin": 0.0}
                common.emit({"file": file, **empty, "error": message})

        return common.each_file(args.files, work, report)


def show(args: argparse.Namespace, fields: dict[str, Any]) -> None:
    if args.json:
        common.emit(fields)
        return
    slots = " ".join(f"{name}={value!r}" for name, value in fields["slots"].items())
    print(f"{fields['file']}: {fields['intent'] or 'not understood'} {slots} ({fields['transcript']})", flush=True)
