"""When a failed worker is replaced, on a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware_py.worker.backoff import FIRST_S, GOOD_S, SHARE, BackOff


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_delay_doubles_to_its_cap() -> None:
    back_off = BackOff(Clock())
    delays = [back_off.failed(up_s=0.0, cpu_s=0.1) for _ in range(10)]
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_good_minute_is_forgiven() -> None:
    clock = Clock()
    back_off = BackOff(clock)
    for _ in range(20):
        back_off.failed(up_s=5.0, cpu_s=0.1)
    assert back_off.failed(up_s=GOOD_S, cpu_s=500.0) == FIRST_S
    assert back_off.wait_s() == FIRST_S
    clock.now += FIRST_S
    assert back_off.wait_s() == 0.0


def test_nothing_failed_means_nothing_to_wait_for() -> None:
    assert BackOff(Clock()).wait_s() == 0.0


@given(cpu_s=st.floats(0.01, 20.0, allow_subnormal=False), up_s=st.floats(0.0, GOOD_S - 0.1, allow_subnormal=False))
def test_a_crash_loop_costs_less_than_its_share_of_a_core(cpu_s: float, up_s: float) -> None:
    """An hour of dying ``up_s`` after it was ready, each start using ``cpu_s``, once the cap is reached."""
    clock = Clock()
    back_off = BackOff(clock)
    for _ in range(10):
        back_off.failed(up_s, cpu_s)
    begun, used = clock.now, 0.0
    while clock.now - begun < 3600.0:
        clock.now += back_off.failed(up_s, cpu_s) + up_s
        used += cpu_s
    assert used / (clock.now - begun) <= SHARE + 1e-9
