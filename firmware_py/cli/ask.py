"""``rtva ask FILE...``: the whole walk on recordings, each a conversation of its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firmware_py.actions.kinds import KINDS, ActionFailed, described
from firmware_py.actions.runner import Runner
from firmware_py.addressed import WITHHELD
from firmware_py.cli import common
from firmware_py.controls import NoLoudspeaker
from firmware_py.errors import ConfigError, Unavailable, UsageError
from firmware_py.events import TurnTrace


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("ask", help="the whole walk on recordings", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="WAV or FLAC, any rate, any channels")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the spoken answers go, one WAV a turn")
    parser.add_argument("--pace", choices=("real", "fast"), default="fast", help="real time, or as fast as it goes")
    parser.add_argument("--intents", type=Path, metavar="F", help="sentence templates beside the built-in ones")
    parser.add_argument("--wake", action="store_true", help="answer only what follows a wake word (wake.words)")
    parser.add_argument("--act", action="store_true", help="do what the intents ask for instead of only saying it")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py import app
    from firmware_py.pipeline import VoicePipeline

    if args.out is not None:
        make_folder(args.out)
    config = common.with_intents(common.load_config(args), args.intents).with_values({"wake.enabled": args.wake})
    walk = app.replay if args.pace == "fast" else app.converse
    names = FileNames(args.out)
    with VoicePipeline(config, leaves_core=True) as pipeline:
        try:
            pipeline.initialize_components()
        except ConfigError as error:
            raise (common.bad_intents(error) if args.intents else error) from error
        common.note(pipeline.notes)
        failed: list[str] = []
        pipeline.runner = Runner([str(path) for path in config.nlp.programs], failed.append, is_inline=True)

        def work(file: str) -> None:
            failed.clear()
            app.begin_conversation(pipeline, NoLoudspeaker(), act=args.act)
            answers = spoken_to(walk(pipeline, Path(file)))
            for answer in answers:
                told = failed if answer is answers[-1] else []
                show(args, turn_fields(file, answer.trace, write_answer(answer, names, file), told), answer.trace)
            if failed:
                raise ActionFailed(f"{file}: {'; '.join(failed)}")

        def report(file: str, message: str) -> None:
            if args.json and not failed:
                common.emit({**turn_fields(file, TurnTrace(), None), "error": message})

        return common.each_file(args.files, work, report)


def make_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder}: that is a file; give a folder, which need not exist yet")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"{folder}: {error.strerror}") from error


def spoken_to(answers: list[Any]) -> list[Any]:
    """The turns in which something was said; one empty turn when nobody spoke."""
    from firmware_py.app import Answer

    heard = [a for a in answers if a.trace.transcript]
    return heard or answers[:1] or [Answer(TurnTrace())]


class FileNames:
    """A name for each answer: the recording's, numbered from the second turn on; never one twice."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._used: set[str] = set()

    def next(self, file: str) -> Path | None:
        if self.folder is None:
            return None
        stem = Path(file).stem
        number, name = 1, stem
        while name in self._used:
            number += 1
            name = f"{stem}-{number}"
        self._used.add(name)
        return self.folder / f"{name}.wav"


def write_answer(answer: Any, names: FileNames, file: str) -> Path | None:
    """Writes the answer's sound, if there is any and a folder to put it in."""
    from firmware_py.audio.wav import write_wav

    if not answer.chunks or (out := names.next(file)) is None:
        return None
    write_wav(out, answer.rate_hz, answer.chunks)
    return out


def turn_fields(file: str, trace: TurnTrace, out: Path | None, failed: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON of one turn; ``failed`` are the actions of the recording that did not work, with its last turn."""
    own = [{a.name: dict(a.arguments)} for a in trace.actions if a.name in KINDS]
    return {
        "file": file,
        "transcript": trace.transcript,
        "intent": trace.intent,
        "slots": dict(trace.slots),
        "score": round(trace.score, 4),
        "is_guided": trace.is_guided,
        "guided_score": round(trace.guided_score, 4),
        "margin": round(trace.margin, 3),
        "reply": trace.reply,
        "out": None if out is None else str(out),
        "marks_ms": trace.marks_ms(),
        "stages_ms": trace.stages_ms,
        "draft_hit": trace.draft_hit,
        "draft_ready": trace.draft_ready,
        "drafts_discarded": trace.drafts_discarded,
        "hangover_ms": trace.hangover_ms,
        "endpoint_reason": trace.endpoint_reason,
        "wake": trace.wake,
        "guards": list(trace.guards),
        **({"actions": own} if own else {}),
        **({"failed": list(failed)} if failed else {}),
    }


def show(args: argparse.Namespace, fields: dict[str, Any], trace: TurnTrace) -> None:
    if args.json:
        common.emit(fields)
        return
    print(f"{fields['file']}\n  heard  {trace.transcript or '(nobody spoke)'}")
    if trace.transcript:
        why = next((f"(none: {WITHHELD[guard]})" for guard in trace.guards if guard in WITHHELD), "")
        print(f"  meant  {trace.intent or '(unknown)'} {dict(trace.slots) or ''}\n  reply  {trace.reply or why}")
    for action in (a for a in trace.actions if a.name in KINDS):
        print(f"  {'does ' if args.act else 'would'}  {described(action.name, action.arguments)}")
    if fields["out"] is not None:
        print(f"  voice  {fields['out']}")
