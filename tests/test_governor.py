"""The governor: steps and hysteresis on a clock of our own, readings from a copy of /sys and /proc, the ladder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py import cores
from firmware_py.config import Config
from firmware_py.errors import ConfigError, Unavailable
from firmware_py.events import State, TurnTrace
from firmware_py.service.governing import Governing, ladder
from firmware_py.service.renewal import Renewal
from firmware_py.status.board import Board, Ear
from firmware_py.status.hub import Hub
from firmware_py.status.serial_text import lines_for
from firmware_py.telemetry import host
from firmware_py.telemetry.governor import HEAT, LATENCY, MEMORY, Bounds, Governor, Step, Strain

ANY = frozenset({HEAT, MEMORY, LATENCY})
FIRST, SECOND = Step("first", {"a": 1}, ANY), Step("second", {"b": 2}, frozenset({HEAT}))
HOT, WARM, COOL = Strain(temperature_c=85.0), Strain(temperature_c=76.0), Strain(temperature_c=50.0)


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def governor(clock: Clock) -> Governor:
    return Governor([FIRST, SECOND], Bounds(after_s=10, back_s=100), clock)


def pass_s(governor: Governor, clock: Clock, strain: Strain, seconds: int) -> list[str]:
    """The steps in force after each change in the time."""
    told = []
    for _ in range(seconds):
        clock.s += 1
        if governor.look(strain):
            told.append("+".join(taken.step.name for taken in governor.taken) or "none")
    return told


def test_strain_that_lasts_takes_a_step_and_then_the_next() -> None:
    clock = Clock()
    under = governor(clock)
    assert pass_s(under, clock, HOT, 10) == [] and pass_s(under, clock, HOT, 1) == ["first"]
    assert pass_s(under, clock, HOT, 30) == ["first+second"]
    assert under.values() == {"a": 1, "b": 2} and under.alerts == {HEAT: 85.0}


def test_a_short_spike_takes_none() -> None:
    clock = Clock()
    under = governor(clock)
    for _ in range(10):
        assert pass_s(under, clock, HOT, 9) == [] and pass_s(under, clock, WARM, 1) == []
    assert not under.alerts


def test_between_the_bounds_nothing_moves_and_below_them_it_goes_back_one_by_one() -> None:
    clock = Clock()
    under = governor(clock)
    pass_s(under, clock, HOT, 40)
    assert pass_s(under, clock, WARM, 1000) == []
    assert pass_s(under, clock, COOL, 100) == []
    assert pass_s(under, clock, COOL, 120) == ["first", "none"]
    assert not under.alerts


def test_a_relapse_doubles_the_time_until_it_goes_back() -> None:
    clock = Clock()
    under = governor(clock)
    pass_s(under, clock, HOT, 12)
    pass_s(under, clock, COOL, 101)
    assert not under.taken
    pass_s(under, clock, HOT, 12)
    assert under.taken
    assert pass_s(under, clock, COOL, 199) == [] and pass_s(under, clock, COOL, 3) == ["none"]
    pass_s(under, clock, COOL, 500)
    pass_s(under, clock, HOT, 12)
    assert pass_s(under, clock, COOL, 110) == ["none"], "a long good time forgets it"


def test_memory_takes_only_what_relieves_it_and_is_said_when_nothing_is_left() -> None:
    clock = Clock()
    under = governor(clock)
    low = Strain(available_mb=30.0)
    assert pass_s(under, clock, low, 60) == ["first"]
    assert under.alerts == {MEMORY: 30.0}
    assert Strain(pressure_percent=25.0).beyond(under.bounds) == {MEMORY: 25.0}


def test_slow_recognition_counts_turns_since_the_last_step() -> None:
    clock = Clock()
    under = governor(clock)
    under.add_turn(9000.0)
    assert under.stt_ms() is None
    under.add_turn(9000.0)
    under.add_turn(100.0)
    assert under.stt_ms() == 9000.0
    assert pass_s(under, clock, Strain(stt_ms=under.stt_ms()), 11) == ["first"]
    assert under.stt_ms() is None


def test_a_refused_step_is_never_taken_again() -> None:
    clock = Clock()
    under = governor(clock)
    pass_s(under, clock, HOT, 11)
    under.refuse(FIRST)
    assert pass_s(under, clock, HOT, 60) == ["second"]


@given(st.lists(st.tuples(st.floats(20, 120), st.integers(1, 400)), max_size=30))
def test_whatever_the_temperature_does_no_two_changes_are_nearer_than_they_may(phases: list[tuple[float, int]]) -> None:
    clock = Clock()
    under = governor(clock)
    before: list[str] = []
    last_s = -1e9
    for temperature_c, seconds in phases:
        for _ in range(seconds):
            clock.s += 1
            if under.look(Strain(temperature_c=temperature_c)):
                names = [taken.step.name for taken in under.taken]
                assert abs(len(names) - len(before)) == 1
                assert clock.s - last_s >= under.bounds.after_s
                before, last_s = names, clock.s
    assert len(under.taken) <= 2


def test_the_ladder_of_a_configuration() -> None:
    names = [step.name for step in ladder(Config.default(), 4)]
    assert names == ["no stand-bys", "fewer threads", "no drafts", "open recognition"]
    alone = Config.default().with_values({"workers.standby": "none"})
    assert "no stand-bys" not in [step.name for step in ladder(alone, 4)]
    heavy = Config.default().with_values(
        {"stt.model": "small.en", "stt.optimization.compute_type": "float16", "stt.partial_results": True}
    )
    steps = ladder(heavy, 1)
    assert [step.name for step in steps] == [
        "no stand-bys", "no partial transcripts", "light model", "no drafts", "open recognition"
    ]  # fmt: skip
    assert steps[2].values == {"stt.model": "tiny.en", "stt.optimization.compute_type": "int8"}
    for step in steps:
        heavy.with_values(step.values)
    german = Config.default().with_values({"stt.model": "base", "stt.language": "de"})
    assert ladder(german, 1)[1].values == {"stt.model": "tiny"}


@pytest.mark.parametrize("values", [{"governor.temperature_c": 20}, {"governor.temperature_back_c": 80}])
def test_bounds_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="governor"):
        Config.default().with_values(values)


class Walk:
    """An appliance whose turn thread is this one."""

    def __init__(self, config: Config, fails: str = "") -> None:
        self.eased: list[dict[str, Any]] = []
        self.partials = None
        self.taker = SimpleNamespace(stations=None, settings=None)
        self.pipeline: Any = SimpleNamespace(
            config=config, stations="stations", drafts=False, ease=self._ease, warm_recognition=self._warm
        )
        self._fails = fails

    def between_turns(self, job: Any) -> None:
        job()

    def _ease(self, values: dict[str, Any]) -> None:
        self.eased.append(dict(values))

    def _warm(self) -> None:
        if self._fails and self._fails in self.eased[-1]:
            raise Unavailable("these weights are not here")


def a_copy_of_sys(folder: Path, millidegrees: int, available_kb: int, pressure: str) -> None:
    zone = folder / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text(f"{millidegrees}\n")
    (folder / "proc/pressure").mkdir(parents=True, exist_ok=True)
    (folder / "proc/meminfo").write_text(f"MemTotal: 4000000 kB\nMemAvailable: {available_kb} kB\n")
    (folder / "proc/pressure/memory").write_text(f"some avg10={pressure} avg60=0.00 avg300=0.00 total=1\nfull avg10=0")


def governing(root: Path, clock: Clock, walk: Walk) -> tuple[Governing, Board]:
    board = Board(Hub())
    board.set_phase(State.IDLE)
    board.set_ear(Ear.OPEN)
    under: Any = walk
    return Governing(under, board, Renewal(under, board.set_alert, clock), root, clock), board


def test_a_board_that_gets_hot_and_cools_down_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, walk = Clock(), Walk(Config.default())
    monkeypatch.setattr(cores, "available", lambda: 2)
    a_copy_of_sys(tmp_path, 86000, 3_000_000, "0.00")
    under, board = governing(tmp_path, clock, walk)
    serial = board.hub.subscribe("serial", frozenset({"governor", "alert"}))
    for clock.s in range(100):
        under.each_second()
    assert [step["name"] for step in under.report()["steps"]] == ["fewer threads", "no drafts", "open recognition"]
    assert walk.eased[-1]["stt.optimization.num_workers"] == 1 and walk.taker.stations == "stations"
    assert board.state is State.DEGRADED and board.alerts == {HEAT: 86.0}
    said = [line for notice in iter(serial.take, None) for line in lines_for(notice)]
    assert "alert name=hot on=yes value=86.0" in said and "works lighter=yes fewer threads, no drafts" in said
    a_copy_of_sys(tmp_path, 45000, 3_000_000, "0.00")
    for clock.s in range(100, 1100):
        under.each_second()
    assert walk.eased[-1] == {} and board.state is State.IDLE and not board.alerts
    said = [line for notice in iter(serial.take, None) for line in lines_for(notice)]
    assert "works lighter=no as configured" in said


def test_what_cannot_be_read_is_no_strain(tmp_path: Path) -> None:
    clock, walk = Clock(), Walk(Config.default())
    under, board = governing(tmp_path, clock, walk)
    assert under.strain() == Strain()
    a_copy_of_sys(tmp_path, 45000, 3_000_000, "rubbish")
    assert under.strain() == Strain(45.0, 3000.0, None, None)
    for clock.s in range(100):
        under.each_second()
    assert not walk.eased and board.state is State.IDLE


HEAVY = {"stt.model": "small.en", "workers.standby": "none"}


def test_a_step_that_cannot_be_taken_leaves_what_was_before(tmp_path: Path) -> None:
    clock, walk = Clock(), Walk(Config.default().with_values(HEAVY), fails="stt.model")
    a_copy_of_sys(tmp_path, 45000, 3_000_000, "55.00")
    under, board = governing(tmp_path, clock, walk)
    for clock.s in range(100):
        under.each_second()
    assert walk.eased == [{"stt.model": "tiny.en"}, {}] and not under.report()["steps"]
    assert board.alerts == {MEMORY: 55.0}, "the strain is still said"


def test_switched_off_it_gives_everything_back(tmp_path: Path) -> None:
    clock, walk = Clock(), Walk(Config.default())
    a_copy_of_sys(tmp_path, 86000, 3_000_000, "0.00")
    under, board = governing(tmp_path, clock, walk)
    for clock.s in range(30):
        under.each_second()
    assert walk.eased
    under.configure(Config.default().with_values({"governor.enabled": False}))
    for clock.s in range(30, 90):
        under.each_second()
    assert walk.eased[-1] == {} and not board.alerts and not under.report()["is_enabled"]


def test_turns_in_which_nobody_spoke_say_nothing_of_speed(tmp_path: Path) -> None:
    under, _ = governing(tmp_path, Clock(), Walk(Config.default()))
    for _ in range(3):
        under.add_turn(None)
        under.add_turn(TurnTrace(stages_ms={"stt": 9000.0}))
    assert under.strain().stt_ms is None
    for _ in range(3):
        under.add_turn(TurnTrace(transcript="hello", stages_ms={"stt": 9000.0}))
    assert under.strain().stt_ms == 9000.0


def test_this_machine_can_be_read() -> None:
    available_mb = host.memory_available_mb()
    assert available_mb is not None and available_mb > 1
