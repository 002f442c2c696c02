"""``rtva first-boot``: what the boot partition of an image says, at a start of the board."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

from firmware_py.boards import BOARDS
from firmware_py.cli import common
from firmware_py.errors import Unavailable
from firmware_py.first_boot.apply import Board, carry_out
from firmware_py.first_boot.wishes import AUTO, FILE, parse, read

TEXT = f"""Reads {FILE} (and rtva.yaml, a whole configuration) from the boot partition and carries it out:
configuration, hostname, time zone, Wi-Fi. An image runs it at a start after these files changed. What is wrong in
them is one line, and the rest is done: it never fails for them."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("first-boot", help="carry out a board's set-up file", description=TEXT)
    parser.add_argument("--boot", type=Path, default=Path("/boot/firmware"), metavar="D", help="where the files lie")
    parser.add_argument("--state", type=Path, default=Path("/state/system"), metavar="D", help="what is kept goes here")
    parser.add_argument("--config", type=Path, default=Path("/etc/rtva/config.yaml"), metavar="F", help="to be written")
    parser.add_argument("--default", type=Path, metavar="F", help="the configuration to begin with")
    parser.add_argument(
        "--preset", choices=(AUTO, *BOARDS), help="as if the set-up file had this line and no other one"
    )
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    default = args.default or args.config
    if not default.is_file():
        raise Unavailable(f"first-boot: no configuration to begin with: {default} (see --default)")
    wishes = parse(f"preset: {args.preset}".encode()) if args.preset else read(args.boot / FILE)
    wishes.is_order = bool(args.preset)
    try:
        problems = carry_out(wishes, Board(args.boot, args.state, args.config, default), platform.machine())
    except OSError as error:
        raise Unavailable(f"first-boot: {error.filename}: {error.strerror}") from error
    if args.json:
        common.emit({"taken": sorted(wishes.values), "problems": problems})
    elif problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        print(f"rtva set-up: {problems[0]}{more}")
    else:
        print(f"rtva set-up: {', '.join(sorted(wishes.values)) or 'nothing asked for'}")
    return 0
