"""The guards on text and durations, without a model."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_py.stt import guards, trim
from firmware_py.stt.stream import utterances

RATE = 16_000


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("[BLANK_AUDIO]", ""),
        ("(crowd chattering)", ""),
        ("*sigh*", ""),
        ("♪ music ♪", "music"),
        ("♪♪", ""),
        ("...", ""),
        (" - ", ""),
        ("Turn it on. [BLANK_AUDIO]", "Turn it on."),
        ("(upbeat music) Hello there (door", "Hello there"),
        ("<|nospeech|>", ""),
        ("Turn on the lamp.", "Turn on the lamp."),
        ("It's 5 o'clock", "It's 5 o'clock"),
    ],
)
def test_annotations_are_never_text(text: str, clean: str) -> None:
    assert guards.strip_annotations(text) == clean


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("What time is it? What time is it?", "What time is it."),
        ("turn it on turn it on turn it on turn it", "turn it on."),
        ("stop stop stop stop stop stop", "stop."),
        ("go on go on go on go on", "go on."),
        ("set a timer set a timer for ten set a timer for ten", "set a timer."),
    ],
)
def test_a_loop_is_cut_after_its_first_copy(text: str, kept: str) -> None:
    assert guards.cut_loop(text) == (kept, True)


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("What time is it? What time is it?", "What time is it?"),
        ("Get me a 16-ounce latte. Get me a 16-ounce latte. Get me a", "Get me a 16-ounce latte."),
        ("turn it on turn it on turn it on", None),  # no sentence ended
        ("Go on. Go on. Go on.", None),  # two words may well be said thrice
        ("Well. Turn it on. Turn it on.", None),  # the copies are not all of it
        ("Turn it on. Turn it on. Thank you.", None),
        ("Turn it on.", None),
        ("", None),
    ],
)
def test_only_whole_sentences_are_kept_of_a_loop(text: str, copy: str | None) -> None:
    assert guards.first_copy(text) == copy


@pytest.mark.parametrize(
    "text",
    [
        "no no no",
        "one two three four",
        "ask not what your country can do for you ask what you can do for your country",
        "two hundred and twenty two",
        "what time is it",
        "five five five",
        "",
    ],
)
def test_speech_that_repeats_a_word_is_no_loop(text: str) -> None:
    assert guards.cut_loop(text) == (text, False)


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=30))
def test_what_is_left_of_a_loop_has_no_loop_at_its_start(items: list[str]) -> None:
    at = guards.first_repeat(items)
    if at is not None:
        assert guards.first_repeat(items[:at]) is None or guards.first_repeat(items[:at]) < at


@given(st.text())
def test_no_text_breaks_the_guards(text: str) -> None:
    clean = guards.strip_annotations(text)
    assert guards.strip_annotations(clean) == clean
    guards.cut_loop(text)
    guards.is_invented(text)


@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0, 3.3, 5.12, 11.0, 27.9, 30.0, 60.0])
def test_the_context_has_floor_margin_and_ceiling(seconds: float) -> None:
    context = guards.audio_context(seconds)
    assert guards.CONTEXT_FLOOR <= context <= guards.FULL_CONTEXT
    assert context == guards.FULL_CONTEXT or context >= 50 * seconds + guards.CONTEXT_MARGIN
    open_one = guards.audio_context(seconds, is_open=True)
    assert guards.OPEN_FLOOR <= open_one <= context
    assert open_one == guards.FULL_CONTEXT or open_one >= 50 * seconds + guards.OPEN_MARGIN
    assert guards.token_cap(seconds) >= guards.TOKENS_BASE


def tone(seconds: float, level: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.standard_normal(int(seconds * RATE)) * level).astype(np.float32)


def test_speech_is_found_between_quiet_ends() -> None:
    audio = np.concatenate([tone(1.0, 0.0005), tone(0.5, 0.1), tone(1.0, 0.0005)])
    start, stop = trim.speech_bounds(audio) or (0, 0)
    margin = trim.MARGIN_MS / 1000
    assert start / RATE == pytest.approx(1.0 - margin, abs=0.03)
    assert stop / RATE == pytest.approx(1.5 + margin, abs=0.03)


@pytest.mark.parametrize("audio", [np.zeros(RATE, np.float32), np.zeros(0, np.float32), np.full(RATE, 0.2, np.float32)])
def test_silence_and_a_constant_offset_are_silence(audio: np.ndarray) -> None:
    assert trim.speech_bounds(audio) is None


@given(st.integers(0, 100), st.integers(0, 2**32 - 1))
def test_windows_cover_everything_once(seconds: int, seed: int) -> None:
    audio = np.random.default_rng(seed).standard_normal(seconds * 1600, dtype=np.float32)
    bounds = trim.windows(audio, longest_s=2.8, shortest_s=1.8)
    assert bounds[0][0] == 0 and bounds[-1][1] == audio.size
    assert all(a[1] == b[0] for a, b in itertools.pairwise(bounds))
    assert all(stop - start <= 2.8 * RATE for start, stop in bounds)


@example([9000] * 20, 1)
@given(st.lists(st.integers(1, 9000), max_size=20), st.integers(0, 2**32 - 1))
def test_a_stream_is_cut_into_bounded_pieces_and_nothing_is_lost(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    blocks = [rng.integers(-20_000, 20_000, size, dtype=np.int16) for size in sizes]
    pieces = list(utterances(iter(blocks), longest_s=3.0))
    whole = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    assert np.array_equal(np.concatenate(pieces), whole)
    assert all(piece.size <= 3 * RATE for piece in pieces)
    assert len(pieces) == 1 or whole.size > 3 * RATE
