"""A file system in an image, mounted for a while: for the tests that cut the power under it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNMOUNT_TRIES = 50


@contextmanager
def mounted(image: Path, point: Path) -> Iterator[Path]:
    """Ends the program with 77 where nothing can be mounted."""
    point.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True, text=True)
    if done.returncode:
        print(f"{Path(sys.argv[0]).stem} skipped: nothing can be mounted here: {done.stderr.strip()}", file=sys.stderr)
        sys.exit(77)
    try:
        yield point
    finally:
        _unmount(point)


def _unmount(point: Path) -> None:
    """Waits for what was killed and had begun something in a session of its own: it writes to a disk that nobody reads
    again."""
    for _ in range(UNMOUNT_TRIES):
        if subprocess.run(["umount", str(point)], stderr=subprocess.DEVNULL).returncode == 0:
            return
        time.sleep(0.2)
    subprocess.run(["umount", "--lazy", str(point)], check=True)
