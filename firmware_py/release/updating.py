"""First installation, update, going back, taking away: the whole of it, in the order that a power cut forgives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from firmware_py.errors import NotFound, Unavailable
from firmware_py.release import disk, gate, places, signature
from firmware_py.release.building import build
from firmware_py.release.bundle import Bundle
from firmware_py.release.releases import Releases
from firmware_py.release.system import KEY, System

Say = Callable[[str], None]


@dataclass(frozen=True)
class Board:
    """Where releases lie and the system they belong to; ``gate_s`` is how long a new one may take."""

    releases: Releases = field(default_factory=Releases)
    system: System = field(default_factory=System)
    gate_s: float = gate.GATE_S
    say: Say = print

    @property
    def key(self) -> Path:
        return self.system.root / KEY


def trusted_key(board: Board, named: Path | None) -> str:
    """The public key as text: the named one, or that of this board. Raises NotFound."""
    path = named or board.key
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{path}: no public key that could be read; --key names one") from error


def update(board: Board, path: Path, pem: str, is_first: bool = False) -> str:
    """Verifies, builds beside, switches, judges; goes back when it is not good. Returns the release in force.

    With ``is_first`` (``install.sh``) the service is enabled, and one that is not ready yet stays: nothing is there to
    go back to. Raises BadInput, NotFound, Unavailable.
    """
    releases, system = board.releases, board.system
    places.must_be_free(system.root)
    bundle = Bundle(path, signature.public_key(pem))
    with releases.changing():
        if back := releases.settle():
            board.say(f"an update was cut short; back at {back}")
        before, name = releases.current, bundle.manifest.release
        was_running = system.systemctl("is-active", "rtva.service") in ("active", "activating")
        if name == before and releases.is_complete(name):
            board.say(f"{name} is in force already")
        else:
            board.say(f"building {name}")
            build(bundle, releases)
            releases.try_out(name)
        if not before or is_first:
            system.place(releases)
            disk.write(board.key, pem)
            system.systemctl("enable", "rtva.service")
        _judge(board, before, was_running or is_first)
    return releases.current


def _judge(board: Board, before: str, stays_up: bool) -> None:
    releases, system = board.releases, board.system
    system.tell()
    gate.restart(system)
    why = gate.judge(system, releases, board.gate_s)
    if why and before and before != releases.current:
        name = releases.current
        releases.settle()
        system.tell()
        gate.restart(system) if stays_up else system.systemctl("stop", "rtva.service")
        raise Unavailable(f"{name}: {why}; back at {releases.current}")
    if why and before:
        raise Unavailable(f"{before}: {why}")
    releases.accept()
    system.place(releases)
    releases.sweep()
    if why:
        board.say(f"installed and enabled, but {why}; 'journalctl -u rtva' says more")
    if not stays_up:
        system.systemctl("stop", "rtva.service")


def back(board: Board) -> str:
    """To the release before, through the same gate. Raises Unavailable."""
    releases, system = board.releases, board.system
    with releases.changing():
        releases.settle()
        before, name = releases.current, releases.previous
        if not name or name == before:
            raise Unavailable("there is no release before this one to go back to")
        was_running = system.systemctl("is-active", "rtva.service") in ("active", "activating")
        releases.try_out(name)
        _judge(board, before, was_running)
    return releases.current


def uninstall(board: Board, is_purge: bool = False) -> None:
    """Takes away what a bundle installed, no more. Raises Unavailable where rtva came another way."""
    places.must_be_free(board.system.root)
    with board.releases.changing():
        kept = board.system.take_away(board.releases, is_purge)
    board.say(f"taken away; kept: {' '.join(kept) or 'nothing'}" + (" (--purge removes them)" if kept else ""))
