"""Golden verdicts beside recordings: what the core says of them does not change unnoticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from oracles import golden

GOLDEN: dict[str, Any] = json.loads(golden.PATH.read_text())
RECORDED = [name for name in GOLDEN if name != "synthetic"]


def test_a_made_signal_is_judged_as_ever() -> None:
    assert golden.verdicts(golden.synthetic()) == GOLDEN["synthetic"]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_is_judged_as_ever(name: str, recordings: Path) -> None:
    expected = GOLDEN[name]
    said = golden.judge(golden.load(recordings / name), expected["aggressiveness"])
    assert said == {key: expected[key] for key in ("speech", "active")}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_turns_of_a_recording_are_as_ever(name: str) -> None:
    """From the golden verdicts, so it needs no recording."""
    expected = GOLDEN[name]
    speech, active = golden.unpack(expected["speech"]), golden.unpack(expected["active"])
    assert golden.decide(speech, active) == expected["events"]
