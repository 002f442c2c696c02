"""A first installation or an uninstall that is cut short: the next ``install.sh`` ends as if nothing had happened."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from firmware_py.errors import Unavailable
from firmware_py.release import building, disk, gate, places, updating
from firmware_py.release.releases import Releases
from firmware_py.release.system import System
from tests.release_lab import make_bundle, make_key

STEPS = ("write", "link", "rename", "remove", "sync_tree")
UNIT, CONFIG = "usr/lib/systemd/system/rtva.service", "etc/rtva/config.yaml"


class Systemd(System):
    """Starts and enables what has a unit, and nothing else, as systemd does."""

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if arguments[0] in ("start", "enable") and not (self.root / UNIT).is_symlink():
            return subprocess.CompletedProcess(arguments, 5, "", "Unit rtva.service not found.")
        return subprocess.CompletedProcess(arguments, 0, "", "")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    private, pem = make_key(folder)
    (folder / "public.pem").write_text(pem)
    made = {version: make_bundle(folder, private, version) for version in ("1.0", "2.0")}
    return made | {"key": folder / "public.pem"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A script in place of the virtual environment; a service is READY when it has a configuration."""

    def environment(run: building.Run, python: str, release: Path) -> None:
        (release / "bin").mkdir()
        (release / "bin/python").symlink_to(python)
        (release / "bin/rtva").write_text("#!/bin/sh\n")
        (release / "bin/rtva").chmod(0o755)

    def judge(system: System, *_: object) -> str:
        return "" if (system.root / CONFIG).exists() else "not READY (exit 78)"

    monkeypatch.setattr(building, "_environment", environment)
    monkeypatch.setattr(gate, "judge", judge)


@pytest.fixture
def board(tmp_path: Path) -> updating.Board:
    return updating.Board(Releases(tmp_path / "opt" / "rtva"), Systemd(tmp_path, False), say=lambda _: None)


def install(board: updating.Board, bundles: dict[str, Path], version: str = "1.0") -> str:
    return updating.update(board, bundles[version], bundles["key"].read_text(), is_first=True)


def broken_at(number: int, how: Callable[[Path], None], doing: Callable[[], object]) -> bool:
    """In a process of its own, ``how`` at that step on the disk; returns whether there was such a step."""
    child = os.fork()
    if child == 0:
        count = iter(range(1, 999))

        def broken(real: Callable[..., None]) -> Callable[..., None]:
            def step(path: Path, *more: Any, **named: Any) -> None:
                if next(count) == number:
                    how(path)
                real(path, *more, **named)

            return step

        for name in STEPS:
            setattr(disk, name, broken(getattr(disk, name)))
        try:
            doing()
        except OSError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1), f"step {number}"
    return code == 1


def cut(path: Path) -> None:
    os._exit(1)


def full(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def in_place(board: updating.Board) -> bool:
    root = board.system.root
    return places.are_there(root) and board.key.exists() and not board.releases.is_on_trial


@pytest.mark.parametrize("how", [cut, full])
@pytest.mark.parametrize("then", ["1.0", "2.0"])
def test_a_first_installation_that_was_cut_short_is_mended_by_another(
    tmp_path: Path, bundles: dict[str, Path], how: Callable[[Path], None], then: str
) -> None:
    for number in range(1, 99):
        root = tmp_path / str(number)
        board = updating.Board(Releases(root / "opt/rtva"), Systemd(root, False), say=lambda _: None)
        if not broken_at(number, how, lambda board=board: install(board, bundles)):  # type: ignore[misc]
            assert number > 19
            return
        assert install(board, bundles, then) and in_place(board), f"step {number}"
    pytest.fail("it never came to an end")


def test_an_uninstall_that_was_cut_short_leaves_a_first_installation(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    for what in ("firmware_py.release.places.remove", "firmware_py.release.system._clear"):
        install(board, bundles)
        with monkeypatch.context() as cutting:
            cutting.setattr(what, ended)
            with pytest.raises(KeyboardInterrupt):
                updating.uninstall(board)
        assert not board.releases.current
        for version in ("1.0", "2.0"):
            assert install(board, bundles, version) and in_place(board)


def test_a_first_one_that_was_cut_short_and_is_not_ready_stays(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "judge", lambda *_: "not READY within 60 s")
    assert broken_at(9, cut, lambda: install(board, bundles)) and board.releases.current and not board.key.exists()
    assert install(board, bundles) and in_place(board)


@pytest.mark.parametrize("lost", [UNIT, CONFIG, "opt/rtva/settle"])
def test_what_was_lost_of_an_installation_comes_back_and_an_update_is_judged_still(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    first = install(board, bundles)
    (board.system.root / lost).unlink()
    with monkeypatch.context() as bad, pytest.raises(Unavailable, match=f"back at {first}"):
        bad.setattr(gate, "judge", lambda *_: "not READY within 60 s")
        install(board, bundles, "2.0")
    (board.system.root / lost).unlink()
    assert install(board, bundles) == first and in_place(board)


def test_a_configuration_comes_with_its_preset_or_not_at_all(
    board: updating.Board, bundles: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(_: System, config: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cutting, pytest.raises(Unavailable, match="interrupted"):
        cutting.setattr(System, "take_preset", ended)
        install(board, bundles)
    assert not (board.system.root / CONFIG).exists()

    def preset(_: System, config: Path) -> None:
        config.write_text(config.read_text() + "stt: {model: base.en}\n")

    monkeypatch.setattr(System, "take_preset", preset)
    install(board, bundles)
    assert "base.en" in (board.system.root / CONFIG).read_text()
    assert [path.name for path in (board.system.root / "etc/rtva").glob(".*")] == []
