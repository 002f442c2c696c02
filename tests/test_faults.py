"""The short form of ``make faults``: every fault class once, on the running service and its parts."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import __main__ as faults_main
from faults import lab
from faults.lab import Row, Tally, render, run


def test_every_fault_class_is_survived(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "is_slack", True)
    lost = []
    for line, is_good in faults_main.lines(1, [], print):
        if not is_good:
            lost.append(line)
    assert not lost, "\n".join(lost)


def test_every_row_of_the_research_is_there() -> None:
    numbers = {each.number for each in faults_main.named()}
    assert {str(number) for number in range(1, 26)} <= numbers


def test_an_injection_that_fails_in_another_way_is_not_survived() -> None:
    def broken(tally: Tally, count: int) -> None:
        tally.add(True, 0.5)
        raise RuntimeError("not what was promised")

    row = Row("1", "fault", "promise", broken)
    tally = run(row, 2)
    assert (tally.injected, tally.survived) == (2, 1)
    assert render(row, tally) == "| 1 | fault | promise | 2 | 1 | 0.500 s; RuntimeError: not what was promised |"


def test_a_row_that_cannot_be_injected_says_why() -> None:
    row = Row("15", "out of memory", "dies first", why_not="no controller")
    assert "not here: no controller" in render(row, run(row, 20))
