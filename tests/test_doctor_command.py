"""``rtva doctor`` as people and programs call it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_py import doctor
from firmware_py.__main__ import main
from firmware_py.config import describe
from firmware_py.doctor import Case, Finding, check, checks, examine, ok

Rtva = Callable[..., "subprocess.CompletedProcess[str]"]


def test_every_check_reports_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    report = json.loads(out)
    assert [finding["name"] for finding in report["checks"]] == list(checks())
    assert all(set(finding) == {"name", "status", "message", "advice"} for finding in report["checks"])
    failed = [finding for finding in report["checks"] if finding["status"] == "fail"]
    assert (code, report["ok"]) == ((69, False) if failed else (0, True))
    assert not [f for f in report["checks"] if "could not be checked" in f["message"]], "no check may break here"


def test_native_libraries_do_not_chatter(rtva: Rtva) -> None:
    done = rtva("doctor")
    assert done.stderr == ""
    assert "ALSA lib" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith("skipped")


def test_a_bad_configuration_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("stt: {modle: x}")
    assert main(["doctor", "--config", str(file), "--json"]) == 69
    found = {f["name"]: f for f in json.loads(capsys.readouterr().out)["checks"]}
    assert found["configuration"]["status"] == "fail"
    assert f"{file}:1: stt.modle: unknown key" in found["configuration"]["message"]
    assert main(["doctor", "--config", str(tmp_path / "gone.yaml"), "--json"]) == 69


def test_a_key_that_nothing_reads_yet_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = {key: replace(knob, is_planned=key == "wake.enabled") for key, knob in describe().items()}
    monkeypatch.setattr("firmware_py.doctor.checks_config.describe", lambda: planned)
    file = tmp_path / "c.yaml"
    file.write_text("wake: {enabled: true}")
    main(["doctor", "--config", str(file), "--json"])
    found = {f["name"]: f for f in json.loads(capsys.readouterr().out)["checks"]}
    assert (found["unused keys"]["status"], found["unused keys"]["message"]) == (
        "warn",
        "set, but not used yet: wake.enabled",
    )


def test_later_checks_join_by_registering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_checks", {})

    @check("lamp")
    def lamp(case: Case) -> Finding:
        return ok("glows")

    @check("attic")
    def attic(case: Case) -> Finding:
        raise RuntimeError("dark\nand dusty")

    found = list(examine(Case()))
    assert found[0] == Finding("ok", "glows", name="lamp")
    assert found[1] == Finding("warn", "could not be checked: RuntimeError: dark and dusty", name="attic")
    with pytest.raises(ValueError, match="two checks are named 'lamp'"):
        check("lamp")(lamp)
