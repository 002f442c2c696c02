"""First installation, update, going back, taking away: the whole of it, in the order that a power cut forgives."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firmware_py.errors import NotFound, Unavailable
from firmware_py.release import disk, gate, installed, places, signature
from firmware_py.release.building import build, find
from firmware_py.release.bundle import Bundle
from firmware_py.release.releases import Releases, is_same
from firmware_py.release.system import KEY, System

Say = Callable[[str], None]
Handler = signal.Handlers | Callable[[int, Any], Any]
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Board:
    """Where releases lie and the system they belong to; ``deadline_scale`` stretches what each step may take."""

    releases: Releases = field(default_factory=Releases)
    system: System = field(default_factory=System)
    deadline_scale: float = 1.0
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

    With ``is_first`` (``install.sh``) the service is enabled, and one that is not ready yet stays where nothing is
    there to go back to; the key becomes the board's with a release that is good. Raises BadInput, NotFound,
    Unavailable.
    """
    releases, system = board.releases, board.system
    places.must_be_free(system.root)
    bundle = Bundle(path, signature.public_key(pem))
    with _changing(board):
        system.must_be_startable()
        _settle(board)
        before, stays_up = releases.current, is_first or system.is_to_run()
        name = find(bundle, releases)
        if name and name == before:
            board.say(f"{name} is in force already")
        elif not name:
            if is_same(before, bundle.manifest.release):
                board.say(f"{before}: {installed.damage(releases.path(before))} is not as it was installed")
            board.say(f"building {bundle.manifest.release}")
            name = build(bundle, releases, board.deadline_scale)
        why = _try_out(board, name, Place(pem if is_first else "", stays_up))
        if why:
            board.say(f"installed and enabled, but {why}; 'journalctl -u rtva' says more")
    return releases.current


@dataclass(frozen=True)
class Place:
    """What a release gets once it is good: a key and being enabled (``install.sh``), and whether it stays up."""

    pem: str
    stays_up: bool

    def take(self, board: Board) -> None:
        board.system.place(board.releases)
        if self.pem:
            disk.write(board.key, self.pem)
            board.system.must("enable", "rtva.service")
        for path in places.foreign(board.system.root):
            board.say(f"{path} is not of this installation and stays; the command is /opt/rtva/bin/rtva")


def _try_out(board: Board, name: str, place: Place) -> str:
    """The trial of a release; returns what is wrong with one that stays because there is none before it.

    However it ends but well, the release before is in force and running again. Raises Unavailable, and what cut it
    short.
    """
    releases, system, before = board.releases, board.system, _before(board)
    try:
        if name != releases.current:
            releases.try_out(name)
        if not before:
            place.take(board)
        elif not places.are_there(system.root):
            system.place(releases)
        system.tell()
        gate.restart(system)
        why = gate.judge(system, releases, board.deadline_scale)
        if not (why and before):
            releases.accept()
    except BaseException:
        if back := _go_back(board, place.stays_up):
            _say_if_possible(board, f"back at {back}")
        raise
    if why and before:
        back = _go_back(board, place.stays_up)
        raise Unavailable(f"{name}: {why}" + (f"; back at {back}" if back else ""))
    if not place.stays_up:
        system.systemctl("stop", "rtva.service")
    if before:
        place.take(board)
    releases.sweep()
    return why


def _before(board: Board) -> str:
    """The release to go back to: none either where a first installation was cut short."""
    got_through = board.key.exists() or places.are_there(board.system.root)
    return board.releases.current if got_through else ""


def _go_back(board: Board, stays_up: bool) -> str:
    """To the release before the one on trial, if there is one; returns its name, or ""."""
    releases, system = board.releases, board.system
    with _signals(signal.SIG_IGN):
        back = releases.settle()
        releases.sweep()
        if back:
            system.tell()
        if not stays_up:
            system.systemctl("stop", "rtva.service")
        elif back:
            with contextlib.suppress(Unavailable):
                gate.restart(system)
    return back


def _settle(board: Board) -> str:
    """Ends an earlier update that was cut short, the service included; returns the release that was gone back to."""
    back = _go_back(board, board.system.is_to_run()) if board.releases.is_on_trial else ""
    if back:
        board.say(f"an update was cut short; back at {back}")
    return back


@contextlib.contextmanager
def _changing(board: Board) -> Iterator[None]:
    """The lock; Ctrl-C, a terminal that is lost and a request to end are one error, behind which all is in order."""
    with board.releases.changing(), _signals(signal.default_int_handler):
        try:
            yield
        except KeyboardInterrupt:
            raise Unavailable(f"interrupted; in force: {board.releases.current or 'nothing'}") from None


@contextlib.contextmanager
def _signals(handler: Handler) -> Iterator[None]:
    """What is ignored already (nohup) stays so; only the main thread may change anything."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _say_if_possible(board: Board, text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be what was lost
        board.say(text)


def back(board: Board) -> str:
    """To the release before, through the same gate; after an update that was cut short, to that before it.

    Raises Unavailable.
    """
    releases, system = board.releases, board.system
    places.must_be_free(system.root)
    with _changing(board):
        system.must_be_startable()
        name = _settle(board)
        if not name and releases.previous != releases.current:
            name = releases.previous
        if not name:
            raise Unavailable("there is no release before this one to go back to")
        _try_out(board, name, Place("", system.is_to_run()))
    return releases.current


def uninstall(board: Board, is_purge: bool = False) -> None:
    """Takes away what a bundle installed, no more. Raises Unavailable where rtva came another way."""
    places.must_be_free(board.system.root)
    with board.releases.changing():
        kept = board.system.take_away(board.releases, is_purge)
    board.say(f"taken away; kept: {' '.join(kept) or 'nothing'}" + (" (--purge removes them)" if kept else ""))
