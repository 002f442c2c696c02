"""The log-mel front end against plain numpy, and against what whisper.cpp hears with its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.log_mel import log_mel

from firmware_py._mel import LogMel
from firmware_py.weights.mel import filter_bank

BANKS = {80: filter_bank(80), 128: filter_bank(128)}


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("samples", [1, 2, 159, 160, 199, 200, 201, 359, 360, 399, 400, 401, 4000, 16_001, 48_000])
@pytest.mark.parametrize("frames", [1, 30, 640])
def test_it_is_the_definition(bands: int, samples: int, frames: int) -> None:
    """Within single precision: 3e-4 is a thousandth of the power of a band that is eight decades below the loudest."""
    sound = np.random.default_rng(samples).standard_normal(samples).astype(np.float32) * 0.2
    mel = LogMel(BANKS[bands])
    mel.push(sound)
    np.testing.assert_allclose(mel.finish(frames), log_mel(sound, BANKS[bands], frames), atol=3e-4)


@pytest.mark.parametrize("hz", [0, 40, 440, 1000, 3999.5, 7990])
def test_a_tone_lies_where_it_belongs(hz: float) -> None:
    sound = (0.5 * np.cos(2 * np.pi * hz * np.arange(16_000) / 16_000)).astype(np.float32)
    mel = LogMel(BANKS[80])
    mel.push(sound)
    np.testing.assert_allclose(mel.finish(110), log_mel(sound, BANKS[80], 110), atol=1e-4)


def test_no_sound_is_silence() -> None:
    mel = LogMel(BANKS[80])
    assert np.all(mel.finish(20) == np.float32(-1.5))
    mel.push(np.zeros(3000, np.float32))
    assert np.all(mel.finish(40) == np.float32(-1.5))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1500), max_size=12), st.booleans(), st.integers(0, 2**32 - 1))
def test_pieces_of_any_size_give_the_same(sizes: list[int], looks: bool, seed: int) -> None:
    """Bit for bit; looking at the spectrogram in between changes nothing."""
    sound = np.random.default_rng(seed).standard_normal(sum(sizes)).astype(np.float32) * 0.1
    whole, pieces = LogMel(BANKS[80]), LogMel(BANKS[80])
    whole.push(sound)
    for piece in np.split(sound, np.cumsum(sizes)[:-1]) if sizes else []:
        pieces.push(np.ascontiguousarray(piece))
        if looks:
            pieces.finish(50)
    assert whole.frames == pieces.frames
    np.testing.assert_array_equal(whole.finish(120), pieces.finish(120))


def test_an_utterance_leaves_nothing_behind() -> None:
    sound = np.random.default_rng(3).standard_normal(5000).astype(np.float32)
    fresh, used = LogMel(BANKS[80]), LogMel(BANKS[80])
    used.push(sound)
    used.reset()
    for mel in (fresh, used):
        mel.push(sound[:777])
    np.testing.assert_array_equal(fresh.finish(30), used.finish(30))


@pytest.mark.parametrize("bank", [np.zeros((80, 200), np.float32), np.zeros((129, 201), np.float32)])
def test_a_bank_of_another_shape_is_refused(bank: np.ndarray) -> None:
    with pytest.raises(ValueError, match="201"):
        LogMel(bank)


def test_nonsense_is_refused() -> None:
    mel = LogMel(BANKS[80])
    with pytest.raises(ValueError, match="at least 1 frame"):
        mel.finish(0)
    with pytest.raises(ValueError, match="made once"):
        mel.__init__(BANKS[80])  # type: ignore[misc]
