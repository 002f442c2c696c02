"""The unit as a text: how exposed it is, what it promises. ``make system-test`` runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parent.parent / "systemd"
UNIT = SYSTEMD / "rtva.service"
DROP_INS = SYSTEMD / "drop-in" / "rtva.service.d"
EXPOSURE = {"": 0.6, "network.conf": 1.4, "cuda.conf": 0.7}
"""The most that each may cost."""


def exposure(folder: Path, *drop_ins: str) -> float:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here; it comes with systemd")
    units = folder / "etc" / "systemd" / "system"
    (units / "rtva.service.d").mkdir(parents=True)
    shutil.copy(UNIT, units)
    for name in drop_ins:
        shutil.copy(DROP_INS / name, units / "rtva.service.d")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--root={folder}", "rtva.service"]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"exposure level for rtva.service: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"systemd-analyze cannot judge files here, it needs version 250: {done.stderr.strip()[:100]}")
    return float(found.group(1))


@pytest.mark.parametrize("drop_in", EXPOSURE)
def test_exposure(drop_in: str, tmp_path: Path) -> None:
    assert exposure(tmp_path, *[drop_in][: bool(drop_in)]) <= EXPOSURE[drop_in]


def directives(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, is_assignment, value = line.partition("=")
        if is_assignment and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_the_unit_keeps_its_promises() -> None:
    unit = directives(UNIT)
    assert unit["Type"] == ["notify"] and unit["Restart"] == ["always"] and unit["StartLimitIntervalSec"] == ["0"]
    assert unit["RestrictAddressFamilies"] == ["AF_UNIX"] and unit["PrivateNetwork"] == ["yes"]
    assert int(unit["LimitRTPRIO"][0]) >= 10 and unit["LimitMEMLOCK"] and unit["OOMPolicy"] == ["continue"]
    assert unit["ExecStart"][0].startswith("/opt/rtva/bin/rtva run --wait ")
    assert unit["ExecReload"][0].startswith("/opt/rtva/bin/rtva reload")
    devices = " ".join(unit["DeviceAllow"])
    assert all(name in devices for name in ("char-alsa", "char-ttyUSB", "char-ttyACM", "char-ttyAMA", "char-gpiochip"))


def test_the_watchdog_waits_longer_than_the_service_needs_to_notice() -> None:
    from firmware_py.service.watch import STALE_S

    assert float(directives(UNIT)["WatchdogSec"][0]) > STALE_S * 2


def test_the_network_is_lifted_by_the_drop_in_alone() -> None:
    assert directives(DROP_INS / "network.conf")["PrivateNetwork"] == ["no"]
    assert "PrivateNetwork" not in directives(DROP_INS / "cuda.conf")
    assert not any("0.0.0.0/0" in v or "any" in v for v in directives(DROP_INS / "network.conf")["IPAddressAllow"])


def test_every_group_of_the_unit_exists_once_installed() -> None:
    text = (SYSTEMD / "rtva.sysusers").read_text()
    made = set(re.findall(r"^[ug] (\w+)", text, re.M)) | {"audio", "dialout"}
    assert set(directives(UNIT)["SupplementaryGroups"][0].split()) <= made


def test_systemd_reads_it() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here; it comes with systemd")
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True)
    about_us = [line for line in done.stderr.splitlines() if "rtva.service" in line]
    assert not [line for line in about_us if "not executable" not in line], done.stderr


def test_the_weekly_profile_is_off_until_it_is_enabled_and_comes_last(tmp_path: Path) -> None:
    service, timer = directives(SYSTEMD / "rtva-profile.service"), directives(SYSTEMD / "rtva-profile.timer")
    assert service["Type"] == ["oneshot"] and service["Nice"] == ["19"] and "WantedBy" not in service
    assert "--trend" in service["ExecStart"][0] and service["User"] == directives(UNIT)["User"]
    assert timer["WantedBy"] == ["timers.target"] and timer["Persistent"] == ["true"]
    script = (SYSTEMD.parent / "deploy" / "install.sh").read_text()
    assert script.count("rtva-profile.") == 5 and "enable --now rtva-profile" not in script
    if shutil.which("systemd-analyze"):
        done = subprocess.run(
            ["systemd-analyze", "calendar", timer["OnCalendar"][0]], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
