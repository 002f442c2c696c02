"""The command line ``rtva``, also ``python -m firmware_py``. :mod:`firmware_py.cli.entry` does the work."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand and returns its exit code; raises nothing but SystemExit from ``--help``.

    Everything is imported in here: Ctrl-C in the middle of an import is Ctrl-C, not a traceback.
    """
    try:
        from firmware_py.cli import entry

        return entry.run(argv)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
