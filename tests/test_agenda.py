"""Timers, alarms and reminders through restarts, power cuts, clock jumps and summer time."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import agenda_kills
import agenda_promises
import pytest
from agenda_lab import BERLIN, Board, board
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.agenda.agenda import LATE_S, MOST_ENTRIES, RING_S
from firmware_py.agenda.entries import ALARM, MISSED, REMINDER, RINGING, TIMER, Appointment, read
from firmware_py.agenda.lists import Lists
from firmware_py.respond import announce
from firmware_py.state.database import Database

__all__ = ["board"]


def test_a_timer_rings_when_it_is_over_and_not_before(board: Board) -> None:
    board.agenda.count_down(TIMER, "pasta", 600)
    board.pass_s(599.9)
    assert board.ringing() == []
    board.pass_s(0.1)
    assert board.ringing() == ["timer pasta"]
    board.agenda.stop_ringing()
    assert board.agenda.entries(phase=None) == []


def test_setting_the_clock_moves_alarms_and_no_timer(board: Board) -> None:
    board.agenda.count_down(TIMER, "", 600)
    board.agenda.appoint(ALARM, "", Appointment("2026-11-27", 19 * 60))
    board.wall_s += 3600
    assert board.ringing() == ["alarm"]
    board.wall_s -= 7200
    timer = board.agenda.entries(TIMER)[0]
    assert board.agenda.left_s(timer) == pytest.approx(600)


def test_pause_resume_add_and_take(board: Board) -> None:
    agenda = board.agenda
    timer = agenda.count_down(TIMER, "", 600)
    assert timer is not None
    board.pass_s(100)
    agenda.pause([timer.id])
    board.pass_s(5000)
    assert board.ringing() == [] and agenda.left_s(agenda.entries()[0]) == pytest.approx(500)
    agenda.extend([timer.id], 60)
    assert agenda.left_s(agenda.entries()[0]) == pytest.approx(560)
    agenda.resume([timer.id])
    agenda.extend([timer.id], -10_000)
    board.pass_s(1)
    assert board.ringing() == ["timer"]
    agenda.snooze(60)
    assert board.ringing() == []
    board.pass_s(60)
    assert board.ringing() == ["timer"]
    agenda.give_up()
    assert [e.phase for e in agenda.entries(phase=None)] == [MISSED]


def test_a_timer_that_was_snoozed_is_called_by_what_it_was_set_for(board: Board) -> None:
    board.agenda.count_down(TIMER, "", 5)
    board.pass_s(5)
    assert announce.due(board.agenda.settle(), board.clock) == "Your 5 second timer is done."
    board.agenda.snooze(540)
    board.pass_s(540)
    assert announce.due(board.agenda.settle(), board.clock) == "Your 5 second timer is done."


def test_a_restart_changes_nothing(board: Board) -> None:
    board.agenda.count_down(TIMER, "tea", 300)
    paused = board.agenda.count_down(TIMER, "egg", 300)
    assert paused is not None
    board.agenda.pause([paused.id])
    board.wall_s -= 50_000
    board.pass_s(200)
    before = board.agenda.entries(phase=None)
    board.start()
    assert board.agenda.entries(phase=None) == before
    board.pass_s(100)
    assert board.ringing() == ["timer tea"]
    board.start()
    assert board.ringing() == ["timer tea"]


@pytest.mark.parametrize(("off_s", "phase"), [(100, "waiting"), (1000, RINGING), (600 + LATE_S + 1, MISSED)])
def test_a_timer_over_a_power_cut(board: Board, off_s: float, phase: str) -> None:
    board.agenda.count_down(TIMER, "pasta", 600)
    board.power_cut(off_s)
    board.agenda.settle()
    (timer,) = board.agenda.entries(phase=None)
    assert timer.phase == phase
    if phase == "waiting":
        assert board.agenda.left_s(timer) == pytest.approx(500)
        board.wall_s += 5000  # from here on it is the new boot's clock that counts
        assert board.ringing() == []


def test_without_a_clock_nothing_is_guessed_and_setting_it_settles_all(board: Board) -> None:
    board.has_no_rtc()
    board.has_network_time()
    board.agenda.count_down(TIMER, "pasta", 600)
    board.agenda.appoint(ALARM, "", Appointment("2026-11-28", 7 * 60))
    board.power_cut(900, keeps_time=False)
    assert not board.clock.is_set()
    assert board.ringing() == [] and len(board.agenda.unsure()) == 2 and board.agenda.next_due_s() is None
    board.clock.set_wall(datetime(2026, 11, 27, 18, 15, tzinfo=BERLIN))
    assert board.ringing() == ["timer pasta"] and board.agenda.unsure() == []
    assert board.clock.now() == datetime(2026, 11, 27, 18, 15, tzinfo=BERLIN)


def test_a_timer_begun_without_a_clock_is_missed_after_a_power_cut(board: Board) -> None:
    board.has_no_rtc()
    board.agenda.count_down(TIMER, "pasta", 600)
    board.power_cut(10, keeps_time=False)
    board.agenda.settle()
    assert [(e.phase, e.since_s) for e in board.agenda.entries(phase=None)] == [(MISSED, None)]


def test_what_rang_when_the_power_went_rings_again_unless_long_ago(board: Board) -> None:
    board.agenda.count_down(TIMER, "pasta", 1)
    board.pass_s(2)
    assert board.ringing() == ["timer pasta"]
    board.power_cut(60)
    assert board.ringing() == ["timer pasta"]
    board.power_cut(LATE_S + RING_S + 1)
    assert board.ringing() == [] and board.agenda.entries(phase=MISSED)


def test_several_that_recur_ring_at_once_and_go_on(board: Board) -> None:
    for name in ("a", "b"):
        board.agenda.appoint(REMINDER, name, Appointment("2026-11-27", 18 * 60 + 1, tuple(range(7))))
    board.pass_s(60)
    assert board.ringing() == ["reminder a", "reminder b"]
    board.agenda.stop_ringing()
    assert [e.when.day for e in board.agenda.entries()] == ["2026-11-28"] * 2  # type: ignore[union-attr]
    board.power_cut(5 * 86_400 + 7200)
    board.agenda.settle()
    assert len(board.agenda.entries(phase=MISSED)) == 2  # one each, not one a day


@pytest.mark.parametrize(
    ("start", "minute", "moments"),
    [
        # summer time begins on 29 March 2026: 2:30 is not there, and rings when 2:30 would have been
        ("2026-03-28", 150, ["2026-03-28T02:30:00+01:00", "2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]),
        # it ends on 25 October: 2:30 comes twice, and rings once
        ("2026-10-24", 150, ["2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]),
        ("2026-03-28", 420, ["2026-03-28T07:00:00+01:00", "2026-03-29T07:00:00+02:00", "2026-03-30T07:00:00+02:00"]),
    ],
)
def test_summer_time(start: str, minute: int, moments: list[str]) -> None:
    at = Appointment(start, minute, tuple(range(7)))
    seen = []
    for _ in moments:
        moment = datetime.fromtimestamp(at.moment(BERLIN).timestamp(), BERLIN)
        seen.append(moment.isoformat())
        following = at.after(moment)
        assert following is not None
        at = following
    assert seen == moments


@given(
    st.dates(date(2025, 1, 1), date(2035, 1, 1)),
    st.integers(0, 1439),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 40 * 86_400),
)
def test_the_next_one_is_the_first_that_fits(day: date, minute: int, days: set[int], later_s: int) -> None:
    at = Appointment(day.isoformat(), minute, tuple(sorted(days)))
    if day.weekday() not in days:
        at = at.after(at.moment(BERLIN)) or at
        day = date.fromisoformat(at.day)
    now = datetime.fromtimestamp(at.moment(BERLIN).timestamp() + later_s, BERLIN)
    following = at.after(now)
    assert following is not None and following.moment(BERLIN).timestamp() > now.timestamp()
    found = date.fromisoformat(following.day)
    assert found.weekday() in days and found > day
    latest = at.latest(now)
    assert latest.moment(BERLIN).timestamp() <= now.timestamp() and latest.after(now) == following
    assert latest == at or (latest.day > at.day and date.fromisoformat(latest.day).weekday() in days)
    second = latest.after(latest.moment(BERLIN))
    assert second == following
    for ahead in range(1, (found - day).days):
        between = Appointment((day + timedelta(days=ahead)).isoformat(), minute)
        if date.fromisoformat(between.day).weekday() in days:
            assert between.moment(BERLIN).timestamp() <= now.timestamp()


def test_there_is_an_end_to_how_many(board: Board) -> None:
    for number in range(MOST_ENTRIES):
        assert board.agenda.count_down(TIMER, str(number), 60)
    assert board.agenda.count_down(TIMER, "one more", 60) is None


def test_what_was_missed_takes_no_room(board: Board) -> None:
    for number in range(MOST_ENTRIES):
        board.agenda.count_down(TIMER, str(number), 60)
    board.pass_s(60)
    board.agenda.settle()
    assert board.agenda.room() == MOST_ENTRIES and board.agenda.count_down(TIMER, "rings meanwhile", 60)
    board.agenda.give_up()
    assert board.agenda.room() == MOST_ENTRIES - 1


def test_of_what_recurs_one_missed_time_is_kept_however_long_nobody_is_there(board: Board) -> None:
    """Two weeks away, with the board on; the scheduler gives up after two minutes."""
    for minute in (420, 540):
        board.agenda.appoint(ALARM, "", Appointment("2026-11-28", minute, tuple(range(7))))
    board.agenda.appoint(ALARM, "", Appointment("2026-11-28", 421))
    for hours in range(14 * 24):
        board.pass_s(3600)
        if board.agenda.settle() and hours % 3:  # some are still ringing when the next comes due
            board.agenda.give_up()
    board.agenda.give_up()
    missed = board.agenda.entries(phase=MISSED)
    days = [e.when.day for e in missed if isinstance(e.when, Appointment)]
    assert sorted(days) == ["2026-11-28", "2026-12-11", "2026-12-11"] and len(board.agenda.entries()) == 2
    before = board.agenda.entries(phase=None)
    board.start()
    assert board.agenda.entries(phase=None) == before


def test_the_latest_missed_time_is_kept_when_one_rang_as_the_power_went(board: Board) -> None:
    board.agenda.appoint(ALARM, "", Appointment("2026-11-27", 18 * 60, tuple(range(7))))
    assert board.ringing() == ["alarm"]
    board.power_cut(2 * 86_400 + 7200)
    assert board.ringing() == []
    (missed,) = board.agenda.entries(phase=MISSED)
    assert missed.since_s == board.agenda.entries()[0].when.moment(BERLIN).timestamp() - 86_400  # type: ignore[union-attr]


def test_what_recurs_rings_when_its_latest_time_is_within_the_hour(board: Board) -> None:
    board.agenda.appoint(ALARM, "", Appointment("2026-11-27", 18 * 60 + 5, tuple(range(7))))
    board.power_cut(14 * 86_400 + 1200)
    assert board.ringing() == ["alarm"]
    assert [e.since_s for e in board.agenda.entries(phase=RINGING)] == [pytest.approx(board.wall_s - 900)]


def test_an_entry_that_cannot_be_read_is_left_alone(board: Board) -> None:
    assert board.database is not None
    board.database.write([("INSERT INTO entries VALUES (7, ?)", ("{}",)), ("INSERT INTO entries VALUES (8, 'x')", ())])
    board.start()
    new = board.agenda.count_down(TIMER, "", 60)
    assert new is not None and new.id > 8
    assert [i for (i,) in board.database.rows("SELECT id FROM entries ORDER BY id")] == [7, 8, new.id]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_file_says_what_memory_says(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        board = Board(Path(folder), datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN))
        for _ in range(data.draw(st.integers(1, 12))):
            agenda = board.agenda
            ids = [e.id for e in agenda.entries(phase=None)]
            chosen = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
            match data.draw(st.integers(0, 8)):
                case 0:
                    agenda.count_down(TIMER, data.draw(st.text(max_size=5)), data.draw(st.integers(1, 1000)))
                case 1:
                    agenda.appoint(ALARM, "", Appointment("2026-11-28", data.draw(st.integers(0, 1439)), (0, 5)))
                case 2:
                    agenda.cancel(chosen)
                case 3:
                    agenda.pause(chosen)
                case 4:
                    agenda.resume(chosen)
                case 5:
                    agenda.extend(chosen, data.draw(st.integers(-500, 500)))
                case 6:
                    board.pass_s(data.draw(st.integers(0, 100_000)))
                    agenda.settle()
                case 7:
                    agenda.stop_ringing()
                case 8:
                    board.power_cut(data.draw(st.integers(0, 10_000)))
            before = board.agenda.entries(phase=None)
            assert all(read(json.loads(json.dumps(e.data()))) == e for e in before)
            board.start()
            assert board.agenda.entries(phase=None) == before


def test_lists_keep_order_and_have_each_thing_once(board: Board) -> None:
    board.lists.add("shopping", ["Milk", "eggs", "milk"])
    board.lists.add("shopping", ["bread", "EGGS"])
    board.lists.add("to-do", ["iron"])
    board.lists.remove("shopping", ["MILK", "wine"])
    board.start()
    assert board.lists.items("shopping") == ["eggs", "bread"] and board.lists.names() == ["shopping", "to-do"]
    board.lists.clear("shopping")
    assert Lists(board.database).names() == ["to-do"]


@given(st.lists(st.booleans(), min_size=20, max_size=150), st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_what_the_kills_expect_is_what_the_agenda_does(cuts: list[bool], first: int) -> None:
    """Any run of changes with power cuts between; the kills themselves see few of each kind."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        site, state = agenda_kills.Site(Path(folder)), ([], [])  # type: ignore[var-annotated]
        site.start(first)
        for number, is_cut in enumerate(cuts, first):
            if is_cut:
                site.start(number)
            site.number = number
            database = Database(Path(folder) / "state.db")
            agenda, lists = site.agenda(database), Lists(database)
            agenda_kills.do(number, agenda, lists)
            state = agenda_promises.expect(number, state)
            assert agenda_kills.found_by(agenda, lists) == state
            database.close()


def test_kills_while_timers_and_lists_change(tmp_path: Path) -> None:
    script = Path(__file__).parent / "agenda_kills.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "state.db"), "60", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["kills"], told["wrong"], told["strays"]) == (60, 0, []) and told["changes"] >= 60
    assert told["power_cuts"] and {"appoint", "count down", "extend", "settle", "snooze", "give up"} <= set(
        told["made"]
    )
