"""The short form of ``make turn-faults``: no utterance is lost in silence while workers die, hang and crash."""

from __future__ import annotations

from pathlib import Path

import turn_faults


def test_every_utterance_is_answered_apologised_for_or_shed_with_a_reason(weights: Path) -> None:
    found = turn_faults.run(10, 8, pause_s=0.7)
    assert found["silent"] == 0, found
    assert found["failure"] is None and sum(found["ends"].values()) == 10, found
    assert found["strikes"], "nothing was disturbed"
    assert found["apologies"] >= found["ends"].get("apologised", 0), found
