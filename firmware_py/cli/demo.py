"""``rtva demo``: asks itself a question aloud, answers it in the real walk at real-time pace, prints the timeline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from firmware_py.cli import ask, common
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.events import MARKS, Pcm16, TurnTrace

QUESTION = "What time is it?"
BAR_COLUMNS = 40


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("demo", help="one spoken question and its answer", description=__doc__)
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("build/demo"), help="default: build/demo")
    parser.add_argument("--question", default=QUESTION, help=f"default: {QUESTION!r}")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py import app
    from firmware_py.audio.wav import write_wav
    from firmware_py.pipeline import VoicePipeline

    ask.make_folder(args.out)
    with VoicePipeline(common.load_config(args), leaves_core=True) as pipeline:
        pipeline.initialize_components()
        common.note(pipeline.notes)
        question = args.out / "question.wav"
        write_wav(question, pipeline.tts.rate_hz, pipeline.tts.synthesize(args.question))
        answers = [a for a in app.converse(pipeline, question) if a.trace.transcript]
        if not answers or not answers[0].chunks:
            raise Unavailable(f"the walk did not answer {args.question!r}; 'rtva doctor' may say why")
        answer = answers[0]
        out = args.out / "answer.wav"
        write_wav(out, answer.rate_hz, answer.chunks)
    if args.json:
        common.emit(ask.turn_fields(str(question), answer.trace, out))
    else:
        tell(args.question, answer.trace, out, play_aloud(answer.rate_hz, answer.chunks))
    return 0


def play_aloud(rate_hz: int, chunks: list[Pcm16]) -> bool:
    """Plays the answer on the default ALSA device; False where there is none."""
    from firmware_py import backends

    try:
        speaker = backends.load("speaker", "alsa")("default", rate_hz=rate_hz)
    except RtvaError:
        return False
    try:
        for chunk in chunks:
            speaker.write(chunk)
        speaker.drain()
    except RtvaError:
        return False
    finally:
        speaker.close()
    return True


def tell(question: str, trace: TurnTrace, out: Path, was_played: bool) -> None:
    """What was said, and the timeline of the turn."""
    print(f"asked   {question}\nheard   {trace.transcript}\nmeant   {trace.intent} {dict(trace.slots) or ''}")
    print(f"reply   {trace.reply}\nvoice   {out}{'' if was_played else ' (no sound card: not played)'}\n")
    for line in timeline(trace):
        print(line)
    gap, latency = trace.response_gap_ms, trace.answer_latency_ms
    if gap is not None and latency is not None:
        print(f"\nanswer latency  play_first - endpoint  {latency:8.1f} ms")
        print(f"response gap    heard - speech_end     {gap:8.1f} ms")


def timeline(trace: TurnTrace) -> list[str]:
    """One line a mark: its time since the first voiced sample, and a bar."""
    marks = trace.marks_ms()
    start = marks["speech_start"] or 0.0
    reached = [v for v in marks.values() if v is not None]
    span = max(max(reached, default=0.0) - start, 1.0)
    lines = [f"{'mark':13} {'ms':>9}"]
    for name in MARKS:
        at = marks[name]
        if at is None:
            lines.append(f"{name:13} {'-':>9}")
        else:
            lines.append(f"{name:13} {at - start:9.1f}  {'.' * int((at - start) / span * BAR_COLUMNS)}|")
    return lines
