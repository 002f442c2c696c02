"""``rtva setup``: walks a newcomer through microphone, speaker, capture gain, a hearing test and the time zone."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from firmware_py import config as configuration
from firmware_py.cli import common, control
from firmware_py.cli.config import check_templates
from firmware_py.cli.setup_console import (
    WORDS,
    Again,
    Back,
    Console,
    SerialConsole,
    Skip,
    Terminal,
    Unattended,
    ask,
    yes_or_no,
)
from firmware_py.cli.setup_steps import STEPS, Wizard, check_zone
from firmware_py.errors import RtvaError, Unavailable, UsageError
from firmware_py.settings import document
from firmware_py.settings.edit import changed
from firmware_py.settings.knobs import plain

TEXT = f"""Walks through microphone, channel and speaker, the capture gain, a hearing test and the time zone, and writes
what was chosen into the configuration; its comments stay. At every question: Enter keeps what stands in
brackets, {WORDS}. With --yes nobody is asked: what the options say is tried and written, the rest stays."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("setup", help="choose microphone, speaker, gain and time zone", description=TEXT)
    parser.add_argument("--config", type=Path, metavar="F", help="the file to change (default: the one in force)")
    parser.add_argument("--step", choices=STEPS, nargs="+", default=list(STEPS), help="only these")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--microphone", metavar="NAME", help="capture device, as 'arecord -L' names it")
    parser.add_argument("--channel", metavar="N|mix", help="which of its channels")
    parser.add_argument("--speaker", metavar="NAME", help="playback device, as 'aplay -L' names it")
    parser.add_argument("--gain", type=int, metavar="PERCENT", help="capture gain")
    parser.add_argument("--hear", action="store_true", help="with --yes: run the hearing test")
    parser.add_argument("--time-zone", metavar="ZONE", help="such as Europe/Berlin")
    parser.add_argument("--serial", type=Path, metavar="DEVICE", help="ask there instead of in this terminal")
    parser.add_argument("--baud", type=int, default=115200, help="of that line (default: 115200)")
    parser.add_argument("--socket", type=Path, metavar="F", help="control socket of the service")
    common.add_json(parser)
    parser.set_defaults(run=run, preset=None)


def run(args: argparse.Namespace) -> int:
    given = _given(args)
    path = target(args.config)
    before = configuration.load(path) if path.exists() else configuration.Config.default()
    _refuse_held_devices(args)
    with contextlib.closing(_console(args)) as console:
        wizard = Wizard(console, before, given)
        try:
            changes = _go(wizard, args.step, path)
        except KeyboardInterrupt:
            console.say(f"\n{path}: left as it was")
            raise
        if args.json:
            common.emit({"file": str(path), "changed": {key: plain(value) for key, value in changes.items()}})
        else:
            restart = "written; 'sudo systemctl restart rtva' takes it over"
            console.say(f"{path}: {restart if changes else 'nothing to change'}")
    return 0


def _go(wizard: Wizard, names: list[str], path: Path) -> dict[str, Any]:
    """The steps and the writing; what was written."""
    before = wizard.config
    walk(wizard, names)
    while changes := {key: value for key, value in wizard.values.items() if value != before.value(key)}:
        step = _confirmed(wizard, names, path, changes)
        if not step:
            write(path, changes)
            break
        walk(wizard, [step])
    return changes


def _given(args: argparse.Namespace) -> dict[str, Any]:
    hint = "see 'rtva setup --help'"
    channel: Any = args.channel
    if channel is not None and channel != "mix":
        if not channel.isdigit() or int(channel) > 63:
            raise UsageError(f"--channel: {channel!r}; allowed: 0 to 63, mix; {hint}")
        channel = int(channel)
    if args.gain is not None and not 0 <= args.gain <= 100:
        raise UsageError(f"--gain: {args.gain}; allowed: 0 to 100; {hint}")
    if args.yes and args.serial:
        raise UsageError(f"--yes asks nothing, --serial says where to ask; {hint}")
    if args.json and not args.yes:
        raise UsageError(f"--json belongs to --yes; {hint}")
    return {
        "microphone": args.microphone,
        "channel": channel,
        "speaker": args.speaker,
        "gain": args.gain,
        "hear": args.hear or None,
        "time_zone": check_zone(args.time_zone),
    }


def _console(args: argparse.Namespace) -> Console:
    if args.serial is not None:
        try:
            return SerialConsole(args.serial, args.baud)
        except OSError as error:
            raise Unavailable(f"{args.serial}: cannot be opened: {error.strerror or error}") from error
    if not args.yes:
        return Terminal()
    return Unattended(is_silent=args.json)


def _refuse_held_devices(args: argparse.Namespace) -> None:
    try:
        status = control.ask("status", "", control.find(args))
    except RtvaError:
        return
    if status.get("microphone") == "open":
        raise Unavailable("setup: the service holds the devices; 'sudo systemctl stop rtva' first, and start it after")


def target(named: Path | None) -> Path:
    """The file that is changed, behind symbolic links: the named one, the one in force, else the system's."""
    return (named or configuration.find() or configuration.PLACES[-1]).resolve()


def walk(wizard: Wizard, names: list[str]) -> None:
    """Through the steps, which may be skipped, repeated and gone back to."""
    at = 0
    while at < len(names):
        if not wizard.is_unattended:
            wizard.console.say(f"\n{at + 1} of {len(names)}: {names[at].replace('-', ' ')} (? says what may be typed)")
        try:
            STEPS[names[at]](wizard)
        except Again:
            continue
        except Back:
            at = max(0, at - 1)
            continue
        except Skip:
            pass
        at += 1


def _confirmed(wizard: Wizard, names: list[str], path: Path, changes: dict[str, Any]) -> str:
    """Shows what will be written; the step that shall be gone through again, "" for none."""
    for key, value in changes.items():
        wizard.console.say(f"  {key}: {plain(value)}")
    question = f"Write {path}? (yes, quit, or a step: {', '.join(names)})"
    while True:
        try:
            return ask(wizard.console, question, "yes", lambda said: _step_or_yes(said, names))
        except (Skip, Again, Back):
            wizard.console.say("  a step's name goes through it again")


def _step_or_yes(said: str, names: list[str]) -> str:
    if said in names:
        return said
    if yes_or_no(said):
        return ""
    raise KeyboardInterrupt


def write(path: Path, changes: dict[str, Any]) -> None:
    """Changes the file, judged as ``rtva config check`` does and exchanged whole. Raises ConfigError, Unavailable."""
    text = path.read_bytes().decode("utf-8-sig") if path.exists() else ""
    new = changed(document.parse(text, path), text, {key: plain(value) for key, value in changes.items()})
    check_templates(configuration.from_text(new, path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                file.write(new.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
                _like(path, file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise Unavailable(
            f"{path}: cannot be written: {error.strerror}; as root, or name another with --config"
        ) from error


def _like(path: Path, fd: int) -> None:
    """Mode and owner of the file that is replaced."""
    if not path.exists():
        os.fchmod(fd, 0o644)
        return
    old = path.stat()
    os.fchmod(fd, old.st_mode & 0o7777)
    if os.geteuid() == 0:
        os.fchown(fd, old.st_uid, old.st_gid)
