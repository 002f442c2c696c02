#!/usr/bin/env python3
"""Installs a bundle below a folder and asks what it installed: ``tryout.py BUNDLE``, for a Python that no Debian has.

An interpreter of the bundle's Python is needed (on the path or pyenv's), ``unshare`` and root, for there is no network
while it runs. Signature, wheels by hash, the trial sentence and the answer are real; systemd is not told, and no
service runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "deploy" / "bundle"), str(ROOT)]

from wheels import CannotBuild, find_python  # noqa: E402

QUESTION = "What time is it?"
OFFLINE = ("unshare", "-n", "--")
INSTALL = """
import sys
from pathlib import Path
from firmware_py.release import updating
from firmware_py.release.releases import Releases
from firmware_py.release.system import System
root, folder = Path(sys.argv[1]), Path(sys.argv[2])
board = updating.Board(Releases(root / "opt/rtva"), System(root, False))
updating.update(board, folder, updating.trusted_key(board, folder / "key.pem"), is_first=True)
"""


def must(*command: str | Path, **environment: str) -> str:
    """Its output. Ends the program with a line that says what failed."""
    done = subprocess.run((*OFFLINE, *command), capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        sys.exit(f"FAIL {' '.join(map(str, command))[:120]}: {done.stderr.strip()[-400:]}")
    return done.stdout


def tell(what: str, began: float) -> float:
    print(f"ok {what} ({time.monotonic() - began:.1f} s)", flush=True)
    return time.monotonic()


def main() -> None:
    bundle, version = Path(sys.argv[1]).resolve(), sys.argv[1].removesuffix(".tar").rpartition("-py")[2]
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        print("tryout skipped: it takes the network away, and needs root and unshare", file=sys.stderr)
        sys.exit(77)
    try:
        python = find_python(version)
    except CannotBuild as error:
        print(f"tryout skipped: {error}", file=sys.stderr)
        sys.exit(77)
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        work, began = Path(name), time.monotonic()
        folder, root, home = work / "bundle", work / "root", work / "home"
        folder.mkdir()
        subprocess.run(("tar", "-xf", bundle, "-C", folder, "--strip-components=1"), check=True)
        wheel = next((folder / "wheels").glob("rtva-*.whl"))
        search = f"{python.parent}:{os.environ['PATH']}"
        must(python, "-c", INSTALL, root, folder, PYTHONPATH=str(wheel), PYTHONDONTWRITEBYTECODE="1", PATH=search)
        began = tell(f"installed with Python {version}, a trial sentence said", began)
        rtva, release = root / "opt/rtva/bin/rtva", {"RTVA_HOME": str(home)}
        must(rtva, "say", QUESTION, "--out", work / "question.wav", **release)
        answer = json.loads(must(rtva, "ask", work / "question.wav", "--json", **release).splitlines()[0])
        if answer["intent"] != "time" or not answer["reply"]:
            sys.exit(f"FAIL it answered {answer}")
        tell(f"asked {answer['transcript']!r}, answered {answer['reply']!r}", began)


if __name__ == "__main__":
    main()
