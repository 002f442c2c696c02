#!/usr/bin/env python3
"""The checks of the Debian package, as root inside a container without a network: those of the service, and its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from inside import START, Checks, a_start_is_ready, a_turn_is_answered, b_commands, first, kept_over_the_upgrade, prove
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
    show,
    within,
)

OPT = Path("/opt/rtva")
GO = Path("/run/rtva-test/go")


def a_install(machine: Machine) -> None:
    sh("dpkg", "--install", "/debs/1.deb", timeout=300)
    must(sh("systemctl", "is-enabled", "rtva").strip() == "enabled", "not enabled")
    must("mode: process" in CONFIG.read_text(), "no configuration")
    machine.configure()
    sh("systemctl", "restart", "rtva")
    must(is_ready(), f"no running service: {show('StatusText')}")


def a_emulated_install(machine: Machine) -> None:
    """As :func:`a_install`, but not started before it has the patience that a processor in software needs."""
    SLOW_UNIT.parent.mkdir(parents=True)
    SLOW_UNIT.write_text(f"[Unit]\nConditionPathExists={GO}\n{SLOW}")
    sh("dpkg", "--install", "/debs/1.deb", timeout=300)
    must("mode: process" in CONFIG.read_text(), "no configuration")
    machine.configure(latency="600000", more=PATIENCE)
    must(sh("systemctl", "is-enabled", "rtva").strip() == "enabled", "not enabled")
    must(not main_pid(), "it was started without its patience")
    GO.touch()


def b_upgrade(machine: Machine) -> None:
    sh("systemctl", "start", "rtva")
    before, pid = CONFIG.read_text(), main_pid()
    sh(RTVA, "volume", "40")
    sh("dpkg", "--install", "/debs/2.deb", timeout=300)
    within(60, "the service runs again", lambda: is_ready() and main_pid() != pid)
    must(CONFIG.read_text() == before, "the configuration was changed")
    must(sh(RTVA, "volume").strip() == "percent: 40", "the state was forgotten")


def c_update_is_told(machine: Machine) -> None:
    done = subprocess.run((RTVA, "update", "/debs/2.deb"), capture_output=True, text=True)
    must(done.returncode == 69 and "bundle" in done.stderr, f"it said {done.stderr!r}")


def d_remove(machine: Machine) -> None:
    sh("dpkg", "--remove", "rtva")
    must(not Path("/usr/lib/rtva").exists() and not Path("/usr/lib/systemd/system/rtva.service").exists(), "left")
    must(CONFIG.exists() and Path("/var/lib/rtva/state.db").exists(), "configuration or state is gone")
    must(not main_pid(), "it still runs")


def e_install_again(machine: Machine) -> None:
    before = CONFIG.read_text()
    sh("dpkg", "--install", "/debs/2.deb", timeout=300)
    within(120, "the service runs again", is_ready)
    must(CONFIG.read_text() == before and sh(RTVA, "volume").strip() == "percent: 40", "something was forgotten")


def f_mask(machine: Machine) -> None:
    """The owner's mask outlives an upgrade, and remove leaves none."""
    sh("systemctl", "mask", "--now", "rtva")
    sh("dpkg", "--install", "/debs/2.deb", timeout=300)
    must(not main_pid() and show("LoadState") == "masked", "the mask was not respected")
    sh("systemctl", "unmask", "rtva")
    sh("dpkg", "--remove", "rtva")
    must(not Path("/etc/systemd/system/rtva.service").is_symlink(), "remove left a mask: no other installation starts")


def g_mixing(machine: Machine) -> None:
    """Beside a bundle it is not installed, and the purge of what was removed before leaves all that is the bundle's."""
    (OPT / "releases").mkdir(parents=True)
    done = subprocess.run(("dpkg", "--install", "/debs/2.deb"), capture_output=True, text=True)
    must(done.returncode != 0 and "uninstall that first" in done.stderr, f"it said {done.stderr!r}")
    must(not Path("/usr/lib/rtva/bin/rtva").exists(), "it was unpacked beside a bundle")
    before = CONFIG.read_text()
    sh("dpkg", "--purge", "rtva")
    must(CONFIG.read_text() == before and Path("/var/lib/rtva/state.db").exists(), "purge took what is the bundle's")
    (OPT / "releases").rmdir()
    OPT.rmdir()


def h_purge(machine: Machine) -> None:
    sh("dpkg", "--install", "/debs/2.deb", timeout=300)
    sh("systemctl", "enable", "rtva-profile.timer")
    e_purge(machine)
    left = [str(p) for p in Path("/etc/systemd/system").rglob("*rtva*") if "test" not in p.name and p.is_symlink()]
    must(not left, f"left: {left}")


def e_purge(machine: Machine) -> None:
    sh("dpkg", "--purge", "rtva")
    must(not CONFIG.parent.exists() and not Path("/var/lib/rtva").exists(), "purge left something")


def checks() -> Checks:
    if SLOWER > 1:
        yield "dpkg --install", a_emulated_install
        yield START, a_start_is_ready
        yield "a spoken question is answered", a_turn_is_answered
        yield "commands on the serial line and the socket", b_commands
        yield "an upgrade of the running service keeps configuration and state", b_upgrade
        yield "a spoken question is answered after it", Machine.answered_anew
        yield "remove keeps what is the owner's", d_remove
        yield "purge takes that too", e_purge
        return
    yield "dpkg --install ends in a running service", a_install
    yield from first()
    yield "an upgrade of the running service keeps configuration and state", b_upgrade
    yield "its statistics outlive it too", kept_over_the_upgrade
    yield "a spoken question is answered after it", Machine.answered_anew
    yield "rtva update says that this is no bundle's installation", c_update_is_told
    yield "remove keeps what is the owner's", d_remove
    yield "installed again, it runs again", e_install_again
    yield "a mask of the owner's is kept, and none is left", f_mask
    yield "it does not mix with a bundle, nor does its purge", g_mixing
    yield "purge takes what is the owner's too", h_purge


if __name__ == "__main__":
    prove(Machine, checks())
