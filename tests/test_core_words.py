"""What people feel: short words survive the defaults, ends are seen early, quiet speech is not cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from oracles.endpoint import ENDPOINT, PAUSE, SPEECH
from oracles.golden import FRAME, files, judge, load, unpack

from firmware_py._endpoint import Endpointer

WORDS = ("No.", "Stop.", "Yes.", "Go.", "Off.", "Up.", "Quit.", "Two.")
NOISE = 30  # half width of the room's noise, about -65 dB of full scale


def turns(samples: NDArray[np.int16], aggressiveness: int, with_energy: bool = True) -> list[tuple[int, ...]]:
    said = judge(samples, aggressiveness)
    endpointer, events = Endpointer(), []
    for verdict, is_active in zip(unpack(said["speech"]), unpack(said["active"]), strict=True):
        events += endpointer.push(verdict, is_active if with_energy else -1)
    return events


def in_a_room(voice: NDArray[np.float64], before_s: float = 1.5, after_s: float = 1.5) -> NDArray[np.int16]:
    """The voice at -12 dB peak with noise around it; it begins at ``before_s``."""
    silence = [np.zeros(int(16000 * s)) for s in (before_s, after_s)]
    clean = np.concatenate([silence[0], voice / np.abs(voice).max() * 8192, silence[1]])
    return (clean + np.random.default_rng(1).integers(-NOISE, NOISE, len(clean))).astype(np.int16)


@pytest.fixture(scope="session")
def spoken(weights: Path) -> dict[str, NDArray[np.float64]]:
    """Each word by the Piper voice, 16 kHz, without the silence around it."""
    from firmware_py import models
    from firmware_py.tts.piper import Piper

    found = models.resolve_voice("en_US-joe-medium")
    voice, words = Piper(found.onnx, found.config), {}
    for word in WORDS:
        pcm = np.concatenate(list(voice.synthesize(word))).astype(np.float64)
        loud = np.flatnonzero(np.abs(pcm) > np.abs(pcm).max() / 50)
        words[word] = soxr.resample(pcm[loud[0] : loud[-1]], voice.rate_hz, 16000)
    voice.close()
    return words


@pytest.mark.parametrize("aggressiveness", range(4))
def test_short_words_survive_the_defaults(spoken: dict[str, NDArray[np.float64]], aggressiveness: int) -> None:
    short = [word for word, voice in spoken.items() if len(voice) < 0.3 * 16000]
    assert len(short) >= 4, "the voice speaks too slowly for this test"
    for word, voice in spoken.items():
        kinds = [event[0] for event in turns(in_a_room(voice), aggressiveness)]
        assert kinds[0] == SPEECH and kinds[-1] == ENDPOINT, (word, len(voice) / 16)


@pytest.mark.parametrize("aggressiveness", range(4))
def test_the_energy_finds_the_end_of_a_word_that_the_detector_draws_out(
    spoken: dict[str, NDArray[np.float64]], aggressiveness: int
) -> None:
    for word in ("No.", "Go.", "Two."):
        end = 24000 + len(spoken[word])
        with_energy = turns(in_a_room(spoken[word]), aggressiveness)[-1][4]
        without = turns(in_a_room(spoken[word]), aggressiveness, with_energy=False)
        assert abs(with_energy - end) <= 6 * FRAME, word
        assert not without or with_energy <= without[-1][4]


def test_orders_begin_and_end_where_their_sound_does(recordings: Path) -> None:
    """Begun at most 0.1 s late and ended within 0.25 s of a non-causal look at the energy, at two levels."""
    for path in files(recordings)[:11]:
        for gain in (1.0, 0.1):
            samples = (load(path) * gain).astype(np.int16)
            first, last = loud_span(samples)
            events = [e for e in turns(samples, 2) if e[4] <= last + 4000 and e[4] > first]
            assert events[0][3] <= first + 1600, path.name
            assert abs(events[-1][4] - last) <= 4000, path.name
            assert PAUSE in {kind for kind, *_ in events}


def test_the_energy_never_cuts_a_turn_short(recordings: Path) -> None:
    """Orders whose second half is 20 dB quieter end where the detector alone has them end, give or take its lag."""
    for path in files(recordings)[:11]:
        samples = load(path)
        first, last = loud_span(samples)
        half = (first + last) // 2
        faded = np.concatenate([samples[:half], (samples[half:] * 0.1).astype(np.int16)])
        alone = [e[4] for e in turns(faded, 2, with_energy=False)]
        both = [e[4] for e in turns(faded, 2)]
        assert both[-1] >= alone[-1] - 4000, path.name


def loud_span(samples: NDArray[np.int16]) -> tuple[int, int]:
    """First and one past the last sample of the stretches of 40 ms that stand 35 dB under the peak or higher."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    energy = np.convolve(frames.var(axis=1), [0.25, 0.5, 0.25], "same")
    loud = energy > max(np.percentile(energy, 98) * 10**-3.5, np.percentile(energy, 10) * 10)
    whole = np.flatnonzero(np.convolve(loud, np.ones(4), "valid") == 4)
    return int(whole[0]) * FRAME, int(whole[-1] + 4) * FRAME
