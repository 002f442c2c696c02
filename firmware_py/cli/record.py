"""``rtva record``: keeps a conversation, so that ``rtva replay`` can run it again."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from firmware_py.cli import ask, common, control
from firmware_py.errors import RtvaError, UsageError
from firmware_py.status.commands import CAPTURE_DEFAULT_MIN, RECORD_MINUTES

TEXT = """Keeps a conversation: the sound, the configuration, every turn event and what came of each turn. 'on', 'off'
and 'status' speak to the running service, which stores it in $RTVA_HOME/conversations for a day; --from and
--microphone do without one. docs/record-replay.md says what is in it."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("record", help="keep a conversation for a replay", description=TEXT)
    parser.add_argument("wanted", nargs="?", choices=("on", "off", "status"), help="of the running service")
    parser.add_argument("--from", dest="source", metavar="FILE", help="keep what becomes of a recording instead")
    parser.add_argument("--microphone", action="store_true", help="listen and answer here, without the service")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where it is kept; with --from and --microphone")
    parser.add_argument(
        "--minutes", type=int, metavar="N", help=f"it ends after; 1 to {RECORD_MINUTES[-1]} ({CAPTURE_DEFAULT_MIN})"
    )
    control.add_socket(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    _check(args)
    if args.wanted:
        args.command = "record"
        args.argument = f"on {args.minutes}" if args.minutes is not None else args.wanted
        return control.run(args)
    os.umask(0o077)
    kept, turns = _from_file(args) if args.source else _from_microphone(args)
    if args.json:
        common.emit({"file": str(kept), "turns": turns})
    else:
        print(f"{kept}: {turns} turns; 'rtva replay {kept}' runs it again")
    return 0


def _check(args: argparse.Namespace) -> None:
    hint = "see 'rtva record --help'"
    if sum((args.wanted is not None, args.source is not None, args.microphone)) != 1:
        raise UsageError(f"record: one of 'on', 'off', 'status', --from FILE, --microphone; {hint}")
    if (args.out is None) != (args.wanted is not None):
        raise UsageError(f"record: --out DIR belongs to --from and --microphone; {hint}")
    if args.minutes is not None and (
        args.minutes not in RECORD_MINUTES or args.wanted in ("off", "status") or args.source
    ):
        raise UsageError(f"--minutes: 1 to {RECORD_MINUTES[-1]}, with 'on' or --microphone; {hint}")


def _folder(args: argparse.Namespace) -> Any:
    from firmware_py.replay.form import PREFIX
    from firmware_py.service.private_folder import Bounds, PrivateFolder

    ask.make_folder(args.out)
    return PrivateFolder(args.out, PREFIX, Bounds(), is_ours=False)


def _from_file(args: argparse.Namespace) -> tuple[Path, int]:
    from firmware_py.pipeline import VoicePipeline
    from firmware_py.replay.again import keep
    from firmware_py.replay.form import digest

    folder = _folder(args)
    with VoicePipeline(common.load_config(args)) as pipeline:
        pipeline.initialize_components()
        common.note(pipeline.notes)

        def write(samples: Any, told: Any) -> Path:
            sha256 = digest([samples])
            kept: Path = folder.write_pair([samples], lambda: told(len(samples), sha256).as_bytes())
            return kept

        kept, answers = keep(pipeline, Path(args.source), write)
    return kept, len(answers)


def _from_microphone(args: argparse.Namespace) -> tuple[Path, int]:
    from firmware_py import app
    from firmware_py.pipeline import VoicePipeline
    from firmware_py.service.recorder import Recorder
    from firmware_py.status.board import Board
    from firmware_py.status.hub import Hub

    recorder = Recorder(_folder(args), Board(Hub()))
    with VoicePipeline(common.load_config(args)) as pipeline:
        microphone = app.open_microphone(pipeline)
        pipeline.initialize_components()
        common.note(pipeline.notes)
        observers = app.Observers(
            on_event=recorder.on_event, on_take=recorder.on_take, on_utterance=recorder.on_utterance
        )
        with app.running(pipeline, microphone, app.open_speaker(pipeline), observers) as appliance:
            recorder.appliance = appliance
            recorder.on(args.minutes or CAPTURE_DEFAULT_MIN)
            turns = _wait(recorder, appliance)
            recorder.close()
    status = recorder.status()
    if not status["file"]:
        raise RtvaError(status["why"] or "nothing was recorded")
    return Path(status["file"]), turns


def _wait(recorder: Any, appliance: Any) -> int:
    """Until it is over, or is interrupted: then what there is is kept."""
    turns, is_said = 0, False
    try:
        while recorder.is_on():
            for failure in (appliance.failure, appliance.capture.error):
                if failure is not None:
                    raise failure
            status = recorder.status()
            turns = max(turns, status["turns"])
            if status["has_begun"] and not is_said:
                is_said = True
                common.note(["speak; Ctrl-C ends it"])
            time.sleep(0.2)
    except KeyboardInterrupt:
        recorder.off("asked")
        while recorder.is_on():
            turns = max(turns, recorder.status()["turns"])
            time.sleep(0.1)
    return turns
