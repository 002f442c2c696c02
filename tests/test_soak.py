"""A slice of ``make soak``: a few minutes and real turns; nothing grows. And the judge is right."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

import soak


def test_a_few_minutes_and_turns(weights: Path) -> None:
    found = soak.run(1 / 288, 2)
    assert found["audio_days"] >= 1 / 288
    assert found["turns"] >= 2 and found["answered"] == found["turns"], found
    assert found["grown"]["descriptors"] <= 0 and found["grown"]["threads"] <= 0, found
    assert found["own_mib"][1] - found["own_mib"][0] < 30, found


@pytest.mark.parametrize("rise", [0.0, 0.5, 3.0])
def test_the_slope_and_its_upper_bound(rise: float) -> None:
    days = np.linspace(0, 7, 100)
    mib = 50 + rise * days + np.random.default_rng(1).normal(size=100) * 0.2
    found, most = soak.slope(list(days), list(mib))
    assert abs(found - rise) < 0.1 and found < most < found + 0.1
    assert (most <= soak.MOST_MIB_A_DAY) is (rise < 1)


def test_too_little_is_no_proof() -> None:
    assert soak.slope([1.0, 2.0], [5.0, 5.0])[1] == float("inf")


@pytest.mark.parametrize(("days", "turns"), [(7.0, 1000), (0.01, 3), (1.0, 1)])
def test_the_questions_are_spread_over_the_time(days: float, turns: int) -> None:
    pieces = list(soak.plan(days, turns))
    assert sum(pieces) == turns and len(pieces) == round(days * soak.DAY_S / soak.ROOM_S)
