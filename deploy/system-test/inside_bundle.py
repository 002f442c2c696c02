#!/usr/bin/env python3
"""The checks of a bundle, as root inside a container that has no network, no pip and no python3-venv."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from inside import Checks, prove
from lab import (
    CONFIG,
    PATIENCE,
    RTVA,
    SLOW,
    SLOW_UNIT,
    SLOWER,
    Machine,
    is_ready,
    main_pid,
    must,
    sh,
    status,
    within,
)

BUNDLES = Path("/bundles")
OPT = Path("/opt/rtva")
FOLDER = Path("/bundles/unpacked")
PATIENTLY = ("--deadline-scale", f"{SLOWER:g}") if SLOWER > 1 else ()
KILLS = int(os.environ.get("KILLS", "6"))


def current() -> str:
    return OPT.joinpath("current").readlink().name


def refused(word: str, *command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    must(done.returncode != 0, f"{' '.join(command)} was taken")
    must(word in done.stderr and "Traceback" not in done.stderr, f"it said {done.stderr.strip()!r}")


def a_install(machine: Machine) -> None:
    unpack()
    CONFIG.parent.mkdir(parents=True)
    machine.configure()
    installed(sh(str(FOLDER / "install.sh")))


def unpack() -> None:
    links = sorted(p.name for p in Path("/sys/class/net").iterdir())
    must(links == ["lo"], f"there is a network: {links}")
    FOLDER.mkdir()
    sh("tar", "-xf", str(BUNDLES / "first.tar"), "-C", str(FOLDER), "--strip-components=1")


def installed(said: str) -> None:
    must(is_ready(), f"no running service: {said}")
    must(sh("systemctl", "is-enabled", "rtva").strip() == "enabled", "not enabled")


def a_emulated_install(machine: Machine) -> None:
    """As :func:`a_install`, with the patience that a processor in software needs."""
    # For the trial sentence what the unit does for the service: see SLOW.
    sh("mount", "-t", "tmpfs", "-o", "ro", "none", "/sys/devices/system/cpu")
    SLOW_UNIT.parent.mkdir(parents=True)
    SLOW_UNIT.write_text(SLOW)
    unpack()
    CONFIG.parent.mkdir(parents=True)
    machine.configure(latency="600000", more=PATIENCE)
    said = sh(str(FOLDER / "install.sh"), *PATIENTLY)
    must("installed and enabled, but" not in said, f"it is not good: {said}")
    installed(said)


def b_second_run(machine: Machine) -> None:
    before = current()
    sh(str(FOLDER / "install.sh"))
    must(current() == before and is_ready(), "the same bundle again did harm")


def c_bad_bundles(machine: Machine) -> None:
    before, pid = current(), main_pid()
    refused("signature", RTVA, "update", str(BUNDLES / "stranger.tar"))
    refused("not what was signed", RTVA, "update", str(BUNDLES / "changed.tar"))
    refused("tar archive", RTVA, "update", str(BUNDLES / "short.tar"))
    refused("no such file", RTVA, "update", "/bundles/none.tar")
    refused("not a whole tar", RTVA, "update", "/etc/passwd")
    must(current() == before and main_pid() == pid, "the service was disturbed")
    must([p.name for p in (OPT / "releases").iterdir()] == [before], "something was left behind")


def d_update(machine: Machine) -> None:
    before = current()
    sh(RTVA, "volume", "40")
    sh(RTVA, "update", *PATIENTLY, str(BUNDLES / "second.tar"))
    must(current() != before and is_ready(), "no other release is in force")
    must(before in sh(RTVA, "update") and status()["volume"] == 40, "the one before, or the state, is forgotten")
    must((OPT / "share/rtva/note.txt").exists(), "the release's files are not the new ones")
    voice = next((OPT / "share/rtva/models").rglob("*.onnx"))
    must(voice.stat().st_nlink == 2, "equal weights lie on the disk twice")


def e_bad_release(machine: Machine) -> None:
    before, pid, started = current(), main_pid(), time.monotonic()
    refused("a trial sentence failed", RTVA, "update", str(BUNDLES / "mute.tar"))
    must(current() == before and main_pid() == pid, "a mute release disturbed the service")
    refused(f"back at {before}", RTVA, "update", str(BUNDLES / "deaf.tar"))
    must(current() == before, "the deaf release is in force")
    within(90, "the service is ready again", is_ready)
    must(time.monotonic() - started < 240, "it took too long")


def f_back(machine: Machine) -> None:
    before = current()
    sh(RTVA, "update", "--back")
    must(current() != before and is_ready(), "not gone back")


def g_kills(machine: Machine) -> None:
    """The updater dies at a random moment, then the machine starts anew: whatever is in force works."""
    dice, took = random.Random(7), 25.0
    for turn in range(KILLS):
        wanted = "second" if not (OPT / "share/rtva/note.txt").exists() else "first"
        before, after = current(), dice.uniform(0.2, took)
        update = subprocess.Popen((RTVA, "update", str(BUNDLES / f"{wanted}.tar")), start_new_session=True)
        started = time.monotonic()
        while update.poll() is None and time.monotonic() - started < after:
            time.sleep(0.02)
        if update.poll() is None:
            os.killpg(update.pid, signal.SIGKILL)
        else:
            took = min(took, time.monotonic() - started)
        update.wait()
        on_trial = (OPT / "trial").exists()
        sh("systemctl", "restart", "rtva")
        must((OPT / "releases" / current() / "complete").exists(), "the release in force is not whole")
        must(not (OPT / "trial").exists(), "the trial was not settled")
        must(not on_trial or current() == before, "an unjudged release stayed in force")
        must(is_ready() and status()["state"] != "error", f"kill {turn} after {after:.1f} s: not ready")
        print(f"kill {turn} after {after:.1f} s{', on trial' if on_trial else ''}: {current()}", flush=True)
    sh(RTVA, "update", str(BUNDLES / "second.tar"))


def h_uninstall(machine: Machine) -> None:
    sh(str(FOLDER / "install.sh"), "--uninstall")
    left = [str(p) for p in (OPT, Path("/usr/local/bin/rtva")) if os.path.lexists(p)]
    for place in ("/usr/lib/systemd", "/etc/systemd", "/usr/lib/sysusers.d", "/usr/lib/tmpfiles.d", "/usr/lib/udev"):
        left += [
            str(p)
            for p in Path(place).rglob("*rtva*")
            if "system-test" not in p.name and p.name != "rtva.service.wants" and p != SLOW_UNIT.parent
        ]
    must(not left, f"left: {left}")
    must(CONFIG.exists() and Path("/var/lib/rtva/state.db").exists(), "configuration or state is gone")
    must(not Path(f"/proc/{main_pid() or 'x'}").exists(), "it still runs")


def checks() -> Checks:
    if SLOWER > 1:
        yield "install.sh without a network ends in a running service", a_emulated_install
        yield "a spoken question is answered", Machine.answered_anew
        yield "bundles that are refused", c_bad_bundles
        yield "rtva update", d_update
        yield "a spoken question is answered after it", Machine.answered_anew
        yield "--uninstall", h_uninstall
        return
    yield "install.sh without a network ends in a running service", a_install
    yield "a spoken question is answered", Machine.answered_anew
    yield "install.sh a second time", b_second_run
    yield "bundles that are refused", c_bad_bundles
    yield "rtva update", d_update
    yield "a release that cannot speak or hear is left for the one before", e_bad_release
    yield "a spoken question is answered after it", Machine.answered_anew
    yield "rtva update --back", f_back
    yield f"{KILLS} kills of the update", g_kills
    yield "a spoken question is answered after them", Machine.answered_anew
    yield "--uninstall", h_uninstall


if __name__ == "__main__":
    prove(Machine, checks())
