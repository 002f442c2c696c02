"""What a microphone can do wrong without an error: dead, beside zero, in its limits, at another rate or number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from alsa_lab import Card
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.audio.card_names import by_name
from firmware_py.audio.clock import SECOND_NS
from firmware_py.audio.health import CLIPPING, OFFSET, SILENT, SoundHealth
from firmware_py.audio.rate_watch import RATES_HZ, RateWatch
from firmware_py.events import RATE_HZ, Pcm16

BLOCK = 1024
SQUARE = np.where(np.arange(BLOCK) // 40 % 2, 32767, -32768).astype(np.int16)
NOISE = np.random.default_rng(1).integers(-8, 9, BLOCK).astype(np.int16)


def changes(health: SoundHealth, block: Pcm16, seconds: float) -> list[tuple[str, bool]]:
    """What was told while ``block`` came over and over."""
    told = []
    for _ in range(round(seconds * RATE_HZ / BLOCK)):
        told += [(name, value is not None) for name, value in health.look(block)]
    return told


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (np.zeros(BLOCK, np.int16), SILENT),
        (np.full(BLOCK, 1, np.int16), SILENT),
        (NOISE + np.int16(8000), OFFSET),
        (SQUARE, CLIPPING),
    ],
)
def test_what_cannot_be_speech_is_told_within_three_seconds_and_its_end_too(block: Pcm16, name: str) -> None:
    health = SoundHealth()
    assert changes(health, NOISE, 5) == []
    assert changes(health, block, 1.5) == [], "a moment is nothing"
    assert changes(health, NOISE, 1) == []
    assert changes(health, block, 3.0) == [(name, True)]
    assert changes(health, block, 60) == [], "told once"
    assert changes(health, NOISE, 7) == [(name, False)]
    assert health.counts[name] == 1


def test_off_it_says_nothing_and_a_closed_device_is_forgotten() -> None:
    assert changes(SoundHealth(after_s=0), np.zeros(BLOCK, np.int16), 60) == []
    health = SoundHealth()
    changes(health, np.zeros(BLOCK, np.int16), 5)
    assert health.silent_s > 4
    assert health.forget() == [(SILENT, None)] and health.silent_s == 0 and health.forget() == []


@pytest.mark.parametrize(
    ("said_hz", "real_hz"), [(16_000, 48_000), (16_000, 8_000), (48_000, 16_000), (44_100, 48_000)]
)
@pytest.mark.parametrize("good_s", [0.0, 0.4, 7.3])
def test_what_came_at_the_wrong_rate_is_known_to_the_block(said_hz: int, real_hz: int, good_s: float) -> None:
    watch, rng = RateWatch(said_hz), np.random.default_rng(said_hz + real_hz)
    watch.begin(0, 0)
    end, passed_s, found = 0, 0.0, None
    while found is None:
        rate_hz = said_hz if passed_s < good_s else real_hz
        passed_s += 1024 / rate_hz
        end += 1024
        late_s = rng.choice([0.0, 0.002, 0.005])
        found = watch.observe(1024, round((passed_s + late_s) * 1e9), end)
        assert passed_s < good_s + 6
    assert found == real_hz
    told = watch.passed(found)
    assert told is not None
    frames, seconds = told
    assert abs((end - frames) / said_hz + seconds - passed_s) < 0.03, "since the last good frame, and before it"


@given(st.lists(st.integers(1, 3000), max_size=40), st.integers(-32768, 32767))
def test_whatever_the_block_sizes_every_problem_that_began_may_end(sizes: list[int], value: int) -> None:
    health = SoundHealth()
    on: set[str] = set()
    for size in sizes:
        for name, told in health.look(np.full(size, value, np.int16)):
            assert (name in on) != (told is not None)
            (on.add if told is not None else on.discard)(name)
    assert {name for name, _ in health.forget()} == on


def feed(watch: RateWatch, hz: float, seconds: float, at_ns: int = 0) -> tuple[int | None, int]:
    """The last answer, and the time after it."""
    found, period_s = None, 0.064
    for _ in range(round(seconds / period_s)):
        at_ns += int(period_s * SECOND_NS)
        found = watch.observe(round(hz * period_s), at_ns) or found
    return found, at_ns


@pytest.mark.parametrize("said", [16000, 44100, 48000])
@pytest.mark.parametrize("real", RATES_HZ)
def test_another_rate_is_found_within_five_seconds_and_the_said_one_left_alone(said: int, real: int) -> None:
    assert feed(RateWatch(said), real, 5)[0] == (None if real == said else real)
    assert feed(RateWatch(said), said * 1.0005, 60)[0] is None, "500 ppm are drift"


def test_lost_sound_and_devices_without_a_clock_are_no_rate() -> None:
    watch = RateWatch(16000)
    _, at_ns = feed(watch, 8000, 2)
    watch.forget()
    assert feed(watch, 16000, 10, at_ns)[0] is None
    assert feed(RateWatch(16000), 3e6, 10)[0] is None
    assert feed(RateWatch(16000), 13000, 10)[0] is None, "no rate that a device has"


@pytest.mark.parametrize(
    ("device", "named"),
    [
        ("plughw:1,0", "plughw:CARD=Device,DEV=0"),
        ("hw:1", "hw:CARD=Device"),
        ("hw:1,0,2", "hw:CARD=Device,DEV=0,SUBDEV=2"),
        ("sysdefault:1", "sysdefault:CARD=Device"),
        ("hw:7,0", "hw:7,0"),
        ("default", "default"),
        ("plughw:CARD=Device,DEV=0", "plughw:CARD=Device,DEV=0"),
        ("hw:1,x", "hw:1,x"),
    ],
)
def test_a_card_is_remembered_by_its_name(device: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "card1").mkdir()
    (tmp_path / "card1" / "id").write_text("Device\n")
    assert by_name(device, tmp_path) == named


def rate_of_a_liar() -> list[float]:
    """Reads a device whose clock is not what it says; samples a second before it was noticed and after."""
    import time

    from firmware_py.audio.alsa import AlsaMicrophone

    microphone = AlsaMicrophone("lab")

    def rate(seconds: float) -> float:
        started, count = time.monotonic(), 0
        while (passed := time.monotonic() - started) < seconds:
            block = microphone.read()
            assert block is not None
            count += block.size
        return count / passed

    before = rate(1.0)
    while not microphone.rate_changes:
        rate(0.5)
    after = rate(3.0)
    microphone.close()
    return [before, after, microphone.rate_changes]


def test_a_device_at_another_rate_than_it_says_is_heard_at_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "control").write_bytes(np.array([0, 0, 0, 0, 0, 0, 32000, *[0] * 9], "<i4").tobytes())
    card = Card(tmp_path)
    card.hears(np.zeros(16_000 * 60, np.int16))
    before, after, changed = card.run(rate_of_a_liar, hw="paced", control=str(tmp_path / "control"))
    assert changed == 1 and before > 24_000 and abs(after - 16_000) < 2_000


def opens_while_others_run() -> int:
    """How often another thread ran while a device took its time to open."""
    import threading
    import time

    from firmware_py.audio.alsa import AlsaMicrophone

    ticks, is_over = 0, threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not is_over.wait(0.01):
            ticks += 1

    other = threading.Thread(target=tick)
    opener = threading.Thread(target=lambda: AlsaMicrophone("lab").close(), daemon=True)
    other.start()
    opener.start()
    time.sleep(0.5)
    assert opener.is_alive()
    is_over.set()
    other.join()
    return ticks


def test_a_device_that_takes_its_time_to_open_stops_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "control").write_bytes(np.array([0, 0, 0, 0, 1, *[0] * 11], "<i4").tobytes())
    assert Card(tmp_path).run(opens_while_others_run, hw="paced", control=str(tmp_path / "control")) > 5
