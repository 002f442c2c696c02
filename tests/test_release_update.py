"""Releases side by side: switched whole, judged, gone back from, and what a kill at any moment leaves.

Everything is real (venv, pip, signature, links) but systemd, which ``make bundle-test`` has.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firmware_py.errors import BadInput, NotFound, Unavailable
from firmware_py.release import gate, updating
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


@pytest.mark.parametrize(("name", "word"), [("opt/rtva/pyvenv.cfg", "make uninstall"), ("usr/lib/rtva/bin/rtva", "apt")])
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
