"""``rtva replay``: runs kept conversations again and says what differs from then."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from firmware_py.cli import ask, common
from firmware_py.errors import EX_PROTOCOL, RtvaError

TEXT = f"""Runs a conversation that 'rtva record' kept again, on its own clock: the same sound to the sample, the same
date and time, dice and readings. Says what differs. Exit code 0: nothing does; {EX_PROTOCOL}: something does; others as
everywhere."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("replay", help="run a kept conversation again", description=TEXT)
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="FILE|FOLDER", help="NAME.json, NAME.wav, or a folder of them"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the spoken answers go, one WAV a turn")
    common.add_config(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.replay.form import find

    if args.out is not None:
        ask.make_folder(args.out)
    worst = 0
    for path in args.paths:
        try:
            for kept in find(path):
                worst = max(worst, _one(args, kept))
        except RtvaError as error:
            common.complain(error)
            if args.json:
                common.emit({"file": str(path), "same": None, "error": str(error)})
            worst = max(worst, error.exit_code)
    return worst


def _one(args: argparse.Namespace, kept: Path) -> int:
    from firmware_py.replay.again import replay

    is_other = args.config is not None or args.preset is not None
    done = replay(kept, common.load_config(args) if is_other else None)
    names = ask.FileNames(args.out)
    for answer in done.answers:
        ask.write_answer(answer, names, kept.name)
    if args.json:
        common.emit(
            {
                "file": str(kept),
                "same": not done.differences,
                "events": len(done.events),
                "turns": [
                    turn.model_dump(include={"at", "transcript", "intent", "slots", "reply"}) for turn in done.turns
                ],
                "differences": [difference.as_json() for difference in done.differences],
                "notes": done.notes,
            }
        )
    else:
        _show(kept, done)
    return EX_PROTOCOL if done.differences else 0


def _show(kept: Path, done: Any) -> None:
    print(f"{kept}: {'as recorded' if not done.differences else f'{len(done.differences)} differences'}")
    for turn in done.turns:
        said = repr(turn.transcript) if turn.transcript else "(nothing said)"
        print(f"  {turn.at / 16_000:7.2f} s  {said} -> {turn.intent or '-'}: {turn.reply!r}")
    for difference in done.differences:
        print(f"  DIFFERS  {difference}")
    for note in done.notes:
        print(f"  note     {note}")
