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
WHY = re.compile(r"works|not run: \S.{8,}")
GUIDE_KNOBS = [knob for knob in knobs().values() if knob.guide]


def test_every_row_has_a_state() -> None:
    rows = [row for row in ROWS if row[2] != "state"]
    assert len(rows) > 80
    assert [row[:3] for row in rows if not WHY.fullmatch(row[2])] == []
    assert not [row for row in rows if len(row) < 4 or not row[3]], "a claim needs its proof, what was not run what was"
    assert not [row for row in rows if re.search(r"to be measured|not yet|as above", row[3])]


@pytest.mark.parametrize("knob", GUIDE_KNOBS, ids=lambda knob: knob.key)
def test_a_knob_has_one_row_and_works(knob: Knob) -> None:
    assert [row[2] for row in ROWS if row[0] == f"`{knob.key}`"] == ["works"]
    assert not knob.is_planned, "nothing reads it"


def test_tests_that_are_named_exist() -> None:
    named = {path for row in ROWS for path in re.findall(r"`((?:tests|bench|scripts)/\w+\.py)`", row[-1])}
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]
