"""The compiled front end against its oracle, and on signals whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles.front import FrontOracle, to_db

from firmware_py._front import FRAME_SAMPLES, SILENCE_DB, FrontEnd

SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from(["noise", "tone", "zeros", "square", "offset"]),
        st.integers(0, 32767),
        st.integers(-20000, 20000),
        st.integers(1, 60),
    ),
    min_size=1,
    max_size=8,
)


def signal(kind: str, level: int, offset: int, frames: int, rng: np.random.Generator) -> NDArray[np.int16]:
    n = frames * FRAME_SAMPLES
    shapes = {
        "noise": rng.integers(-level, level, n, endpoint=True),
        "tone": level * np.sin(2 * np.pi * 200 * np.arange(n) / 16000),
        "zeros": np.zeros(n),
        "square": np.where(np.arange(n) % 16 < 8, 32767, -32768),
        "offset": np.full(n, level),
    }
    return np.clip(shapes[kind] + offset * (kind != "zeros"), -32768, 32767).astype(np.int16)


def feed(front: FrontEnd, samples: NDArray[np.int16]) -> list[int]:
    out = np.empty(FRAME_SAMPLES, np.int16)
    return [front.process(frame, out) for frame in samples.reshape(-1, FRAME_SAMPLES)]


@settings(max_examples=40, deadline=None)
@given(SEGMENTS, st.integers(0, 2**32 - 1), st.integers(0, 400))
def test_agrees_with_the_oracle(segments: list[tuple[str, int, int, int]], seed: int, warmup_ms: int) -> None:
    rng = np.random.default_rng(seed)
    front, oracle = FrontEnd(warmup_ms=warmup_ms), FrontOracle(warmup_ms=warmup_ms)
    out = np.empty(FRAME_SAMPLES, np.int16)
    samples = np.concatenate([signal(kind, level, offset, n, rng) for kind, level, offset, n in segments])
    for frame in samples.reshape(-1, FRAME_SAMPLES):
        assert front.process(frame, out) == front.is_active
        assert out.tolist() == oracle.process(frame.tolist())
        assert (front.is_active, front.clipped) == (oracle.is_active, oracle.clipped)
        assert front.dc * 65536 == oracle.dc_fraction
        assert front.level_db == pytest.approx(to_db(oracle.energies[-1]))
        assert front.floor_db == pytest.approx(to_db(oracle.floor))


def test_an_offset_is_gone_from_the_first_sample_and_followed() -> None:
    front, out = FrontEnd(), np.empty(FRAME_SAMPLES, np.int16)
    front.process(np.full(FRAME_SAMPLES, 5000, np.int16), out)
    assert not out.any() and front.dc == 5000
    for _ in range(20):
        front.process(np.full(FRAME_SAMPLES, -3000, np.int16), out)
    assert not out.any() and front.dc == pytest.approx(-3000, abs=0.1)


def test_speech_band_passes_unchanged() -> None:
    """A 100 Hz tone loses less than 1 % of its amplitude to the 10 Hz corner."""
    tone = np.round(10000 * np.sin(2 * np.pi * 100 * np.arange(16000) / 16000)).astype(np.int16)
    front, out, outs = FrontEnd(), np.empty(FRAME_SAMPLES, np.int16), []
    for frame in tone.reshape(-1, FRAME_SAMPLES):
        front.process(frame, out)
        outs.append(out.copy())
    assert np.abs(np.concatenate(outs)[8000:]).max() == pytest.approx(10000, rel=0.01)


def test_levels_are_decibels_of_full_scale() -> None:
    front = FrontEnd()
    feed(front, np.tile(np.array([3277, -3277], np.int16), 80 * 50))
    assert front.level_db == pytest.approx(-20, abs=0.05)
    assert front.floor_db == pytest.approx(-20, abs=0.05)


def test_in_and_out_may_be_the_same_frame() -> None:
    frame = np.arange(FRAME_SAMPLES, dtype=np.int16) + 900
    other, out = frame.copy(), np.empty(FRAME_SAMPLES, np.int16)
    FrontEnd().process(frame, out)
    FrontEnd().process(other, other)
    assert (other == out).all()


def test_read_only_frames_are_accepted() -> None:
    frame = np.frombuffer(bytes(320), np.int16)
    assert FrontEnd().process(frame, np.empty(FRAME_SAMPLES, np.int16)) == -1


def test_the_warm_up_is_unknown_then_a_burst_is_active_and_its_end_is_seen() -> None:
    rng = np.random.default_rng(1)
    room, voice = signal("noise", 60, 0, 100, rng), signal("tone", 6000, 0, 40, rng)
    active = feed(FrontEnd(), np.concatenate([room, voice, room]))
    assert set(active[:30]) == {-1}
    assert set(active[101:140]) == {1}
    assert set(active[145:180]) == {0}


def test_steady_noise_alone_is_never_called_quiet() -> None:
    assert 0 not in feed(FrontEnd(), signal("noise", 300, 0, 600, np.random.default_rng(2)))


def test_digital_silence_is_quiet_and_no_noise_floor() -> None:
    front, rng = FrontEnd(), np.random.default_rng(3)
    feed(front, signal("noise", 300, 0, 100, rng))
    floor_db = front.floor_db
    assert set(feed(front, np.zeros(FRAME_SAMPLES * 100, np.int16))[20:]) == {0}
    assert front.level_db == SILENCE_DB and front.floor_db == pytest.approx(floor_db, abs=0.5)


def test_the_floor_follows_a_fan_within_its_window() -> None:
    front, rng = FrontEnd(), np.random.default_rng(4)
    feed(front, signal("noise", 50, 0, 300, rng))
    low = front.floor_db
    feed(front, signal("noise", 500, 0, 421, rng))
    assert front.floor_db == pytest.approx(low + 20, abs=1)


def test_clipping_is_counted() -> None:
    front = FrontEnd()
    feed(front, np.array([32767, -32768, 5, 6] * 40, np.int16))
    assert (front.clipped, front.clipped_total) == (80, 80)
    feed(front, np.zeros(FRAME_SAMPLES, np.int16))
    assert (front.clipped, front.clipped_total) == (0, 80)


def test_reset_forgets() -> None:
    front, rng = FrontEnd(), np.random.default_rng(5)
    samples = signal("noise", 2000, 700, 60, rng)
    first = feed(front, samples)
    front.reset()
    assert feed(front, samples) == first


@pytest.mark.parametrize("n", [0, 159, 161])
def test_another_length_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="160 samples"):
        FrontEnd().process(np.zeros(n, np.int16), np.zeros(FRAME_SAMPLES, np.int16))
