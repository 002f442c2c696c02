"""``rtva update FILE``: another release from a signed bundle, offline, or back to the one before."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from firmware_py.cli import common
from firmware_py.errors import Unavailable, UsageError
from firmware_py.release import patience

TEXT = """Puts another release in force from a bundle on a USB stick or any path, without a network: the signature is
checked before anything is unpacked, the release is built beside the present one, switched to in one step, and has a
minute to be READY and to speak. If it does not, or the power fails meanwhile, the release before is in force again."""


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser("update", help="another release from a bundle, offline", description=TEXT)
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a bundle: rtva-*.tar, or its folder")
    parser.add_argument("--key", type=Path, metavar="F", help="public key in place of /etc/rtva/update-key.pem")
    parser.add_argument("--back", action="store_true", help="to the release before, through the same gate")
    patience.add(parser)
    common.add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from firmware_py.release import updating

    if args.file and args.back:
        raise UsageError("update: FILE or --back, not both (see 'rtva update --help')")
    board = updating.Board(deadline_scale=args.deadline_scale, say=lambda text: common.note([f"update: {text}"]))
    if not args.file and not args.back:
        return show(board.releases.current, board.releases.previous, args.json)
    if not board.releases.current:
        raise Unavailable("update: rtva was not installed from a bundle here (install.sh of one does that)")
    if os.geteuid() != 0:
        raise Unavailable("update: only root may change the installed release (sudo rtva update ...)")
    if args.back:
        updating.back(board)
    else:
        updating.update(board, args.file, updating.trusted_key(board, args.key))
    return show(board.releases.current, board.releases.previous, args.json)


def show(current: str, previous: str, is_json: bool) -> int:
    if is_json:
        common.emit({"current": current or None, "previous": previous or None})
    else:
        print(f"in force: {current or 'not installed from a bundle'}\nbefore it: {previous or 'none'}")
    return 0
