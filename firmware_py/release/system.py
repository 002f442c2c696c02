"""What a release is to the system: links to its units, systemd, the user, the configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from firmware_py.errors import Unavailable
from firmware_py.release import disk, places
from firmware_py.release.releases import Releases

UNITS = ("rtva.service", "rtva-settle.service")
KEY = Path("etc/rtva/update-key.pem")


@dataclass(frozen=True)
class System:
    """The machine below ``root``; ``is_live`` when systemd runs on it and is to be told."""

    root: Path = Path("/")
    is_live: bool = Path("/run/systemd/system").is_dir()

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``systemctl`` with these arguments; where systemd does not run, as if it had said nothing, successfully."""
        if not self.is_live:
            return subprocess.CompletedProcess(arguments, 0, "", "")
        return subprocess.run(("systemctl", *arguments), capture_output=True, text=True)

    def systemctl(self, *arguments: str) -> str:
        """Its output, stripped; "" where systemd does not run."""
        return self.call(*arguments).stdout.strip()

    def must(self, *arguments: str) -> None:
        """Raises Unavailable when ``systemctl`` fails, with what it said."""
        done = self.call(*arguments)
        if done.returncode:
            told = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
            raise Unavailable(f"systemctl {' '.join(arguments)}: {told[0]}")

    def must_be_startable(self) -> None:
        """Raises Unavailable where the service is masked: by the owner, and so theirs to undo."""
        for unit in UNITS:
            if self.systemctl("is-enabled", unit).startswith("masked"):
                raise Unavailable(
                    f"{unit} is masked on this machine and cannot be started; 'systemctl unmask {unit}' first"
                )

    def is_to_run(self) -> bool:
        """Whether the service is left running: all but where it is neither enabled nor up. A failed one is to run."""
        return (
            self.systemctl("is-active", "rtva.service") != "inactive"
            or self.systemctl("is-enabled", "rtva.service") == "enabled"
        )

    def show(self, name: str) -> str:
        return self.systemctl("show", "rtva.service", "-P", name)

    def place(self, releases: Releases) -> None:
        """Links, copies and the configuration of the release in force; what is the owner's stays as it is."""
        places.link(self.root)
        share = releases.path(releases.current) / "share"
        places.renew(self.root, share / "systemd")
        (self.root / "etc/rtva/intents").mkdir(parents=True, exist_ok=True)
        config = self.root / places.CONFIG
        if not config.exists():
            new = config.with_name(".config.yaml.first")  # a cut before the preset leaves none, not one without it
            disk.write(new, (share / "rtva" / "config.yaml").read_text("utf-8"))
            self.take_preset(new)
            disk.rename(new, config)
        self.tell()

    def take_preset(self, config: Path) -> None:
        """That of the board, where a device tree says which one it is; without it the defaults do."""
        if (self.root / "proc/device-tree/model").exists():
            command = (self.root / "opt/rtva/bin/rtva", "first-boot", "--preset", "auto", "--boot", "/nonexistent")
            home = {**os.environ, "RTVA_HOME": str(self.root / "var/lib/rtva")}
            subprocess.run((*command, "--config", config), env=home, capture_output=True)

    def tell(self) -> None:
        """The user, the folders, the devices' rights and the units, as the release in force has them."""
        if not self.is_live:
            return
        for command in (
            ("systemd-sysusers", "rtva.conf"),
            ("systemd-tmpfiles", "--create", "rtva.conf"),
            ("udevadm", "control", "--reload"),
            ("udevadm", "trigger", "--subsystem-match=gpio", "--subsystem-match=tty"),
        ):
            if shutil.which(command[0]):
                subprocess.run(command, capture_output=True)
        self.systemctl("daemon-reload")

    def take_away(self, releases: Releases, is_purge: bool) -> list[str]:
        """Removes all but configuration and state, with ``is_purge`` these too; returns what was kept."""
        self.systemctl("disable", "--now", "rtva.service", "rtva-profile.timer")
        releases.none_in_force()  # cut short from here on, the next installation is a first one
        places.remove(self.root)
        _clear(releases.root)
        owned = [self.root / "etc/rtva", self.root / "var/lib/rtva", self.root / "etc/systemd/system/rtva.service.d"]
        if is_purge:
            for path in owned:
                shutil.rmtree(path, ignore_errors=True)
        self.systemctl("daemon-reload")
        return [str(path) for path in owned if path.exists()]


def _clear(root: Path) -> None:
    """Removes the folder, or what the link stands for. Raises Unavailable when something stays."""
    folder = root.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir() and any(folder.iterdir()):
        raise Unavailable(f"{folder}: not all of it could be removed")
    if root.is_symlink():
        root.unlink()
