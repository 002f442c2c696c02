"""``--deadline-scale``: an emulated machine installs and updates with more time, and with nothing else changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from firmware_py.__main__ import main
from firmware_py.release import building, gate, updating
from firmware_py.release.__main__ import main as install_sh
from firmware_py.release.releases import Releases
from firmware_py.release.system import System
from tests.release_lab import make_bundle, make_key


def board_below(root: Path, scale: float) -> updating.Board:
    return updating.Board(Releases(root / "opt/rtva"), System(root, False), scale, lambda _: None)


def test_each_step_and_the_trial_have_that_much_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, pem = make_key(tmp_path)
    bundle, limits, real = make_bundle(tmp_path, private), [], subprocess.run

    def run(*command: Any, **options: Any) -> Any:
        limits.append(options["timeout"])
        return real(*command, **options)

    def judge(system: System, releases: Releases, scale: float) -> str:
        limits.append(scale)
        return ""

    monkeypatch.setattr(gate, "judge", judge)
    monkeypatch.setattr(building, "subprocess", SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired))
    updating.update(board_below(tmp_path / "root", 40.0), bundle, pem, is_first=True)
    assert limits.pop() == 40.0 and len(limits) >= 3 and set(limits) == {40.0 * building.STEP_S}


@pytest.mark.parametrize(("scale", "wait_s"), [(1.0, 60.0), (40.0, 2400.0)], ids=["a board", "emulated"])
def test_a_release_that_does_not_come_up_is_given_up_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scale: float, wait_s: float
) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    class Never(System):
        def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.CompletedProcess(arguments, 0, "activating", "")

    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    assert f"not READY within {wait_s:.0f} s" in gate.judge(Never(tmp_path, True), Releases(tmp_path), scale)
    assert wait_s <= now[0] <= wait_s + 1 + scale  # it asks systemd less often, too


def test_the_process_of_a_release_is_known_behind_an_emulator(tmp_path: Path) -> None:
    """There the kernel names the emulator first, and what it runs behind it."""
    releases = Releases(tmp_path)
    sleeps = (
        sys.executable,
        "-c",
        "print(flush=True); input()",
        str(releases.path("1.0") / "bin/python"),
        "/opt/rtva/bin/rtva",
        "run",
    )
    running = subprocess.Popen(sleeps, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdout and running.stdout.readline()

    class Active(System):
        def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
            told = {"ActiveState": "active", "MainPID": str(running.pid)}[arguments[-1]]
            return subprocess.CompletedProcess(arguments, 0, told, "")

    try:
        assert gate._is_ready(Active(tmp_path, True), releases.path("1.0"))
        assert not gate._is_ready(Active(tmp_path, True), releases.path("2.0")), "one that is about to end"
    finally:
        running.kill()
        running.communicate()


@pytest.mark.parametrize("text", ["0", "0.5", "-40", "1001", "inf", "nan", "", "forty"])
def test_what_is_no_such_scale_is_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (install_sh, lambda words: main(["update", *words])):
        with pytest.raises(SystemExit) as ended:
            command(["/nowhere", f"--deadline-scale={text}"])
        assert ended.value.code != 0 and "--deadline-scale: 1 to 1000" in capsys.readouterr().err.splitlines()[-1]


def test_it_is_told_by_both_helps(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (install_sh, lambda words: main(["update", *words])):
        with pytest.raises(SystemExit):
            command(["--help"])
        assert "--deadline-scale N" in capsys.readouterr().out
