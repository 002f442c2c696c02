"""The coverage page has a row for every knob of the guide, and claims no more than the schema does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firmware_py.settings.knobs import Knob, knobs

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs" / "guide-coverage.md").read_text("utf-8").splitlines()
    if line.startswith("| ")
]
STATES = {"works", "partly", "not yet", "no"}
GUIDE_KNOBS = [knob for knob in knobs().values() if knob.guide]


def test_every_row_has_a_state() -> None:
    rows = [row for row in ROWS if row[2] != "state"]
    assert len(rows) > 80
    assert {row[2] for row in rows} <= STATES
    assert not [row for row in rows if row[2] in ("works", "partly") and len(row) < 4], "a claim needs its proof"


@pytest.mark.parametrize("knob", GUIDE_KNOBS, ids=lambda knob: knob.key)
def test_a_knob_has_one_row_and_an_unread_one_does_not_work(knob: Knob) -> None:
    states = [row[2] for row in ROWS if row[0] == f"`{knob.key}`"]
    assert len(states) == 1
    assert (states[0] == "not yet") == knob.is_planned


def test_tests_that_are_named_exist() -> None:
    named = {path for row in ROWS for path in re.findall(r"`((?:tests|bench|scripts)/\w+\.py)`", row[-1])}
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]
