"""Who is listened to, sample by sample: an ear that sleeps, a word, an answer that may be spoken over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from test_listen import RATE, LoudVad, feed, sound

from firmware_py._ring import Ring
from firmware_py.attention import TALK, Attention, AttentionSettings
from firmware_py.echo_path import EchoPath
from firmware_py.events import Kind, Pcm16, TurnEvent, WakeHeard
from firmware_py.interruption import WAKE_WORD, Interruption, InterruptionSettings
from firmware_py.listen import Listener, ListenSettings


@dataclass
class Words:
    """Hears its word where it is told to, in frames."""

    at: list[int] = field(default_factory=list)
    ago_ms: int = 0
    names: tuple[str, ...] = ("hey_jarvis",)
    _frames: int = 0

    def push(self, frame: Pcm16, *, is_speaking: bool = False) -> WakeHeard | None:
        self._frames += 1
        return WakeHeard("hey_jarvis", 0.9, self.ago_ms) if self._frames in self.at else None

    def reset(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is held."""


class Ear:
    """A listener that needs a word, and an answer that may be spoken over."""

    def __init__(self, *words_at_s: float, **settings: int) -> None:
        self.ring = Ring(1 << 21)
        self.is_playing = False
        words: Any = Words([int(at * 100) for at in words_at_s])
        self.attention = Attention(AttentionSettings(True, **settings), words, hears_over=lambda: self.is_playing)
        self.vad = LoudVad()
        self.listener = Listener(self.ring, self.vad, ListenSettings(), lambda at: at * 62_500, self.attention)
        self.heard: list[Pcm16] = []

    def hear(self, *parts: tuple[float, float]) -> list[TurnEvent]:
        self.heard.append(sound(*parts))
        return feed(self.ring, self.listener, self.heard[-1], 160)


@pytest.mark.parametrize("asleep_s", [5.0, 60.0])
def test_speech_over_an_answer_is_whole_however_long_the_ear_slept(asleep_s: float) -> None:
    ear = Ear()
    assert ear.hear((asleep_s, 0.001)) == []
    ear.is_playing = True
    events = ear.hear((0.5, 0.001), (0.8, 0.5), (1.2, 0.001))
    assert [event.kind for event in events] == [Kind.SPEECH, Kind.PAUSE, Kind.ENDPOINT]
    assert events[-1].speech_start / RATE == pytest.approx(asleep_s + 0.5, abs=0.03)
    said = np.concatenate(ear.heard)[events[-1].start : events[-1].at]
    np.testing.assert_array_equal(events[-1].audio, said)
    assert np.abs(said).max() > 10_000


def test_each_answer_that_is_spoken_over_begins_anew_behind_a_sleep() -> None:
    ear, at_s = Ear(), 0.0
    for asleep_s in (3.0, 7.0, 1.0):
        ear.is_playing = False
        assert ear.hear((asleep_s, 0.001)) == []
        ear.is_playing = True
        [*_, end] = ear.hear((0.5, 0.001), (0.6, 0.5), (1.0, 0.001))
        assert end.speech_start / RATE == pytest.approx(at_s + asleep_s + 0.5, abs=0.03)
        at_s += asleep_s + 2.1


def test_while_it_is_awake_nothing_begins_anew() -> None:
    ear = Ear()
    ear.hear((1.0, 0.001))
    ear.is_playing = True
    ear.hear((2.0, 0.001))
    assert ear.vad.resets == 1


def test_speech_without_a_word_is_not_called_by_the_word_before_it() -> None:
    ear = Ear(0.5)
    [*_, first] = ear.hear((1.0, 0.001), (0.6, 0.5), (1.0, 0.001))
    assert first.wake == "hey_jarvis"
    ear.attention.answered()
    ear.is_playing = True
    [*_, over] = ear.hear((1.0, 0.001), (0.6, 0.5), (1.0, 0.001))
    assert over.wake == ""


def test_a_word_that_nobody_spoke_behind_is_forgotten() -> None:
    ear = Ear(0.5, window_ms=1000)
    ear.hear((3.0, 0.001))
    ear.is_playing = True
    [*_, over] = ear.hear((0.5, 0.001), (0.6, 0.5), (1.0, 0.001))
    assert over.wake == "" and ear.attention.counts.unused == 1


@pytest.mark.parametrize("by", ["hey_jarvis", TALK])
def test_who_opened_the_ear_is_kept_to_the_end_of_what_is_said(by: str) -> None:
    """The turn before may be answered in the middle of it."""
    ear = Ear(*([0.5] if by == "hey_jarvis" else []))
    ear.hear((0.6, 0.001))
    if by == TALK:
        ear.attention.call(TALK)
    ear.hear((0.1, 0.001), (0.5, 0.5))
    ear.attention.answered()
    [*_, end] = ear.hear((0.4, 0.5), (1.0, 0.001))
    assert end.wake == by


@dataclass
class Run:
    """An answer that sounds from the begin on, until it is dropped."""

    first: int = 0
    start_ns: int = 0
    end: int = 0
    is_over: bool = False
    until_ns: int = 1 << 62


class Loudspeaker:
    """What is heard of an answer in the microphone's own time."""

    def __init__(self) -> None:
        self.runs = [Run()]

    def read(self, start: int, stop: int) -> Pcm16 | None:
        return None

    def lost_at(self, position: int) -> int:
        return 0

    def device_position(self, at_ns: int) -> int:
        return at_ns * RATE // 1_000_000_000


@pytest.mark.parametrize("order_s", [0.4, 0.6])
@pytest.mark.parametrize("by", ["hey_jarvis", TALK])
def test_an_order_in_one_breath_with_what_ended_the_answer_is_whole(by: str, order_s: float) -> None:
    """The echo is not trusted, and the answer sounds for 40 ms more."""
    ear, loudspeaker = Ear(*([1.5] if by == "hey_jarvis" else [])), Loudspeaker()
    path = EchoPath(None, loudspeaker, loudspeaker)
    path.is_speaking = lambda: loudspeaker.runs[0].until_ns > ear.ring.consumed * 1_000_000_000 // RATE
    ear.listener.echo = path

    def end() -> None:
        loudspeaker.runs[0].until_ns = (ear.ring.consumed + RATE // 25) * 1_000_000_000 // RATE

    interruption = Interruption(InterruptionSettings(WAKE_WORD, has_wake=True), path, path.is_speaking, end)
    ear.attention.on_wake = lambda heard: interruption.on_wake()
    ear.hear((1.5, 0.001))
    if by == TALK:
        end()
        interruption.forgive()
        ear.attention.call(TALK)
    events = ear.hear((0.05, 0.001), (order_s, 0.5), (1.2, 0.001))
    assert [event.kind for event in events] == [Kind.SPEECH, Kind.PAUSE, Kind.ENDPOINT]
    assert events[-1].speech_start / RATE == pytest.approx(1.55, abs=0.03)
    assert (events[-1].speech_end - events[-1].speech_start) / RATE == pytest.approx(order_s, abs=0.05)


def test_behind_an_answer_that_nobody_ended_its_echo_is_not_believed() -> None:
    ear, loudspeaker = Ear(), Loudspeaker()
    ear.listener.echo = path = EchoPath(None, loudspeaker, loudspeaker)
    path.is_speaking = lambda: ear.ring.consumed < RATE
    loudspeaker.runs[0].until_ns = 1_000_000_000
    ear.attention.call(TALK)
    assert ear.hear((1.0, 0.001), (0.3, 0.5), (1.0, 0.001)) == []
