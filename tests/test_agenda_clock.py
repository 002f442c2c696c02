"""When the wall clock is believed, and in which zone it is read."""

from __future__ import annotations

import gc
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from agenda_lab import BERLIN, Board, board
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.agenda import scheduler
from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.clock import BACKWARD_S, FLOOR_S, Clock
from firmware_py.agenda.entries import TIMER, Entry
from firmware_py.agenda.scheduler import Scheduler, Sleep

__all__ = ["board"]

START = datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN)


def rtc(board: Board, *, epoch: int, hctosys: str = "1") -> None:
    folder = board.root / "sys/class/rtc/rtc0"
    folder.mkdir(parents=True)
    (folder / "since_epoch").write_text(f"{epoch}\n")
    (folder / "hctosys").write_text(f"{hctosys}\n")


def test_a_computer_without_signs_of_the_contrary_is_believed(board: Board) -> None:
    assert board.clock.is_set()


def test_a_board_without_any_clock_is_not(board: Board) -> None:
    board.has_no_rtc()
    assert not board.clock.is_set()
    board.has_network_time()
    assert board.clock.is_set()


@pytest.mark.parametrize(("epoch", "hctosys", "is_set"), [(int(FLOOR_S) + 9, "1", True), (9, "1", False)])
def test_a_real_time_clock_counts_if_it_runs(board: Board, epoch: int, hctosys: str, is_set: bool) -> None:
    board.has_no_rtc()
    rtc(board, epoch=epoch, hctosys=hctosys)
    assert board.clock.is_set() is is_set


def test_a_clock_of_long_ago_is_never_believed(board: Board) -> None:
    board.has_network_time()
    board.wall_s = 86_400.0
    assert not board.clock.is_set()


def test_a_clock_that_went_back_is_found_out(board: Board) -> None:
    board.agenda.count_down(TIMER, "", 60)
    board.wall_s -= 2 * BACKWARD_S
    board.power_cut(0)
    assert not board.clock.is_set()


def test_a_time_that_was_said_counts_for_this_boot_and_yields_to_the_network(board: Board) -> None:
    board.has_no_rtc()
    board.clock.set_wall(board.clock.now().replace(hour=7, minute=30))
    board.pass_s(60)
    board.start()
    assert board.clock.is_set() and board.clock.now().strftime("%H:%M") == "07:31"
    board.has_network_time()
    assert board.clock.now().strftime("%H:%M") == "18:01"
    board.power_cut(60)
    assert not board.clock.is_set()


@given(st.integers(0, 86_400 - 901), st.integers(0, 86_400), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_time_without_a_date_is_the_first_that_can_be(off_s: int, on_s: int, keeps_time: bool) -> None:
    """However long it was off within a day, and on since: who says the right time gets the right date."""
    with tempfile.TemporaryDirectory() as folder:
        board = Board(Path(folder), datetime(2026, 11, 27, 18, 0, tzinfo=BERLIN))
        board.has_no_rtc()
        board.has_network_time()
        board.agenda.count_down(TIMER, "", 7 * 86_400)
        board.power_cut(off_s, keeps_time=False)
        board.wall_s = board.wall_s if keeps_time else 3600.0
        board.pass_s(on_s)
        really = START + timedelta(seconds=off_s + on_s)
        if not keeps_time and off_s + on_s >= 86_400 - 900:
            return  # the latest that was seen lies a day back, and nothing says so
        said = board.clock.moment_of(really.hour * 60 + really.minute)
        assert said == really.replace(second=0)
        board.clock.set_wall(said, is_dated=False)
        board.pass_s(7200)
        slow = really + timedelta(seconds=7200)
        assert board.clock.moment_of(slow.hour * 60 + slow.minute) == slow.replace(second=0)


def test_a_clock_set_far_ahead_by_hand_does_not_outweigh_the_network(board: Board) -> None:
    board.has_no_rtc()
    board.clock.set_wall(datetime(2036, 5, 2, 7, 30, tzinfo=BERLIN))
    board.agenda.count_down(TIMER, "", 60)
    board.has_network_time()
    assert board.clock.now() == START
    board.agenda.count_down(TIMER, "", 60)
    board.power_cut(60, keeps_time=False)
    assert board.clock.moment_of(18 * 60 + 5) == START + timedelta(minutes=5)


def test_a_date_that_was_said_outlives_a_restart_with_the_time_behind_it(board: Board) -> None:
    board.has_no_rtc()
    board.clock.set_wall(datetime(2026, 12, 3, 22, 0, tzinfo=BERLIN))
    board.start()
    assert board.clock.moment_of(7 * 60) == datetime(2026, 12, 3, 7, 0, tzinfo=BERLIN)


def test_the_zone_is_the_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    clock = Clock(root=tmp_path)
    assert str(clock.zone()) == "UTC"
    source = Path("/usr/share/zoneinfo/America/New_York")
    if not source.exists():
        pytest.skip("no time zones here: apt-get install tzdata")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to(source)
    assert str(clock.zone()) == "America/New_York"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert str(clock.zone()) == "Asia/Tokyo"
    monkeypatch.setenv("TZ", "Nowhere/At-All")
    assert str(clock.zone()) == "UTC"


def test_sleep_ends_in_time_and_when_woken() -> None:
    sleep = Sleep()
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    sleep.until(now + 0.05)
    assert time.clock_gettime(time.CLOCK_BOOTTIME) >= now + 0.05
    sleep.until(now)
    threading.Timer(0.05, sleep.wake).start()
    sleep.until(None)
    sleep.close()


def test_the_scheduler_rings_until_it_is_stopped_or_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "BURST_S", 0.05)
    monkeypatch.setattr(scheduler, "RING_S", 0.3)
    rung: list[str] = []
    heard = threading.Event()

    def ring(entries: Sequence[Entry]) -> None:
        rung.extend(e.name for e in entries)
        if len(rung) == 3:
            heard.set()

    agenda = Agenda()
    thread = Scheduler(agenda, ring)
    try:
        agenda.count_down(TIMER, "tea", 0.05)
        assert heard.wait(10)
        agenda.stop_ringing()
        assert agenda.entries(phase=None) == []
        agenda.count_down(TIMER, "egg", 0.05)
        deadline = time.monotonic() + 10
        while not agenda.entries(phase="missed") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [e.name for e in agenda.entries(phase=None)] == ["egg"] and "egg" in rung
    finally:
        thread.close()
        thread.close()
    assert not any(t.name == "agenda" for t in threading.enumerate())


def test_descriptors_are_given_back() -> None:
    gc.collect()  # what tests before this one left behind goes now, not in between
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        Scheduler(Agenda(), lambda entries: None).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
