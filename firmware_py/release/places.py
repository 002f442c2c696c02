"""Where a release reaches into the system: links through ``current``, copies, and nothing that is somebody else's."""

from __future__ import annotations

from pathlib import Path

from firmware_py.errors import Unavailable
from firmware_py.release import disk

LINKS = {
    "opt/rtva/bin": "current/bin",
    "opt/rtva/share": "current/share",
    "usr/local/bin/rtva": "/opt/rtva/bin/rtva",
    "usr/lib/systemd/system/rtva.service": "/opt/rtva/share/systemd/rtva.service",
    "usr/lib/systemd/system/rtva-profile.service": "/opt/rtva/share/systemd/rtva-profile.service",
    "usr/lib/systemd/system/rtva-profile.timer": "/opt/rtva/share/systemd/rtva-profile.timer",
    "usr/lib/sysusers.d/rtva.conf": "/opt/rtva/share/systemd/rtva.sysusers",
    "usr/lib/tmpfiles.d/rtva.conf": "/opt/rtva/share/systemd/rtva.tmpfiles",
    "usr/lib/udev/rules.d/60-rtva.rules": "/opt/rtva/share/systemd/60-rtva.rules",
}
"""They go through ``current``: switching it switches the units as well."""
COPIES = {
    "opt/rtva/settle": ("settle.sh", 0o755),
    "usr/lib/systemd/system/rtva-settle.service": ("rtva-settle.service", 0o644),
}
"""These must work whatever ``current`` is, so they are files of their own, renewed once a release is accepted."""
CONFIG = "etc/rtva/config.yaml"
WANTS = "etc/systemd/system/rtva.service.wants/rtva-settle.service"
ENABLED = (
    "etc/systemd/system/multi-user.target.wants/rtva.service",
    "etc/systemd/system/timers.target.wants/rtva-profile.timer",
)
"""What ``systemctl enable`` leaves."""
OTHERS = {
    "opt/rtva/pyvenv.cfg": "'make install'; 'make uninstall' first",
    "usr/lib/rtva/bin/rtva": "the Debian package; 'apt remove rtva' first",
}
"""Other ways to install that have the same units and the same user, and how each is told to go."""


def must_be_free(root: Path) -> None:
    """Raises Unavailable where rtva came another way: what is that one's is not taken over, nor taken away."""
    for name, what in OTHERS.items():
        if (root / name).exists():
            raise Unavailable(f"rtva was installed here by {what} (it keeps what is yours)")


def are_there(root: Path) -> bool:
    """Whether the service can be started: an installation or an uninstall that was cut short leaves it without."""
    names = ("usr/lib/systemd/system/rtva.service", *COPIES, CONFIG)
    return all((root / name).is_symlink() or (root / name).exists() for name in names)


def link(root: Path) -> None:
    """The links; a command of another owner stays."""
    for name, target in LINKS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _is_link(path, target) and path not in foreign(root):
            disk.link(path, target)


def foreign(root: Path) -> list[Path]:
    """Commands named ``rtva`` that are not of this installation."""
    path = root / "usr/local/bin/rtva"
    is_there = path.is_symlink() or path.exists()
    return [path] if is_there and not _is_link(path, LINKS["usr/local/bin/rtva"]) else []


def renew(root: Path, systemd: Path) -> None:
    """The copies, out of a release's folder of units."""
    for name, (source, mode) in COPIES.items():
        disk.write(root / name, (systemd / source).read_text("utf-8"), mode)
    (root / WANTS).parent.mkdir(parents=True, exist_ok=True)
    disk.link(root / WANTS, f"/{next(name for name in COPIES if name.endswith('.service'))}")


def remove(root: Path) -> None:
    """What :func:`link`, :func:`renew` and ``systemctl enable`` made, where it still is that."""
    for name, target in LINKS.items():
        if _is_link(root / name, target):
            (root / name).unlink()
    for name in (WANTS, *ENABLED):
        if (root / name).is_symlink():
            (root / name).unlink()
    for name in COPIES:
        path = root / name
        if path.is_file() and "/opt/rtva" in path.read_text("utf-8", "replace"):
            path.unlink()


def _is_link(path: Path, target: str) -> bool:
    return path.is_symlink() and str(path.readlink()) == target
