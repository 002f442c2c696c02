"""What ``install.sh`` of a bundle runs: ``python -m firmware_py.release FOLDER [--key F | --uninstall [--purge]]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from firmware_py.errors import RtvaError, UsageError
from firmware_py.release import patience, signature, updating


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="install.sh", description="Installs or upgrades rtva from this bundle.")
    parser.add_argument("folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--key", type=Path, metavar="F", help="public key that the bundle must be signed by")
    parser.add_argument("--uninstall", action="store_true", help="take it away, keep configuration and state")
    parser.add_argument("--purge", action="store_true", help="with --uninstall: those too")
    patience.add(parser)
    args = parser.parse_args(argv)
    board = updating.Board(deadline_scale=args.deadline_scale, say=lambda text: print(f"==> {text}", flush=True))
    try:
        if args.purge and not args.uninstall:
            raise UsageError("--purge goes with --uninstall only; nothing was done")
        if args.uninstall:
            updating.uninstall(board, args.purge)
            return 0
        named = args.key or (board.key if board.key.exists() else args.folder / "key.pem")
        pem = updating.trusted_key(board, named)
        board.say(f"signed by {signature.fingerprint(signature.public_key(pem))} ({named})")
        board.say(f"rtva {updating.update(board, args.folder, pem, is_first=True)}")
    except RtvaError as error:
        print(f"install.sh: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"install.sh: cannot read or write: {error}", file=sys.stderr)
        return 70
    return 0


if __name__ == "__main__":
    sys.exit(main())
