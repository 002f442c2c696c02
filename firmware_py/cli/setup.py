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
from firmware_py.cli.setup_steps import STEPS, SystemChange, Wizard, check_zone
from firmware_py.errors import NotFound, RtvaError, Unavailable, UsageError
from firmware_py.settings import document
from firmware_py.settings.edit import changed
from firmware_py.settings.knobs import plain

TEXT = f"""Walks through microphone, channel and speaker, the capture gain, a hearing test and the time zone, and writes
what was chosen into the configuration; its comments stay. At every question: Enter keeps what stands in
brackets, {WORDS}. With --yes nobody is asked: what the options say is tried and written, the rest stays."""

SYSTEM = {"gain": "capture gain", "time_zone": "time zone"}
"""What is changed beside the configuration, by its option."""
STEP_OF = {
    "microphone": "microphone", "channel": "microphone", "speaker": "speaker", "gain": "gain", "hear": "hearing",
    "time_zone": "time-zone",
}  # fmt: skip


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
    if args.config is not None and not args.config.exists():
        raise NotFound(f"{args.config}: no such file")
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
            common.emit({"file": str(path), "changed": changes})
        else:
            _report(console, path, changes)
    return 0


def _report(console: Console, path: Path, changes: dict[str, Any]) -> None:
    system = {name: value for name, value in changes.items() if name in SYSTEM}
    for name, value in system.items():
        console.say(f"{SYSTEM[name]}: set to {value}")
    if len(changes) > len(system):
        console.say(f"{path}: written; 'sudo systemctl restart rtva' takes it over")
    else:
        console.say(f"{path}: {'left as it was' if system else 'nothing to change'}")


def _go(wizard: Wizard, names: list[str], path: Path) -> dict[str, Any]:
    """The steps, the question, the writing; what was changed. What was tried is taken back where that fails."""
    before = wizard.config
    try:
        walk(wizard, names)
        while True:
            changes = {key: value for key, value in wizard.values.items() if value != before.value(key)}
            system = {name: change for name, change in wizard.system.items() if change.wanted != change.before}
            step = _confirmed(wizard, names, path, changes) if changes or system else ""
            if not step:
                break
            walk(wizard, [step])
        if changes:
            write(path, changes)
    except BaseException:
        wizard.undo()
        raise
    return {key: plain(value) for key, value in changes.items()} | _keep(wizard, system, path if changes else None)


def _keep(wizard: Wizard, system: dict[str, SystemChange], written: Path | None) -> dict[str, Any]:
    """Makes the changes beside the configuration; those that were made. Raises Unavailable where nobody is asked."""
    kept: dict[str, Any] = {}
    for name, change in system.items():
        if problem := change.keep():
            if wizard.is_unattended:
                done = ([f"{written} was written"] if written else []) + [f"{SYSTEM[each]} was set" for each in kept]
                raise Unavailable(f"setup: {problem}" + (f"; before that {' and '.join(done)}" if done else ""))
            wizard.console.say(f"  {problem}")
        else:
            kept[name] = change.wanted
    return kept


def _given(args: argparse.Namespace) -> dict[str, Any]:
    hint = "see 'rtva setup --help'"
    channel: Any = args.channel
    if channel is not None and channel != "mix":
        if not channel.isdecimal() or int(channel) > 63:
            raise UsageError(f"--channel: {channel!r}; allowed: 0 to 63, mix; {hint}")
        channel = int(channel)
    for name in ("microphone", "speaker"):
        if getattr(args, name) == "":
            raise UsageError(f"--{name}: empty; allowed: a device's name; {hint}")
    for name, step in STEP_OF.items():
        if getattr(args, name) not in (None, False) and step not in args.step:
            raise UsageError(f"--{name.replace('_', '-')} belongs to the step {step}, which --step leaves out; {hint}")
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
    for name, change in wizard.system.items():
        if change.wanted != change.before:
            wizard.console.say(f"  {SYSTEM[name]}: {change.before} -> {change.wanted}")
    question = f"{f'Write {path}' if changes else 'Set it'}? (yes, quit, or a step: {', '.join(names)})"
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
