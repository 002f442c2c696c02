"""A slice of ``make stress``, and the proof that the stress tests notice a broken ring."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CC = os.environ.get("CC", "gcc")
SECONDS = 60


def stress(build: str, include: Path, flags: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BUILDS": build, "INCLUDE": str(include), "CFLAGS": flags}
    command = [str(ROOT / "scripts" / "stress.sh"), str(SECONDS), "7"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def needs(build: str) -> None:
    """Skips where the compiler or its sanitizer library is missing."""
    if shutil.which(CC) is None:
        pytest.skip(f"no C compiler {CC!r}; install gcc or set CC")
    library = {"thread": "libtsan.so", "address": "libasan.so"}.get(build)
    if library:
        found = subprocess.run([CC, f"-print-file-name={library}"], capture_output=True, text=True).stdout.strip()
        if found == library:
            pytest.skip(f"{CC} has no {library}; install the sanitizer libraries of gcc")


@pytest.mark.parametrize("build", ["plain", "thread", "address"])
def test_nothing_is_lost_unseen(build: str) -> None:
    needs(build)
    done = stress(build, ROOT / "ext")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sleepers woken" in done.stdout and "judge" in done.stdout and "align" in done.stdout


RESERVE = "    atomic_store_explicit(&r->reserved, end, memory_order_relaxed);\n"
PUBLISH = "    atomic_store_explicit(&r->written, end, memory_order_seq_cst);\n"
BELIEVE = "            rtva_ring_get_at_(r, at, out + done, (size_t)take);\n"
SECOND_LOOK = "second look at the reservation */\n            is_lapped = rtva_ring_is_lapped_(r, at)"
WAKE = "        rtva_ring_wake_(r);\n    return"
CLOSE = "    atomic_store_explicit(&r->closed, 1, memory_order_seq_cst);\n"
STORE = "__atomic_store_n((rtva_word *)shared, word, __ATOMIC_RELAXED)"
NAP = "    usleep(20);\n"  # holds the door of a race open, so that it is lost within a second
MUTANTS = {
    "reader believes every copy": (
        "plain",
        {BELIEVE: NAP + BELIEVE, SECOND_LOOK: "second look */\n            (void)at"},
    ),
    "reservation comes after the samples": ("plain", {RESERVE: "", PUBLISH: NAP + RESERVE + PUBLISH}),
    "samples are published too early": ("plain", {PUBLISH: "", RESERVE: RESERVE + PUBLISH + NAP}),
    "skipped samples are not counted": ("plain", {"+ (to - at);": "+ 0 * (to - at);"}),
    "nobody is woken": ("plain", {WAKE: "        ;\n    return"}),
    "the end wakes nobody": ("plain", {CLOSE + "    rtva_ring_wake_(r);\n": CLOSE}),
    "samples are plain memory": ("thread", {STORE: "*(rtva_word *)shared = word"}),
    "a write runs past the end": ("address", {"return n < room ? n : (size_t)room;": "return n < room ? n : n;"}),
}


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_broken_ring_is_noticed(fault: str, tmp_path: Path) -> None:
    build, changes = MUTANTS[fault]
    needs(build)
    source = (ROOT / "ext" / "rtva_ring.h").read_text()
    for before, after in changes.items():
        assert source.count(before) == 1, f"the ring has changed: {before!r}"
        source = source.replace(before, after)
    for header in (ROOT / "ext").glob("rtva_*.h"):
        shutil.copy(header, tmp_path)
    (tmp_path / "rtva_ring.h").write_text(source)
    done = stress(build, tmp_path, "-DALARM_NS=500000000 -Wno-error")
    assert done.returncode not in (0, 64) and "error:" not in done.stderr, done.stdout + done.stderr
