#!/usr/bin/env python3
"""Installs a package in a root file system that is not booted, and asks what it installed: ``unbooted.py ROOT DEB``.

For a system whose systemd cannot be started here: every program is that system's, emulated where it is another
processor's, and there is no network. Wheels, weights and answers are real; no service runs. Root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

QUESTION = "What time is it?"
LIMIT_S = 1800
ENTER = """\
mount -t proc proc "$0/proc" && cd "$0" && exec chroot "$@"
"""
"""No /sys: onnxruntime would look for the processors of an arm64 in the files of another architecture."""


class Root:
    """A folder with a system in it. The commands end the program with a line that says what failed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, user: str = "root", may: int = 0) -> str:
        """What it prints; it ends with 0 or ``may``."""
        words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, str(self.folder),
                 f"--userspec={user}", str(self.folder), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                 "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "RTVA_HOME=/var/lib/rtva", *command]  # fmt: skip
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            sys.exit(f"FAIL {' '.join(command)[:120]}: not done in {LIMIT_S} s")
        if done.returncode not in (0, may) or "Traceback" in done.stderr:
            sys.exit(f"FAIL {' '.join(command)[:120]}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
        return done.stdout

    def rtva(self, *command: str, may: int = 0) -> str:
        """As the service's own user."""
        return self.run("rtva", *command, user="rtva:rtva", may=may)


def tell(what: str, began: float) -> float:
    print(f"ok {what} ({time.monotonic() - began:.1f} s)", flush=True)
    return time.monotonic()


def must(truth: object, why: str) -> None:
    if not truth:
        sys.exit(f"FAIL {why}")


def main() -> None:
    root, deb = Root(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        print("unbooted skipped: it enters a root file system, and needs root and unshare", file=sys.stderr)
        sys.exit(77)
    shutil.copyfile(deb, root.folder / "rtva.deb")
    began = time.monotonic()
    root.run("dpkg", "--install", "/rtva.deb")
    tell("dpkg --install", began)
    ask(root)
    began = time.monotonic()
    root.run("dpkg", "--purge", "rtva")
    left = [name for name in ("usr/lib/rtva", "etc/rtva", "var/lib/rtva") if (root.folder / name).exists()]
    must(not left, f"purge left {left}")
    tell("dpkg --purge", began)


def ask(root: Root) -> None:
    began = time.monotonic()
    began = tell(root.rtva("--version").strip(), began)
    began = tell(diagnosis(json.loads(root.rtva("doctor", "--json", may=69))["checks"]), began)
    meant = json.loads(root.rtva("understand", QUESTION, "--json").splitlines()[0])
    must(meant["intent"] == "time", f"a written question was taken for {meant}")
    began = tell("a written question is understood", began)
    root.rtva("say", QUESTION, "--out", "/var/lib/rtva/question.wav")
    began = tell("a question is said, into a file", began)
    answer = json.loads(root.rtva("ask", "/var/lib/rtva/question.wav", "--json").splitlines()[0])
    must(answer["intent"] == "time" and answer["reply"], f"it answered {answer}")
    tell(f"a spoken question is answered: {answer['transcript']!r}, {answer['reply']!r}", began)


def diagnosis(checks: list[dict[str, str]]) -> str:
    """What is told of them. Ends the program at a failure that is none of patience: doctor has none for an emulator."""
    failed = [check for check in checks if check["status"] == "fail"]
    slow = [check for check in failed if "no answer within" in check["message"]]
    must(len(slow) == len(failed), f"rtva doctor: {failed}")
    late = f", {len(slow)} were not answered in time" if slow else ""
    return f"rtva doctor: {len(checks)} checks, none failed{late}"


if __name__ == "__main__":
    main()
