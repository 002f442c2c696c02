#!/usr/bin/env python3
"""Cuts the power under an update: ``updatecut.py FOLDER CUTS SEED``, as root, where loop devices can be mounted.

A board's root lies on an ext4 file system of its own. An update to another release is stopped at a random moment and
the disk copied: the copy has what the file system had sent to its disk by then, and none of what the kernel still held.
It is mounted in the place of the other, its journal replayed, and booted as far as a release goes: ``settle.sh``, then
the release in force has to run and be whole. The next cut goes on from there. All is real but the assistant in the
bundles, and systemd. Prints JSON; exits with 77 where nothing can be mounted.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from loop_image import mounted  # noqa: E402
from release_lab import make_key, make_tree, pack  # noqa: E402

from firmware_py.release import updating  # noqa: E402
from firmware_py.release.releases import Releases  # noqa: E402
from firmware_py.release.system import System  # noqa: E402

IMAGE_MB = 512
WEIGHTS_MB = 24
"""Of each bundle, different in each: too much to be on the disk by chance when the mark is written."""
VERSIONS = ("1.0", "2.0", "3.0")
QUIET_TRIES = 60
UPDATE = """
import sys
from pathlib import Path
from firmware_py.release import updating
from firmware_py.release.releases import Releases
from firmware_py.release.system import System
root = Path(sys.argv[1])
board = updating.Board(Releases(root / "opt/rtva"), System(root, False))
updating.update(board, Path(sys.argv[2]), updating.trusted_key(board, None))
"""


class Lost(Exception):
    """What a cut left that no board must have."""


def bundles(folder: Path) -> tuple[dict[str, Path], str]:
    """A bundle by version, and the public key."""
    folder.mkdir(parents=True)
    private, pem = make_key(folder)
    made = {}
    for version in VERSIONS:
        tree = make_tree(folder / f"v{version}", version)
        (tree / "share" / "rtva" / "models" / "large.bin").write_bytes(os.urandom(WEIGHTS_MB << 20))
        made[version] = pack(tree, private)
    return made, pem


def copy_of_disk(image: Path, copy: Path) -> None:
    """The disk at one moment: copied until two copies agree, for the kernel may be writing to it just now."""
    before = b""
    for _ in range(QUIET_TRIES):
        subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        with copy.open("rb") as file:
            now = hashlib.file_digest(file, "blake2b").digest()
        if now == before:
            return
        before = now
    raise Lost("the disk was never quiet")


def moment(live: Path, number: int, took_s: float, rng: random.Random) -> None:
    """Anywhere in an update; every other time close behind the mark that makes the release whole, where it is switched
    to, judged, and the oldest swept."""
    if number % 2:
        time.sleep(rng.uniform(0, took_s * 1.2))
        return
    began, releases = time.monotonic(), live / "opt/rtva/releases"
    marks = set(releases.glob("*/complete"))
    while set(releases.glob("*/complete")) <= marks and time.monotonic() - began < 10 * took_s:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.2))


def cut(live: Path, bundle: Path, image: Path, copy: Path, wait: Callable[[], None]) -> bool:
    """Updates, and pulls the cord after ``wait``; whether the update was at work still."""
    command = (sys.executable, "-c", UPDATE, str(live), str(bundle))
    process = subprocess.Popen(command, start_new_session=True, cwd=ROOT)
    try:
        wait()
        is_at_work = process.poll() is None
        if is_at_work:
            os.killpg(process.pid, signal.SIGSTOP)
        copy_of_disk(image, copy)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return is_at_work


def boot(root: Path, allowed: tuple[str, str]) -> str:
    """What a boot does of an update, and what the board then is. Raises Lost."""
    releases = Releases(root / "opt/rtva")
    subprocess.run((releases.root / "settle", releases.root), check=True, stdout=subprocess.DEVNULL)
    try:
        done = subprocess.run((root / "opt/rtva/bin/rtva",), capture_output=True, text=True)
    except OSError as error:
        raise Lost(f"the release in force does not run: {error}") from None
    version = done.stdout.strip()
    if done.returncode or version not in allowed:
        raise Lost(f"the release in force does not run: {version!r} {done.stderr.strip()[-200:]}")
    if not releases.is_complete(releases.current) or (releases.root / "trial").exists():
        raise Lost(f"{releases.current} is not whole, or on trial still")
    large = releases.path(releases.current) / "share/rtva/models/large.bin"
    if large.stat().st_size != WEIGHTS_MB << 20 or large.read_bytes()[-4096:].count(0) > 1024:
        raise Lost(f"{large} is not all there")
    return version


def run(folder: Path, cuts: int, rng: random.Random) -> dict[str, object]:
    made, pem = bundles(folder / "bundles")
    live, image, copy = folder / "live", folder / "disk.img", folder / "after.img"
    with image.open("wb") as file:
        file.truncate(IMAGE_MB << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-F", str(image)], check=True)
    with mounted(image, live):
        board = updating.Board(Releases(live / "opt/rtva"), System(live, False), say=lambda _: None)
        updating.update(board, made["1.0"], pem, True)
        began = time.monotonic()
        updating.update(board, made["2.0"], pem)
        took_s = time.monotonic() - began
    version, inside, went_on, problems = "2.0", 0, 0, []
    for number in range(cuts):
        wanted = VERSIONS[(VERSIONS.index(version) + 1) % len(VERSIONS)]
        with mounted(image, live):
            inside += cut(live, made[wanted], image, copy, partial(moment, live, number, took_s, rng))
        copy.replace(image)
        with mounted(image, live):
            try:
                before, version = version, boot(live, (version, wanted))
            except Lost as why:
                problems.append(f"cut {number + 1}: {why}")
                break
            went_on += version != before
    if not problems:
        with mounted(image, live):
            wanted = VERSIONS[(VERSIONS.index(version) + 1) % len(VERSIONS)]
            updating.update(board, made[wanted], pem)
            boot(live, (wanted, wanted))
    return {"cuts": cuts, "inside": inside, "went_on": went_on, "update_s": round(took_s, 1), "problems": problems}


def main() -> None:
    if os.environ.get("UPDATECUT") != "inside" and shutil.which("unshare"):
        inside = {**os.environ, "UPDATECUT": "inside"}
        os.execvpe("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv], inside)
    folder, cuts, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = run(folder, cuts, random.Random(seed))
    shutil.rmtree(folder)
    print(json.dumps(found))
    sys.exit(bool(found["problems"]))


if __name__ == "__main__":
    main()
