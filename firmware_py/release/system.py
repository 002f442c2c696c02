"""What a release is to the system: links to its units, systemd, the user, the configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from firmware_py.release import disk, places
from firmware_py.release.releases import Releases

KEY = Path("etc/rtva/update-key.pem")


@dataclass(frozen=True)
class System:
    """The machine below ``root``; ``is_live`` when systemd runs on it and is to be told."""

    root: Path = Path("/")
    is_live: bool = Path("/run/systemd/system").is_dir()

    def systemctl(self, *arguments: str) -> str:
        """Its output, stripped; "" where systemd does not run."""
        if not self.is_live:
            return ""
        done = subprocess.run(("systemctl", *arguments), capture_output=True, text=True)
        return done.stdout.strip()

    def show(self, name: str) -> str:
        return self.systemctl("show", "rtva.service", "-P", name)

    def place(self, releases: Releases) -> None:
        """Links, copies and the configuration of the release in force; what is the owner's stays as it is."""
        places.link(self.root)
        share = releases.path(releases.current) / "share"
        places.renew(self.root, share / "systemd")
        (self.root / "etc/rtva/intents").mkdir(parents=True, exist_ok=True)
        config = self.root / "etc/rtva/config.yaml"
        if not config.exists():
            disk.write(config, (share / "rtva" / "config.yaml").read_text("utf-8"))
            self.take_preset(config)
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
        places.remove(self.root)
        shutil.rmtree(releases.root, ignore_errors=True)
        owned = [self.root / "etc/rtva", self.root / "var/lib/rtva", self.root / "etc/systemd/system/rtva.service.d"]
        if is_purge:
            for path in owned:
                shutil.rmtree(path, ignore_errors=True)
        self.systemctl("daemon-reload")
        return [str(path) for path in owned if path.exists()]
