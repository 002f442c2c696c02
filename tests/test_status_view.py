"""``rtva status`` as a person reads it says what the other faces say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firmware_py.cli.status import view
from firmware_py.ports import Microphone
from firmware_py.service.controls import Reports, ServiceControls
from firmware_py.service.debug_capture import DebugCapture
from firmware_py.service.debug_folder import DebugFolder
from firmware_py.service.gate import MicrophoneGate
from firmware_py.service.memory import Remembered
from firmware_py.status.board import Board, Ear
from firmware_py.status.hub import Hub


def answer(tmp_path: Path, **changed: Any) -> dict[str, Any]:
    """What a service that has just begun answers, with what is ``changed``."""

    def never() -> Microphone:
        raise AssertionError

    board = Board(Hub())
    controls = ServiceControls(
        board, MicrophoneGate(never), Reports(), Remembered(), DebugCapture(DebugFolder(tmp_path), board)
    )
    board.set_ear(Ear.LOST, "no such device")
    return controls.status() | changed


COUNTS = {"turns": 3, "errors": 2, "waiting": 0, "shed": 1, "lost_samples": 0, "absent_samples": 32_000}


def test_the_microphone_says_why(tmp_path: Path) -> None:
    assert any("microphone lost (no such device)" in line for line in view(answer(tmp_path)))


def test_faults_failures_and_the_time_without_a_device_are_there(tmp_path: Path) -> None:
    text = "\n".join(view(answer(tmp_path, counts=COUNTS, faults={"unplugged": 3, "microphone_silent": 1})))
    assert "failed 2, shed 1" in text
    assert "microphone faults: unplugged 3, silent 1; closed or away for 2 s" in text


def test_nothing_is_said_of_what_did_not_happen(tmp_path: Path) -> None:
    text = "\n".join(view(answer(tmp_path, counts=COUNTS | {"absent_samples": 0})))
    assert "faults" not in text and "dropped" not in text and "turned away" not in text and "recording" not in text


def test_a_recording_is_as_plain_as_a_debug_capture(tmp_path: Path) -> None:
    text = "\n".join(view(answer(tmp_path, record={"is_on": True, "folder": "/var/lib/rtva/conversations"})))
    assert "a recording is ON: what is said is stored in /var/lib/rtva/conversations" in text


def test_faces_say_what_is_wrong_and_what_was_lost_on_them(tmp_path: Path) -> None:
    faces = {"state": {"socket": "on", "serial": "[Errno 2] gone"}, "dropped": {"serial": 4, "log": 1}, "refused": 2}
    text = "\n".join(view(answer(tmp_path, faces=faces)))
    assert "serial: [Errno 2] gone" in text and "4 of serial, 1 of log" in text and "turned away: 2" in text


def test_an_engine_that_does_not_serve_says_why(tmp_path: Path) -> None:
    worker = {"kind": "stt", "name": "whisper_cpp", "rss_bytes": 0, "crashed": 2, "killed": 0}
    for state, says in (("restarting", True), ("ready", False)):
        text = "\n".join(view(answer(tmp_path, workers=[worker | {"state": state, "last_failure": "it died"}])))
        assert ("restarting (it died)" in text) is says
