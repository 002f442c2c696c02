"""A turn that fails is counted, told and apologised for; what is shed has a reason, and what waits has a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from status_lab import eventually
from test_service_announcements import Chatter, Pipeline, Silence

from firmware_py.app import Appliance, Observers
from firmware_py.audio.play import Player
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.draft import MOST_REPLY_CHARS, bounded
from firmware_py.errors import RtvaError, WorkerFailed
from firmware_py.events import Kind, Pcm16, State, Transcript, TurnEvent
from firmware_py.failed_turns import APOLOGY, MISSED, MOST_UNEXPECTED, FailedTurns
from firmware_py.turn_queue import MOST_WAITING, TOO_MANY, TOO_MUCH, TurnQueue


def event(kind: Kind, samples: int = 0, at: int = 16_000) -> TurnEvent:
    return TurnEvent(kind, at, 0, 0, at - 1600, 1, np.ones(samples, np.int16))


class Rig:
    """An appliance whose recogniser fails with what the test says."""

    def __init__(self) -> None:
        self.failures: list[RtvaError] = []
        self.states: list[State] = []
        self.shed: list[str] = []
        self.chatter = Chatter()
        self.problem: Exception | None = None
        pipeline = Pipeline()
        pipeline.chatter = self.chatter
        self.chatter.transcribe = self._transcribe  # type: ignore[method-assign]
        observers = Observers(
            on_failure=self.failures.append,
            on_state=self.states.append,
            on_shed=lambda event, reason: self.shed.append(reason),
        )
        self.walk = Appliance(pipeline, Silence(), VirtualSpeaker(16_000), observers)
        self.hold: Callable[[], object] = lambda: None

    def _transcribe(self, audio: Pcm16, **_: object) -> Transcript:
        self.hold()
        if self.problem is not None:
            raise self.problem
        return Transcript("")


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    rig = Rig()
    rig.walk.start()
    yield rig
    rig.walk.stop()


@pytest.mark.parametrize("problem", [WorkerFailed("it failed twice"), ValueError("nobody thought of this")])
def test_a_failed_turn_is_told_and_apologised_for_and_the_next_one_works(rig: Rig, problem: Exception) -> None:
    rig.problem = problem
    rig.walk.queue.put(event(Kind.ENDPOINT, 16_000))
    eventually(lambda: rig.chatter.said == [APOLOGY])
    assert rig.walk.errors == 1 and rig.walk.failure is None
    assert str(problem) in str(rig.failures[0])
    eventually(rig.walk.is_quiet)
    assert rig.states[-1] is State.ERROR, "the lights say it after the apology too"
    rig.problem = None
    rig.walk.queue.put(event(Kind.ENDPOINT, 16_000))
    eventually(lambda: rig.walk.turns == 1)


def test_a_process_that_keeps_failing_in_unknown_ways_is_given_up(rig: Rig) -> None:
    rig.problem = KeyError("broken")
    for count in range(1, MOST_UNEXPECTED):
        rig.walk.queue.put(event(Kind.ENDPOINT, 16_000))
        eventually(lambda n=count: rig.walk.errors == n and rig.walk.is_quiet())
        assert rig.walk.failure is None
    rig.walk.queue.put(event(Kind.ENDPOINT, 16_000))
    eventually(lambda: isinstance(rig.walk.failure, KeyError))


def test_a_voice_that_cannot_even_apologise_ends_nothing() -> None:
    def mute(text: str) -> None:
        raise WorkerFailed("no voice")

    failed = FailedTurns(mute)
    failed.judge(ValueError("x"))
    failed.apologise()
    assert (failed.count, failed.apologies) == (1, 0)


def test_what_was_shed_is_told_and_said_once(rig: Rig) -> None:
    import threading

    go = threading.Event()
    rig.hold = lambda: go.wait(10)
    rig.walk.queue.put(event(Kind.ENDPOINT, 16_000))
    eventually(lambda: rig.walk.busy_since_ns is not None and not len(rig.walk.queue))
    for _ in range(MOST_WAITING + 3):
        rig.walk.queue.put(event(Kind.ENDPOINT, 16_000))
    assert rig.shed == [TOO_MANY] * 3 and rig.walk.queue.shed == 3
    go.set()
    eventually(lambda: rig.chatter.said == [MISSED])
    assert rig.walk.turns == 1 + MOST_WAITING


@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(0, 3000))))
def test_however_it_is_filled_the_queue_keeps_its_bounds(moves: list[tuple[Kind, int]]) -> None:
    queue = TurnQueue(most_bytes=8_000)
    shed: list[tuple[TurnEvent, str]] = []
    queue.on_shed = lambda event, reason: shed.append((event, reason))
    put = 0
    for kind, samples in moves:
        with_audio = kind in (Kind.PAUSE, Kind.ENDPOINT, Kind.TOO_LONG)
        queue.put(event(kind, samples if with_audio else 0))
        put += kind in (Kind.ENDPOINT, Kind.TOO_LONG)
        assert queue.waiting() <= MOST_WAITING
        newest = samples * 2 if with_audio else 0
        assert queue.size_bytes() <= max(8_000, newest)
    assert put == queue.waiting() + queue.shed == queue.waiting() + len(shed)
    assert {reason for _, reason in shed} <= {TOO_MANY, TOO_MUCH}


def test_pauses_that_speech_went_on_behind_hold_no_sound() -> None:
    queue = TurnQueue()
    for _ in range(500):
        queue.put(event(Kind.PAUSE, 100_000))
        queue.put(event(Kind.RESUME))
    assert queue.size_bytes() == 0 and queue.shed == 0 and queue.has_resumed()


@given(st.text(alphabet=st.sampled_from("ab .!?"), max_size=9000))
def test_a_reply_that_ran_away_is_cut_at_a_sentence_or_a_word(text: str) -> None:
    kept = bounded(text)
    assert len(kept) <= MOST_REPLY_CHARS and text.startswith(kept)
    assert kept == text or len(text) > MOST_REPLY_CHARS
    words = "a word " * 2000
    assert bounded(words).endswith("word") or bounded(words).endswith("a")
    assert bounded("One sentence. " * 1000).endswith("sentence.")


def test_a_voice_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_py.audio.play.MOST_S", 2.0)
    made = 0

    def forever() -> Iterator[Pcm16]:
        nonlocal made
        while True:
            made += 1
            yield np.ones(1600, np.int16)

    player = Player(VirtualSpeaker(16_000, pace="fast", on_samples=lambda pcm: None))
    player.start()
    playback = player.play(forever())
    assert playback.wait(30) and playback.was_cut and playback.played == 32_000 and made == 20
    player.stop()
