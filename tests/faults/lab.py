"""A row of the table of faults: what is promised, how often it was injected, how often the promise was kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

is_slack = False
"""Set by the test suite, which asserts no timing: that it happens at all is what is tested there."""


@dataclass
class Tally:
    """``add`` for every injection: whether the promise was kept, and the seconds until all was well again."""

    injected: int = 0
    survived: int = 0
    worst_s: float | None = None
    notes: list[str] = field(default_factory=list)

    def add(self, is_kept: bool, recovery_s: float | None = None, note: str = "") -> None:
        self.injected += 1
        self.survived += bool(is_kept)
        if recovery_s is not None:
            self.worst_s = max(self.worst_s or 0.0, recovery_s)
        if note and note not in self.notes:
            self.notes.append(note)


@dataclass(frozen=True)
class Row:
    """``inject(tally, count)`` injects the fault ``count`` times; None, and ``why_not``, where this host cannot."""

    number: str
    fault: str
    promise: str
    inject: Callable[[Tally, int], None] | None = None
    why_not: str = ""


def row(rows: list[Row], number: str, fault: str, promise: str) -> Callable[[Callable[[Tally, int], None]], None]:
    """Decorates the function that injects it."""
    return lambda inject: rows.append(Row(number, fault, promise, inject))


def run(each: Row, count: int) -> Tally:
    """An injection that fails in any other way than the promised one is not survived."""
    tally = Tally()
    if each.inject is None:
        return tally
    try:
        each.inject(tally, count)
    except Exception as error:
        tally.add(False, note=f"{type(error).__name__}: {str(error)[:120]}")
    return tally


def render(each: Row, tally: Tally) -> str:
    """A line of the table."""
    if each.inject is None:
        return f"| {each.number} | {each.fault} | {each.promise} | - | - | not here: {each.why_not} |"
    worst = "" if tally.worst_s is None else f"{tally.worst_s:.3f} s"
    told = "; ".join([worst, *tally.notes]).strip("; ")
    return f"| {each.number} | {each.fault} | {each.promise} | {tally.injected} | {tally.survived} | {told} |"


HEAD = "| | fault | promise | injected | survived | worst recovery |\n|---|---|---|---|---|---|"


def in_time(took: float | None, most: float) -> bool:
    """Whether it happened, and within ``most``; a run on a machine that is not its own is slack about the second."""
    return took is not None and (is_slack or took <= most)


def seconds_until(happens: Callable[[], object], within_s: float = 15.0) -> float | None:
    """How long it took, None when it did not happen."""
    started = time.monotonic()
    while (passed := time.monotonic() - started) < within_s:
        if happens():
            return passed
        time.sleep(0.002)
    return None
