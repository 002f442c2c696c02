"""The command line as one parser; errors become exit codes.

Each subcommand is a module of :mod:`firmware_py.cli` with ``register(subparsers)``; they are found, not listed.
"""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import os
import pkgutil
import sys
from collections.abc import Collection, Sequence
from typing import NoReturn

from firmware_py import __version__, cli
from firmware_py.cli.common import complain
from firmware_py.errors import EX_SOFTWARE, EX_USAGE, RtvaError

ORDER = ("run", "ask", "transcribe", "recognize", "understand", "say", "demo", "profile", "bench")
"""Those that --help lists first; the rest follow by name."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line with a hint, and exits with 64."""

    def error(self, message: str) -> NoReturn:
        self.exit(EX_USAGE, f"rtva: {message} (see '{self.prog} --help')\n")


def run(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code; raises SystemExit from ``--help``, and KeyboardInterrupt."""
    try:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        words = sys.argv[1:] if argv is None else argv
        args = make_parser(words[0] if words else "").parse_args(words)
        logging.basicConfig(level=os.environ.get("RTVA_LOG", "WARNING"), format="rtva: %(levelname)s: %(message)s")
        return int(args.run(args))
    except RtvaError as error:
        return fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return fail(f"cannot read or write: {error}", EX_SOFTWARE)
    except Exception as error:
        if os.environ.get("RTVA_DEBUG"):
            raise
        return fail(f"internal error: {type(error).__name__}: {error} (RTVA_DEBUG=1 shows where)", EX_SOFTWARE)


def make_parser(command: str = "") -> Parser:
    """The whole command line; where ``command`` is one, that alone: the service needs no other to be imported."""
    found = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    if (name := command.replace("-", "_")) in found:
        parser, names = _parser_of([name])
        if command in names:
            return parser
    return _parser_of(sorted(found, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n)))[0]


def _parser_of(modules: Sequence[str]) -> tuple[Parser, Collection[str]]:
    """A parser of the commands of ``modules``, and their names."""
    parser = Parser(prog="rtva", description="A headless, fully offline, real-time voice assistant.")
    parser.add_argument("--version", action="version", version=f"rtva {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for name in modules:
        register = getattr(importlib.import_module(f"{cli.__name__}.{name}"), "register", None)
        if register is not None:
            register(subparsers)
    return parser, subparsers.choices


def fail(message: str, code: int) -> int:
    """One line on stderr, and the exit code."""
    complain(message)
    return code
