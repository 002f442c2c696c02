"""Jumps of the clock, power cuts, and changes in any order: a countdown is right, nothing is lost, nothing doubled."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from agenda_lab import BERLIN, Board, board
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from firmware_py.agenda import scheduler
from firmware_py.agenda.agenda import LATE_S, RING_S
from firmware_py.agenda.entries import ALARM, MISSED, REMINDER, RINGING, TIMER, WAITING, Appointment, Entry
from firmware_py.agenda.scheduler import Scheduler
from firmware_py.respond import announce

__all__ = ["board"]

START = datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN)
HOUR_S = 3600


@pytest.mark.parametrize("jump_s", [3600, -3600, 0.7])
def test_a_jump_and_then_a_power_cut(board: Board, jump_s: float) -> None:
    board.agenda.count_down(TIMER, "", 2 * HOUR_S)
    board.pass_s(600)
    board.wall_s += jump_s
    board.agenda.settle()
    board.power_cut(10)
    board.agenda.settle()
    (timer,) = board.agenda.entries()
    assert board.agenda.left_s(timer) == pytest.approx(2 * HOUR_S - 610)


def test_a_timer_begun_before_the_first_network_time_outlives_a_power_cut(board: Board) -> None:
    board.has_no_rtc()
    board.agenda.count_down(TIMER, "", HOUR_S)
    board.pass_s(60)
    board.wall_s += 1e6
    board.has_network_time()
    board.agenda.settle()
    board.pass_s(600)
    board.power_cut(10)
    board.has_network_time()
    board.agenda.settle()
    (timer,) = board.agenda.entries()
    assert board.agenda.left_s(timer) == pytest.approx(HOUR_S - 670)


def test_a_time_said_by_hand_counts_for_timers_that_run(board: Board) -> None:
    board.has_no_rtc()
    board.agenda.count_down(TIMER, "", HOUR_S)
    board.clock.set_wall(START)
    board.agenda.settle()
    board.power_cut(600, keeps_time=False)
    board.clock.set_wall(datetime.fromtimestamp(START.timestamp() + 600, BERLIN))
    board.agenda.settle()
    (timer,) = board.agenda.entries()
    assert board.agenda.left_s(timer) == pytest.approx(HOUR_S - 600)


def test_what_rings_while_the_clock_is_set_rings_on(board: Board) -> None:
    board.has_no_rtc()
    board.agenda.count_down(TIMER, "tea", 60)
    board.pass_s(60)
    assert [e.since_s for e in board.agenda.settle()] == [None], "by a clock that was never set nobody knows when"
    board.wall_s += 1e6
    board.has_network_time()
    assert [e.since_s for e in board.agenda.settle()] == [pytest.approx(board.wall_s)]
    board.pass_s(10)
    board.wall_s += 3 * HOUR_S
    assert [e.since_s for e in board.agenda.settle()] == [pytest.approx(board.wall_s - 10)]
    board.agenda.give_up()
    assert "tea timer at" in announce.missed(board.agenda.entries(phase=MISSED), board.clock)


@pytest.mark.parametrize("rang_before", [True, False])
def test_what_rings_since_a_power_cut_rings_on_when_the_clock_is_set(board: Board, rang_before: bool) -> None:
    board.agenda.count_down(TIMER, "tea", 60)
    board.pass_s(60 if rang_before else 0)
    assert board.ringing() == (["timer tea"] if rang_before else [])
    board.power_cut(1000)
    assert board.ringing() == ["timer tea"]
    board.wall_s += 3000
    assert board.ringing() == ["timer tea"]


def test_what_nobody_heard_before_the_clock_was_set_did_not_run_when_the_power_went(board: Board) -> None:
    board.has_no_rtc()
    board.agenda.count_down(TIMER, "tea", 60)
    board.pass_s(60)
    board.agenda.settle()
    board.agenda.give_up()
    assert announce.missed(board.agenda.entries(phase=MISSED), board.clock) == "By the way, you missed the tea timer."


def test_the_networks_time_is_found_although_the_clock_does_not_jump(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "LOOK_S", 0.05)
    board.has_no_rtc()
    board.agenda.appoint(ALARM, "", Appointment("2026-11-27", 18 * 60))
    rung = threading.Event()

    def ring(entries: Sequence[Entry]) -> None:
        rung.set()

    board.clock.boot_s = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    thread = Scheduler(board.agenda, ring)
    try:
        assert not rung.wait(0.3)
        board.has_network_time()
        assert rung.wait(10)
    finally:
        thread.close()


def test_a_clock_that_is_set_is_not_looked_at(board: Board) -> None:
    board.agenda.count_down(TIMER, "", 60)
    assert not board.agenda.waits_for_clock()
    board.has_no_rtc()
    assert board.agenda.waits_for_clock()
    board.agenda.pause([e.id for e in board.agenda.entries()])
    assert not board.agenda.waits_for_clock()


@dataclass(eq=False)
class Promise:
    """What is expected of one: ``due_s`` in real seconds since the beginning; ``left_s`` of a paused one.

    While no clock is set, the agenda can judge those alone that were begun or moved in this boot."""

    due_s: float
    left_s: float | None = None
    phase: str = WAITING


class Household(RuleBasedStateMachine):
    """Real time is kept apart from the board's wall clock, which jumps; the agenda is settled as its thread does."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.board = Board(Path(self._folder.name), START)
        self.board.has_no_rtc()
        self.board.has_network_time()
        self.real_s, self.number, self.is_lost = 0.0, 0, False
        self.promises: dict[str, Promise] = {}
        self.of_this_boot: list[Promise] = []
        self.daily: set[str] = set()
        self.lost_s = 0.0

    def teardown(self) -> None:
        if self.board.database:
            self.board.database.close()
        self._folder.cleanup()

    def settle(self) -> None:
        """What the agenda does, and the same on the promises."""
        self.board.agenda.settle()
        running = [p for p in self.promises.values() if p.phase == WAITING and p.left_s is None]
        for promise in running:
            if promise.due_s <= self.real_s and (not self.is_lost or promise in self.of_this_boot):
                promise.phase = RINGING if self.real_s - promise.due_s <= LATE_S else MISSED
        for promise in self.promises.values():
            if promise.phase == RINGING and not self.is_lost and self.real_s - promise.due_s > LATE_S + RING_S:
                promise.phase = MISSED

    def id_of(self, name: str) -> int:
        return next(e.id for e in self.board.agenda.entries(phase=None) if e.name == name)

    def some(self, data: st.DataObject, *, is_paused: bool) -> str | None:
        found = [n for n, p in self.promises.items() if p.phase == WAITING and (p.left_s is not None) == is_paused]
        if self.is_lost:
            found = [n for n in found if is_paused or self.promises[n] in self.of_this_boot]
        return data.draw(st.sampled_from(found)) if found else None

    @rule(seconds=st.integers(1, 3 * HOUR_S), kind=st.sampled_from([TIMER, REMINDER, ALARM]))
    def start(self, seconds: int, kind: str) -> None:
        self.number += 1
        name = f"n{self.number}"
        assert self.board.agenda.count_down(kind, name, seconds) is not None
        self.promises[name] = Promise(self.real_s + seconds)
        self.of_this_boot.append(self.promises[name])

    @precondition(lambda self: not self.is_lost)
    @rule(minute=st.integers(0, 1439))
    def every_day(self, minute: int) -> None:
        self.number += 1
        day = self.board.clock.now().date().isoformat()
        assert self.board.agenda.appoint(ALARM, f"daily {self.number}", Appointment(day, minute, tuple(range(7))))
        self.daily.add(f"daily {self.number}")
        self.settle()

    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        name = self.some(data, is_paused=False)
        if name is not None:
            self.board.agenda.pause([self.id_of(name)])
            self.promises[name].left_s = self.promises[name].due_s - self.real_s

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        name = self.some(data, is_paused=True)
        if name is not None:
            self.board.agenda.resume([self.id_of(name)])
            promise = self.promises[name]
            promise.due_s, promise.left_s = self.real_s + (promise.left_s or 0.0), None
            self.of_this_boot.append(promise)

    @rule(data=st.data(), by_s=st.integers(-HOUR_S, HOUR_S), is_paused=st.booleans())
    def extend(self, data: st.DataObject, by_s: int, is_paused: bool) -> None:
        name = self.some(data, is_paused=is_paused)
        if name is not None:
            self.board.agenda.extend([self.id_of(name)], by_s)
            promise = self.promises[name]
            left_s = promise.left_s if promise.left_s is not None else promise.due_s - self.real_s
            left_s = max(1.0, left_s + by_s)
            promise.due_s = self.real_s + left_s
            promise.left_s = left_s if promise.left_s is not None else None

    @rule(seconds=st.integers(1, 2 * HOUR_S))
    def snooze(self, seconds: int) -> None:
        self.board.agenda.snooze(seconds)
        for promise in self.promises.values():
            if promise.phase == RINGING:
                promise.phase, promise.due_s = WAITING, self.real_s + seconds
                self.of_this_boot.append(promise)

    @rule()
    def stop(self) -> None:
        self.board.agenda.stop_ringing()
        self.promises = {n: p for n, p in self.promises.items() if p.phase != RINGING}

    @rule()
    def restart(self) -> None:
        self.board.start()
        self.settle()

    @rule(seconds=st.integers(1, 3 * HOUR_S))
    def wait(self, seconds: int) -> None:
        """The thread wakes at each due time."""
        end_s = self.real_s + seconds
        while self.real_s < end_s:
            due_s = self.board.agenda.next_due_s()
            step_s = min(end_s - self.real_s, max(due_s - self.board.boot_s, 1.0) if due_s is not None else seconds)
            self.board.pass_s(step_s)
            self.real_s += step_s
            self.settle()

    @precondition(lambda self: not self.is_lost)
    @rule(seconds=st.integers(-5 * HOUR_S, 5 * HOUR_S))
    def jump(self, seconds: int) -> None:
        self.board.wall_s += seconds
        self.settle()

    @rule(off_s=st.integers(0, 3 * HOUR_S), keeps_time=st.booleans())
    def power_cut(self, off_s: int, keeps_time: bool) -> None:
        was_lost = self.is_lost
        self.lost_s = (self.lost_s if was_lost else 0.0) + (0 if keeps_time and not was_lost else off_s)
        ours, self.of_this_boot = self.of_this_boot, []
        self.board.power_cut(off_s, keeps_time=keeps_time and not was_lost)
        self.is_lost = was_lost or not keeps_time
        if not self.is_lost:
            self.board.has_network_time()
        self.real_s += off_s
        if was_lost:
            for promise in ours:  # began without a clock: the agenda cannot know when it would end
                if promise.phase == RINGING or (promise.phase == WAITING and promise.left_s is None):
                    promise.phase = MISSED
        self.settle()

    @precondition(lambda self: self.is_lost)
    @rule()
    def network(self) -> None:
        """The time comes back; the thread finds it."""
        self.board.wall_s += self.lost_s
        self.lost_s = 0.0
        self.board.has_network_time()
        self.is_lost = False
        self.settle()

    @invariant()
    def each_is_there_once_and_right(self) -> None:
        entries = [e for e in self.board.agenda.entries(phase=None) if e.name not in self.daily]
        assert sorted(e.name for e in entries) == sorted(self.promises)
        for entry in entries:
            promise = self.promises[entry.name]
            assert entry.phase == promise.phase, (entry, promise, self.real_s)
            left_s = self.board.agenda.left_s(entry)
            if entry.phase == WAITING and left_s is not None:
                right_s = promise.left_s if promise.left_s is not None else promise.due_s - self.real_s
                assert abs(left_s - right_s) < 1.0, (entry, left_s, right_s)

    @invariant()
    def what_recurs_waits_once_and_was_missed_once_at_most(self) -> None:
        entries = [e for e in self.board.agenda.entries(phase=None) if isinstance(e.when, Appointment)]
        assert sorted(e.name for e in entries if e.phase == WAITING) == sorted(self.daily)
        missed = [e.name for e in entries if e.phase == MISSED]
        assert len(missed) == len(set(missed))


TestHousehold = Household.TestCase
TestHousehold.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
