"""Releases side by side: switched whole, judged, gone back from, and what a kill at any moment leaves.

Everything is real (venv, pip, signature, links) but systemd, which ``make bundle-test`` has.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_py.errors import BadInput, NotFound, Unavailable
from firmware_py.release import building, disk, gate, updating
from firmware_py.release.__main__ import main as release_main
from firmware_py.release.releases import Releases
from firmware_py.release.system import System
from tests.release_lab import PYTHON, ROOT, make_bundle, make_key, make_tree, pack

SETTLE = ROOT / "systemd" / "settle.sh"
RUN = """
import sys
from pathlib import Path
from firmware_py.release.releases import Releases
from firmware_py.release.system import System
from firmware_py.release import updating
root = Path(sys.argv[1])
board = updating.Board(Releases(root / "opt/rtva"), System(root, False))
updating.update(board, Path(sys.argv[2]), updating.trusted_key(board, None))
"""


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    private, pem = make_key(folder)
    (folder / "public.pem").write_text(pem)
    made = {version: make_bundle(folder, private, version) for version in ("1.0", "2.0", "3.0")}
    return made | {
        "mute": make_bundle(folder, private, "4.0", code=3),
        "key": folder / "public.pem",
        "private": private,
    }


@pytest.fixture
def board(tmp_path: Path) -> updating.Board:
    return updating.Board(Releases(tmp_path / "opt" / "rtva"), System(tmp_path, False), say=lambda _: None)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell script in place of each virtual environment, where that is not what is asked: seconds less a release."""

    def environment(run: building.Run, python: str, release: Path) -> None:
        wheel = next((release / building.INCOMING / "wheels").glob("rtva-*.whl"))
        (release / "bin").mkdir()
        (release / "bin/python").symlink_to(python)
        (release / "rtva_stub.py").touch()
        (release / "bin/rtva").write_text(f"#!/bin/sh\necho {wheel.name.split('-')[1]}\n")
        (release / "bin/rtva").chmod(0o755)

    monkeypatch.setattr(building, "_environment", environment)


def said(board: updating.Board) -> str:
    rtva = board.system.root / "opt/rtva/bin/rtva"
    return subprocess.run((rtva,), capture_output=True, text=True, check=True).stdout.strip()


def install(board: updating.Board, bundles: dict[str, Path], version: str) -> str:
    is_first = not board.releases.current
    return updating.update(board, bundles[version], bundles["key"].read_text(), is_first)


def test_first_second_third_and_back(board: updating.Board, bundles: dict[str, Path]) -> None:
    first = install(board, bundles, "1.0")
    root = board.system.root
    assert said(board) == "1.0" and board.releases.previous == ""
    assert (root / "usr/local/bin/rtva").is_symlink() and (root / "opt/rtva/settle").stat().st_mode & 0o111
    assert (root / "usr/lib/systemd/system/rtva.service").is_symlink()
    assert updating.trusted_key(board, None) == bundles["key"].read_text()
    (root / "etc/rtva/config.yaml").write_text("mine\n")
    second = install(board, bundles, "2.0")
    assert (said(board), board.releases.current, board.releases.previous) == ("2.0", second, first)
    third = install(board, bundles, "3.0")
    assert board.releases.names() == sorted([second, third])
    assert (root / "etc/rtva/config.yaml").read_text() == "mine\n"
    voice = board.releases.path(third) / "share/rtva/models/voice.bin"
    assert voice.stat().st_nlink == 2
    assert updating.back(board) == second and said(board) == "2.0" and board.releases.previous == third


def test_a_release_that_is_not_ready_is_left(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = install(board, bundles, "1.0")
    monkeypatch.setattr(gate, "judge", lambda *_: "not READY within 60 s")
    with pytest.raises(Unavailable, match=f"not READY within 60 s; back at {first}"):
        install(board, bundles, "2.0")
    assert board.releases.current == first and said(board) == "1.0"
    assert not (board.releases.root / "trial").exists()


def test_a_release_that_cannot_speak_is_never_switched_to(board: updating.Board, bundles: dict[str, Path]) -> None:
    first = install(board, bundles, "1.0")
    with pytest.raises(Unavailable, match="a trial sentence failed"):
        install(board, bundles, "mute")
    assert board.releases.current == first and board.releases.names() == [first]


def test_a_step_that_never_ends_is_ended(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_py.release.building.STEP_S", 0.001)
    with pytest.raises(Unavailable, match="took longer than"):
        install(board, bundles, "1.0")
    assert board.releases.names() == [] and not board.releases.current


class Recorded(System):
    """A systemd that answers from ``says`` (the first word asked, to exit code and output), and what it was asked."""

    def __init__(self, root: Path, **says: tuple[int, str]) -> None:
        super().__init__(root, False)
        object.__setattr__(self, "says", says)
        object.__setattr__(self, "asked", [])

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.asked.append(" ".join(arguments))  # type: ignore[attr-defined]
        code, text = self.says.get(arguments[0].replace("-", "_"), (0, ""))  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(arguments, code, text, text)


def recorded(board: updating.Board, **says: tuple[int, str]) -> tuple[updating.Board, list[str]]:
    system = Recorded(board.system.root, **says)
    return updating.Board(board.releases, system, say=lambda _: None), system.asked  # type: ignore[attr-defined]


@pytest.mark.usefixtures("quick")
def test_a_masked_service_is_told_before_anything_is_built(board: updating.Board, bundles: dict[str, Path]) -> None:
    masked, _ = recorded(board, is_enabled=(1, "masked\n"))
    with pytest.raises(Unavailable, match=r"rtva\.service is masked.*unmask"):
        install(masked, bundles, "1.0")
    assert board.releases.names() == [] and not (board.system.root / "etc").exists()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("what", ["enable", "start"])
def test_a_service_that_systemd_refuses_is_no_success(
    board: updating.Board, bundles: dict[str, Path], what: str
) -> None:
    refusing, _ = recorded(board, **{what: (1, "Failed: no such unit\n")})
    with pytest.raises(Unavailable, match=f"systemctl {what}.* Failed: no such unit"):
        install(refusing, bundles, "1.0")


RUNNING, STOPPED, FAILED = (0, "active"), (3, "inactive"), (3, "failed")
ENABLED, DISABLED = (0, "enabled"), (1, "disabled")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("active", "enabled", "stays_up"),
    [
        (RUNNING, ENABLED, True),
        (RUNNING, DISABLED, True),
        (FAILED, ENABLED, True),
        (STOPPED, ENABLED, True),
        (STOPPED, DISABLED, False),
    ],
)
def test_only_a_service_that_was_not_to_run_is_stopped_after_an_update(
    board: updating.Board,
    bundles: dict[str, Path],
    active: tuple[int, str],
    enabled: tuple[int, str],
    stays_up: bool,
) -> None:
    install(board, bundles, "1.0")
    live, asked = recorded(board, is_active=active, is_enabled=enabled)
    install(live, bundles, "2.0")
    last = [each for each in asked if each.split()[0] in ("start", "stop")][-1]
    assert last == ("start --no-block rtva.service" if stays_up else "stop rtva.service")


def end_by(number: int) -> Callable[..., str]:
    def judge(*_: object) -> str:
        os.kill(os.getpid(), number)
        time.sleep(5)
        return ""

    return judge


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_whoever_ends_the_trial_gets_the_release_before(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Ctrl-C, a lost connection, a stop: not an unjudged release that is gone back from at some later restart."""
    first = install(board, bundles, "1.0")
    live, asked = recorded(board, is_active=RUNNING)
    former = signal.signal(number, signal.default_int_handler)  # nohup has some ignored, and so they stay in an update
    monkeypatch.setattr(gate, "judge", end_by(number))
    try:
        with pytest.raises(Unavailable, match=f"interrupted; in force: {first}"):
            install(live, bundles, "2.0")
        assert signal.getsignal(number) == signal.default_int_handler
    finally:
        signal.signal(number, former)
    assert (said(board), board.releases.names()) == ("1.0", [first]) and not board.releases.is_on_trial
    assert asked[-3:] == ["stop rtva.service", "reset-failed rtva.service", "start --no-block rtva.service"]


@pytest.mark.usefixtures("quick")
def test_a_terminal_that_is_gone_ends_it_in_order(board: updating.Board, bundles: dict[str, Path]) -> None:
    first = install(board, bundles, "1.0")
    live, asked = recorded(board, is_active=RUNNING, start=(1, "refused"))

    def say(text: str) -> None:
        if "back at" in text:
            raise OSError(5, "Input/output error")

    with pytest.raises(Unavailable, match="systemctl start"):
        updating.update(
            updating.Board(board.releases, live.system, say=say), bundles["2.0"], bundles["key"].read_text()
        )
    assert board.releases.current == first and asked[-1].startswith("start")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", range(1, 9))
def test_a_full_disk_at_any_step_leaves_a_judged_release(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    first = install(board, bundles, "1.0")
    steps = iter(range(1, 99))

    def full(real: Callable[..., None]) -> Callable[..., None]:
        def step(path: Path, *more: Any, **named: Any) -> None:
            if next(steps) == number:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            real(path, *more, **named)

        return step

    with monkeypatch.context() as filled:
        for name in ("write", "link", "sync_tree"):
            filled.setattr(disk, name, full(getattr(disk, name)))
        with pytest.raises(OSError, match="No space"):
            install(board, bundles, "2.0")
    assert not board.releases.is_on_trial and board.releases.is_complete(board.releases.current)
    assert said(board) in ("1.0", "2.0")
    if said(board) == "1.0":
        assert board.releases.names() == [first]
    install(board, bundles, "2.0")
    assert said(board) == "2.0"


@pytest.mark.usefixtures("quick")
def test_releases_that_were_left_do_not_pile_up(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = install(board, bundles, "1.0")
    monkeypatch.setattr(gate, "judge", lambda *_: "not READY within 60 s")
    for version in ("2.0", "3.0"):
        with pytest.raises(Unavailable, match="back at"):
            install(board, bundles, version)
        assert board.releases.names() == [first]


@pytest.mark.usefixtures("quick")
def test_back_from_an_update_that_was_cut_short(board: updating.Board, bundles: dict[str, Path]) -> None:
    """Killed in the trial: --back goes to the release before it, and the service runs that one."""
    first = install(board, bundles, "1.0")
    second = install(board, bundles, "2.0")
    board.releases.try_out(first)
    live, asked = recorded(board, is_active=RUNNING)
    assert updating.back(live) == second and said(board) == "2.0" and not board.releases.is_on_trial
    assert "start --no-block rtva.service" in asked


@pytest.mark.usefixtures("quick")
def test_the_key_is_the_boards_with_a_release_that_is_good(
    board: updating.Board, bundles: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(board, bundles, "1.0")
    private, pem = make_key(tmp_path, "other")
    tree = make_tree(tmp_path / "other", "5.0")
    (tree / "share/systemd/settle.sh").write_text("#!/bin/sh\nexit 1 # /opt/rtva\n")
    made, copies = pack(tree, private), board.system.root / "opt/rtva/settle"
    before = copies.read_text()
    with monkeypatch.context() as bad:
        bad.setattr(gate, "judge", lambda *_: "not READY within 60 s")
        with pytest.raises(Unavailable, match="back at"):
            updating.update(board, made, pem, is_first=True)
    assert (board.key.read_text(), copies.read_text()) == (bundles["key"].read_text(), before)
    updating.update(board, made, pem, is_first=True)
    assert board.key.read_text() == pem and copies.read_text() != before


def test_a_strict_umask_leaves_a_release_that_its_user_can_read(
    board: updating.Board, bundles: dict[str, Path]
) -> None:
    before = os.umask(0o077)
    try:
        install(board, bundles, "1.0")
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    root = board.system.root
    for path in (p for folder in ("opt", "usr", "etc") for p in (root / folder).rglob("*") if not p.is_symlink()):
        wanted = 0o555 if path.is_dir() else 0o444
        assert path.stat().st_mode & wanted == wanted or path.name == "lock", path


@pytest.mark.usefixtures("quick")
def test_a_damaged_release_is_built_anew_from_the_same_bundle(board: updating.Board, bundles: dict[str, Path]) -> None:
    install(board, bundles, "1.0")
    second = install(board, bundles, "2.0")
    for turn in range(3):
        release = board.releases.path(board.releases.current)
        told: list[str] = []
        telling = updating.Board(board.releases, board.system, say=told.append)
        assert updating.update(telling, bundles["2.0"], bundles["key"].read_text(), True) == release.name
        assert told == [f"{release.name} is in force already"]
        stub = next(release.rglob("rtva_stub.py"))
        voice = release / "share/rtva/models/voice.bin"
        (stub, voice, release / "bin/python")[turn].unlink()
        if turn == 1:
            voice.write_bytes(b"x")
        install(telling, bundles, "2.0")
        assert said(board) == "2.0" and board.releases.current.startswith(second)
        assert any("is not as it was installed" in text for text in told)
        assert len(board.releases.names()) == 2 and not board.releases.previous.startswith(second)
    assert updating.back(board) and said(board) == "1.0"


def test_purge_alone_is_a_mistake(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert release_main([str(tmp_path), "--purge"]) == 64
    assert "--uninstall" in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_uninstall_follows_a_link_to_another_disk(tmp_path: Path, bundles: dict[str, Path]) -> None:
    root, other = tmp_path / "root", tmp_path / "disk"
    other.mkdir()
    (root / "opt").mkdir(parents=True)
    (root / "opt/rtva").symlink_to(other)
    board = updating.Board(Releases(root / "opt/rtva"), System(root, False), say=lambda _: None)
    install(board, bundles, "1.0")
    wants = root / "etc/systemd/system/timers.target.wants/rtva-profile.timer"
    wants.parent.mkdir(parents=True)
    wants.symlink_to("/usr/lib/systemd/system/rtva-profile.timer")
    updating.uninstall(board, is_purge=True)
    assert not (root / "opt/rtva").is_symlink() and not other.exists() and not wants.is_symlink()


def test_a_first_one_that_is_not_ready_stays(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "judge", lambda *_: "not READY within 60 s")
    assert install(board, bundles, "1.0") and said(board) == "1.0"


def test_refusals(board: updating.Board, bundles: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="--key"):
        updating.trusted_key(board, None)
    with pytest.raises(Unavailable, match="no release before"):
        updating.back(board)
    stranger = make_key(tmp_path, "stranger")[1]
    with pytest.raises(BadInput, match="signature"):
        updating.update(board, bundles["1.0"], stranger, True)
    tree = make_tree(tmp_path / "foreign", "1.0")
    other = "arm64" if Path("/usr/lib/x86_64-linux-gnu").exists() else "amd64"
    for arch, python, why in ((other, PYTHON, f"for {other}"), (None, "3.99", "Python 3.99")):
        made = pack(tree, bundles["private"], **{k: v for k, v in {"arch": arch, "python": python}.items() if v})
        with pytest.raises(Unavailable, match=why):
            updating.update(board, made, bundles["key"].read_text(), True)
        (tree / "manifest").unlink()
        (tree / "manifest.sig").unlink()
    assert board.releases.names() == []


@pytest.mark.parametrize(
    ("name", "word"), [("opt/rtva/pyvenv.cfg", "make uninstall"), ("usr/lib/rtva/bin/rtva", "apt")]
)
def test_it_does_not_mix_with_the_other_ways(
    board: updating.Board, bundles: dict[str, Path], name: str, word: str
) -> None:
    root = board.system.root
    theirs = [root / name, root / "usr/lib/systemd/system/rtva.service", root / "etc/rtva/config.yaml"]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.write_text("theirs")
    with pytest.raises(Unavailable, match=word):
        install(board, bundles, "1.0")
    with pytest.raises(Unavailable, match=word):
        updating.uninstall(board, is_purge=True)
    assert sorted(p for p in root.rglob("*") if not p.is_dir()) == sorted(theirs)
    assert all(path.read_text() == "theirs" for path in theirs)


@pytest.mark.parametrize("name", ["opt/rtva/releases/1.0-0123456789/complete", "usr/lib/rtva/bin/rtva"])
@pytest.mark.parametrize("what", ["install", "uninstall"])
def test_make_install_does_not_mix_with_them_either(tmp_path: Path, name: str, what: str) -> None:
    theirs = [tmp_path / name, tmp_path / "usr/lib/systemd/system/rtva.service"]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.write_text("theirs")
    command = (ROOT / "deploy/install.sh", what)
    environment = {**os.environ, "DESTDIR": str(tmp_path), "WEIGHTS": "no", "NATIVE": "no", "PYTHON": sys.executable}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 69 and len(done.stderr.splitlines()) == 1 and "first" in done.stderr
    assert sorted(p for p in tmp_path.rglob("*") if not p.is_dir()) == sorted(theirs)


@pytest.mark.usefixtures("quick")
def test_uninstall_takes_only_what_it_made(board: updating.Board, bundles: dict[str, Path]) -> None:
    root = board.system.root
    mine = root / "usr/local/bin/rtva"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    install(board, bundles, "1.0")
    assert mine.read_text() == "mine"
    unit = root / "usr/lib/systemd/system/rtva.service"
    assert unit.is_symlink() and (unit.with_name("rtva-settle.service").stat().st_mode & 0o777) == 0o644
    unit.unlink()
    unit.write_text("mine")
    updating.uninstall(board, is_purge=True)
    assert mine.read_text() == unit.read_text() == "mine"
    assert not unit.with_name("rtva-settle.service").exists()


def test_one_update_at_a_time(board: updating.Board, bundles: dict[str, Path]) -> None:
    with board.releases.changing(), pytest.raises(Unavailable, match="another update"):
        install(board, bundles, "1.0")


def test_uninstall_leaves_what_is_the_owners(board: updating.Board, bundles: dict[str, Path]) -> None:
    install(board, bundles, "1.0")
    root = board.system.root
    (root / "var/lib/rtva").mkdir(parents=True)
    updating.uninstall(board)
    left = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir())
    assert left == ["etc/rtva/config.yaml", "etc/rtva/update-key.pem"] and (root / "var/lib/rtva").is_dir()
    install(board, bundles, "2.0")
    updating.uninstall(board, is_purge=True)
    assert not (root / "etc/rtva").exists() and not (root / "var/lib/rtva").exists()


def test_settle_goes_back_from_a_trial_that_was_cut_short(board: updating.Board, bundles: dict[str, Path]) -> None:
    first = install(board, bundles, "1.0")
    install(board, bundles, "2.0")
    releases = board.releases
    releases.try_out(first)
    with releases.changing():  # an update is at work: hands off
        subprocess.run((SETTLE, releases.root), check=True)
        assert releases.current == first and (releases.root / "trial").exists()
    subprocess.run((SETTLE, releases.root), check=True)
    assert said(board) == "2.0" and not (releases.root / "trial").exists()
    subprocess.run((SETTLE, releases.root), check=True)
    assert said(board) == "2.0"


def test_a_kill_at_any_moment_leaves_one_that_works(board: updating.Board, bundles: dict[str, Path]) -> None:
    """``KILLS`` of them; each update goes to the other release, the machine "boots" with settle.sh."""
    install(board, bundles, "1.0")
    started = time.monotonic()
    install(board, bundles, "2.0")
    took, dice = time.monotonic() - started, random.Random(20)
    for _ in range(int(os.environ.get("KILLS", "6"))):
        before = said(board)
        wanted = {"1.0": "2.0", "2.0": "3.0", "3.0": "1.0"}[before]
        process = subprocess.Popen(
            (sys.executable, "-c", RUN, board.system.root, bundles[wanted]), start_new_session=True, cwd=ROOT
        )
        time.sleep(dice.uniform(0, took * 1.2))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        subprocess.run((board.releases.root / "settle", board.releases.root), check=True)
        assert said(board) in (before, wanted)
        assert board.releases.is_complete(board.releases.current)
        assert not (board.releases.root / "trial").exists()
    install(board, bundles, "1.0")
    assert said(board) == "1.0" and len(board.releases.names()) <= 2
