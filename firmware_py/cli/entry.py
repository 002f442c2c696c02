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
from collections.abc import Sequence
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
        args = make_parser().parse_args(argv)
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


def make_parser() -> Parser:
    """The whole command line."""
    parser = Parser(prog="rtva", description="A headless, fully offline, real-time voice assistant.")
    parser.add_argument("--version", action="version", version=f"rtva {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    found = {module.name for module in pkgutil.iter_modules(cli.__path__)}
    for name in sorted(found, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n)):
        register = getattr(importlib.import_module(f"{cli.__name__}.{name}"), "register", None)
        if register is not None:
            register(subparsers)
    return parser


def fail(message: str, code: int) -> int:
    """One line on stderr, and the exit code."""
    complain(message)
    return code
