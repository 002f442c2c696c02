#!/usr/bin/env python3
"""``python scripts/profile_pipeline.py``, as the performance guide calls it: ``rtva profile``, with its options.

Works with any Python: it goes on in the project's own ``.venv`` where the running one has no rtva.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN_PYTHON = ROOT / ".venv" / "bin" / "python"


def main() -> int:
    if importlib.util.find_spec("firmware_py") is None:
        if not OWN_PYTHON.exists():
            print("rtva: is not set up: 'make setup' does it", file=sys.stderr)
            return 69
        os.execv(OWN_PYTHON, [str(OWN_PYTHON), str(Path(__file__).resolve()), *sys.argv[1:]])
    from firmware_py.__main__ import main as rtva

    return rtva(["profile", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
