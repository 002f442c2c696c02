"""``deploy/system-test/unbooted.py``: what of a diagnosis is forgiven to an emulator, and what is not."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.release_lab import ROOT


@pytest.fixture
def unbooted(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "deploy" / "system-test"))
    import unbooted  # type: ignore[import-not-found]

    return unbooted  # type: ignore[no-any-return]


FINE = {"name": "python", "status": "ok", "message": "Python 3.13"}
SLOW = {"name": "whisper.cpp", "status": "fail", "message": "does not run: no answer within 2 s"}
BROKEN = {"name": "libraries", "status": "fail", "message": "11 of 12 installed"}


def test_patience_alone_is_forgiven(unbooted: ModuleType) -> None:
    assert unbooted.diagnosis([FINE]) == "rtva doctor: 1 checks, none failed"
    assert unbooted.diagnosis([FINE, SLOW]).endswith("2 checks, none failed, 1 were not answered in time")
    with pytest.raises(SystemExit, match="libraries"):
        unbooted.diagnosis([FINE, SLOW, BROKEN])


def test_a_command_that_fails_ends_it_in_one_line(unbooted: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    root = unbooted.Root(ROOT)
    for script, may, ends in (("exit 69", 0, True), ("exit 69", 69, False), ("exit 1", 69, True), ("", 69, False)):
        real = unbooted.subprocess.run
        with monkeypatch.context() as there:
            there.setattr(unbooted.subprocess, "run", lambda words, **o: real(["sh", "-c", words[-1]], **o))  # noqa: B023
            if ends:
                with pytest.raises(SystemExit, match="FAIL"):
                    root.run(script, may=may)
            else:
                root.run(script, may=may)
