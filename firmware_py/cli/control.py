"""``rtva mute|unmute|volume|stop|talk|reload|capture|events``: commands to the running service, through its socket."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_py.cli import common
from firmware_py.errors import RtvaError, StrangeAnswer, Unavailable, UsageError, understood
from firmware_py.settings.base import SOCKET_PATH_BYTES
from firmware_py.status.commands import CAPTURE_DEFAULT_MIN, CAPTURE_MINUTES

SERVICE_SOCKET = Path("/run/rtva/control.sock")
REPLY_S = 30.0
QUESTION_S = 3.0
"""A question is answered at once by a service that lives; a command may take a while (reload)."""
QUESTIONS = frozenset({"status", "trace", "version", "events"})
FIELDS = {"volume": "percent", "capture": "is_on", "record": "is_on"}
"""Command -> what its answer must have."""

NOT_KEPT = "done, but the disk does not have it: it is gone after a restart unless the disk gets well before"

COMMANDS = {
    "mute": "close the microphone",
    "unmute": "open it again",
    "stop": "end what is being spoken",
    "talk": "listen to the next sentence without a wake word",
    "reload": "read the configuration again",
}

CAPTURE_TEXT = """Debug capture: while it is on, the sound of each utterance and its turn are stored in
$RTVA_HOME/debug. It ends by itself, and what was captured is deleted a day later."""


CLOCK_TEXT = """Says what time rtva believes it is, and whether that can be believed. Sets it for this boot where
neither a network nor a battery-backed clock does; the system's own clock is left alone. A time without a date is the
first one behind the latest that rtva has seen: the answer says of which day."""


class Refused(RtvaError):
    """What the service answered, with its own exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def register(subparsers: Any) -> None:
    for name, text in COMMANDS.items():
        parser = subparsers.add_parser(name, help=text, description=f"Asks the running service to {text}.")
        add_socket(parser)
        common.add_json(parser)
        parser.set_defaults(run=run, command=name, argument="")
    volume = subparsers.add_parser("volume", help="loudness of the voice", description="Says or sets the volume.")
    volume.add_argument("argument", metavar="N", nargs="?", default="", help="0 to 100, or +N or -N")
    clock = subparsers.add_parser("clock", help="the time as rtva believes it", description=CLOCK_TEXT)
    clock.add_argument("argument", metavar="TIME", nargs="?", default="", help="sets it: 2027-05-02T07:30, or 07:30")
    capture = subparsers.add_parser("capture", help="store what is said for a while", description=CAPTURE_TEXT)
    capture.add_argument("wanted", choices=("on", "off", "status"))
    capture.add_argument("--minutes", type=int, metavar="N", help=f"with on: 1 to 1440 ({CAPTURE_DEFAULT_MIN})")
    events = subparsers.add_parser("events", help="every change, one JSON object a line", description=__doc__)
    for parser in (volume, clock, capture, events):
        add_socket(parser)
        common.add_json(parser)
    volume.set_defaults(run=run, command="volume")
    clock.set_defaults(run=run, command="clock")
    capture.set_defaults(run=run_capture)
    events.set_defaults(run=follow_events)


def add_socket(parser: argparse.ArgumentParser) -> None:
    """``--socket F``, and ``--config F`` for a configuration that names another one."""
    parser.add_argument("--socket", type=Path, metavar="F", help="control socket of the service")
    common.add_config(parser)


def run(args: argparse.Namespace) -> int:
    answer = ask(args.command, args.argument, find(args))
    with understood():
        if args.command in FIELDS:
            answer[FIELDS[args.command]]
        lines = [
            f"{key.replace('_', ' ')}: {', '.join(value) or 'nothing' if isinstance(value, list) else value}"
            for key, value in answer.items()
            if key not in ("ok", "kept", "is_waiting")
        ]
    if answer.get("kept") is False:
        common.complain(NOT_KEPT)
    if answer.get("is_waiting"):
        lines.append("in force soon: a turn goes on, or recognition is still being loaded")
    if args.json:
        common.emit(answer)
    elif lines:
        print("\n".join(lines))
    return 0


def run_capture(args: argparse.Namespace) -> int:
    """Says whether it is on and what it stored. Raises UsageError."""
    if args.minutes is not None and (args.wanted != "on" or args.minutes not in CAPTURE_MINUTES):
        raise UsageError("--minutes: 1 to 1440, and only with 'capture on'; see 'rtva capture --help'")
    args.command = "capture"
    args.argument = f"on {args.minutes}" if args.minutes is not None else args.wanted
    return run(args)


def follow_events(args: argparse.Namespace) -> int:
    with talk(find(args)) as conversation:
        conversation.ask("events")
        for notice in conversation.lines():
            common.emit(notice)
    return 0


def find(args: argparse.Namespace) -> Path:
    """The socket that is meant: named, configured, the service's, the session's. Raises Unavailable, UsageError."""
    given = getattr(args, "socket", None)
    if given is not None and len(os.fsencode(given)) > SOCKET_PATH_BYTES:
        raise UsageError(f"--socket: the path of a socket has at most {SOCKET_PATH_BYTES} bytes")
    named = given or common.load_config(args).status.socket
    session = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent") / "rtva" / SERVICE_SOCKET.name
    places = [named] if named else [SERVICE_SOCKET, session]
    for path in places:
        if path.exists():
            return path
    raise Unavailable(f"no rtva is running here (no socket {' or '.join(map(str, places))})")


class Conversation:
    """Lines to and from the service at ``path``. What fails between is Unavailable; what a caller's own output raises
    is the caller's."""

    def __init__(self, connection: socket.socket, path: Path) -> None:
        self._connection, self._path = connection, path
        self._lines = connection.makefile("rb")

    def ask(self, command: str, argument: str = "") -> dict[str, Any]:
        """One command and its answer. Raises Refused with what the service said, StrangeAnswer, Unavailable."""
        is_question = command in QUESTIONS or argument in ("status", "stats")
        request = {"command": command, "argument": argument}
        with _reached(self._path):
            self._connection.settimeout(QUESTION_S if is_question else REPLY_S)
            with contextlib.suppress(BrokenPipeError):  # who was turned away was told why, and can read it
                self._connection.sendall(json.dumps(request).encode() + b"\n")
        answer = next(self.lines(), None)
        if answer is None:
            raise Unavailable("the service hung up; too many clients, or it is stopping")
        if answer.get("ok") is not True:
            error, code = answer.get("error"), answer.get("exit_code")
            if not (isinstance(error, str) and isinstance(code, int) and 0 < code < 256):
                raise StrangeAnswer.because("neither done nor refused")
            raise Refused(error, code)
        self._connection.settimeout(None)
        return answer

    def lines(self) -> Iterator[dict[str, Any]]:
        """Objects until the service hangs up. Raises StrangeAnswer, Unavailable."""
        while True:
            with _reached(self._path):
                line = self._lines.readline()
            if not line:
                return
            try:
                told = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise StrangeAnswer.because("no JSON") from error
            if not isinstance(told, dict):
                raise StrangeAnswer.because("no JSON object")
            yield told


@contextlib.contextmanager
def talk(path: Path) -> Iterator[Conversation]:
    """A conversation with the service at ``path``. Raises Unavailable."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        with _reached(path):
            # connect() of a Unix socket obeys this, not settimeout(), while the listener's queue is full
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(QUESTION_S), 0))
            connection.connect(str(path))
        yield Conversation(connection, path)


@contextlib.contextmanager
def _reached(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise Unavailable(f"{path}: not allowed; join the group that owns it (usermod -aG rtva NAME)") from error
    except (ConnectionError, TimeoutError, BlockingIOError, FileNotFoundError) as error:
        raise Unavailable(f"{path}: the service does not answer ({error})") from error


def ask(command: str, argument: str, path: Path) -> dict[str, Any]:
    """One command to the service at ``path``."""
    with talk(path) as conversation:
        return conversation.ask(command, argument)
