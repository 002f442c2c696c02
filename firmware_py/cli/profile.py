"""``rtva profile``: the guide's table of stages with their shares, measured on real turns."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from firmware_py.cli import common
from firmware_py.errors import UsageError
from firmware_py.events import TurnTrace

ROWS = {
    "audio": "Audio Processing",
    "vad": "VAD",
    "stt": "Speech-to-Text",
    "nlu": "NLP",
    "reply": "Response Generation",
    "tts_first": "Text-to-Speech",
}
"""Stage -> the guide's name. Text-to-Speech is the first chunk, as the guide's target is."""

QUESTIONS = (
    "What time is it?",
    "What is the date today?",
    "What is twelve times seven?",
    "Set the volume to forty percent.",
)


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("profile", help="time a stage takes", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings; default: four questions")
    parser.add_argument("-n", "--turns", type=int, default=8, help="turns to measure (default: 8)")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py import app
    from firmware_py.pipeline import VoicePipeline

    if args.turns < 1:
        raise UsageError(f"--turns {args.turns}: at least 1 (see 'rtva profile --help')")
    with VoicePipeline(common.load_config(args)) as pipeline, tempfile.TemporaryDirectory() as folder:
        pipeline.initialize_components()
        common.note(pipeline.notes)
        files = args.files or ask_aloud(pipeline, Path(folder))
        traces: list[TurnTrace] = []
        while len(traces) < args.turns:
            spoken = [a.trace for a in app.replay(pipeline, files[len(traces) % len(files)]) if a.trace.reply]
            if not spoken:
                raise UsageError(f"nothing in {files[len(traces) % len(files)]} was answered; give other recordings")
            traces.append(spoken[0])
    stages = {stage: statistics.median(t.stages_ms.get(stage, 0.0) for t in traces) for stage in ROWS}
    show(args, stages, len(traces))
    return 0


def ask_aloud(pipeline: Any, folder: Path) -> list[Path]:
    """Synthesises the questions."""
    from firmware_py.audio.wav import write_wav

    files = [folder / f"{number}.wav" for number in range(len(QUESTIONS))]
    for file, question in zip(files, QUESTIONS, strict=True):
        write_wav(file, pipeline.tts.rate_hz, pipeline.tts.synthesize(question))
    return files


def show(args: argparse.Namespace, stages: dict[str, float], turns: int) -> None:
    total = sum(stages.values())
    if args.json:
        rows = [
            {"stage": s, "name": ROWS[s], "ms": round(ms, 3), "share": round(ms / total, 4)} for s, ms in stages.items()
        ]
        common.emit({"stages": rows, "total_ms": round(total, 3), "turns": turns, "statistic": "median"})
        return
    for stage, ms in stages.items():
        print(f"{ROWS[stage] + ':':22} {ms:7.2f}ms ({ms / total:5.1%})")
    print("-" * 40 + f"\n{'TOTAL LATENCY:':22} {total:7.2f}ms   (medians of {turns} turns)")
