"""The play thread: whole answers, marks, volume, and silence within one period."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from gated_speaker import GatedSpeaker
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.audio.clock import Clock
from firmware_py.audio.play import QUEUE_S, WAITING, FastPlayer, NoFarEnd, Player
from firmware_py.audio.playback import Playback
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.errors import DeviceLost
from firmware_py.events import Pcm16

RATE_HZ = 16000


@pytest.fixture
def heard() -> list[Pcm16]:
    return []


@pytest.fixture
def player(heard: list[Pcm16]) -> Iterator[Player]:
    player = Player(VirtualSpeaker(RATE_HZ, pace="fast", on_samples=heard.append))
    player.start()
    yield player
    player.stop()


def chunks(*sizes: int, value: int = 1000) -> Iterator[Pcm16]:
    return (np.full(size, value, np.int16) for size in sizes)


def over(playback: Playback) -> Playback:
    assert playback.wait(30), "it never ended"
    return playback


def slow_player(speaker: GatedSpeaker, **options: object) -> Player:
    player = Player(speaker, **options)  # type: ignore[arg-type]
    player.start()
    return player


def test_where_no_thread_can_be_started_an_answer_breaks_off_and_the_next_is_heard(
    heard: list[Pcm16], monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Exception] = []
    player = Player(VirtualSpeaker(RATE_HZ, pace="fast", on_samples=heard.append), on_error=errors.append)
    player.start()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert isinstance(over(player.play(chunks(100))).error, RuntimeError)
    over(player.play(chunks(50)))
    player.stop()
    assert sum(piece.size for piece in heard) == 50 and [str(error) for error in errors] == ["can't start new thread"]


@given(sizes=st.lists(st.integers(0, 3000), max_size=8))
def test_an_answer_is_heard_whole_whatever_its_chunks(sizes: list[int]) -> None:
    heard: list[Pcm16] = []
    player = Player(VirtualSpeaker(RATE_HZ, pace="fast", on_samples=heard.append))
    player.start()
    sound = np.arange(sum(sizes), dtype=np.int16)
    playback = over(player.play(iter(np.split(sound, np.cumsum(sizes)[:-1]) if sizes else [])))
    player.stop()
    np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int16), *heard]), sound)
    assert playback.played == sound.size
    assert playback.dropped == 0


def test_the_marks_are_in_order_and_tell_the_delay(player: Player) -> None:
    told: list[int] = []
    before = time.monotonic_ns()
    playback = over(player.play(chunks(500, 700), on_first=told.append))
    assert playback.first_ns is not None
    assert playback.heard_ns is not None
    assert playback.done_ns is not None
    assert before <= playback.first_ns <= playback.done_ns <= time.monotonic_ns()
    assert playback.heard_ns == playback.first_ns + int(playback.delay_s * 1e9)
    assert told == [playback.first_ns]


def test_an_answer_of_nothing_is_over_and_has_no_first(player: Player) -> None:
    playback = over(player.play(iter([])))
    assert (playback.first_ns, playback.heard_ns) == (None, None)
    assert playback.done_ns is not None


def test_two_answers_follow_each_other(player: Player, heard: list[Pcm16]) -> None:
    first, second = player.play(chunks(900, value=1)), player.play(chunks(900, value=2))
    assert over(second).first_ns >= over(first).done_ns  # type: ignore[operator]
    assert np.concatenate(heard).tolist() == [1] * 900 + [2] * 900


def test_the_voice_may_be_slower_than_the_speaker(player: Player, heard: list[Pcm16]) -> None:
    def slow() -> Iterator[Pcm16]:
        for value in (1, 2, 3):
            time.sleep(0.02)
            yield np.full(100, value, np.int16)

    over(player.play(slow()))
    assert np.concatenate(heard).tolist() == [1] * 100 + [2] * 100 + [3] * 100


def test_stopping_silences_within_one_period_and_counts_what_was_not_said() -> None:
    speaker = GatedSpeaker()
    player = slow_player(speaker)
    playback = player.play(chunks(1000))
    speaker.permits.release()
    while not speaker.written:
        time.sleep(0.001)
    playback.stop()
    speaker.permits.release()  # the period that was under way
    over(playback)
    assert len(speaker.written) <= 2
    assert speaker.calls == ["flush"]
    assert playback.played + playback.dropped >= 1000 - 100
    player.stop()


def test_stopping_closes_a_voice_at_work() -> None:
    closed = threading.Event()

    def endless() -> Iterator[Pcm16]:
        try:
            while True:
                yield np.ones(1000, np.int16)
        finally:
            closed.set()

    speaker = GatedSpeaker()
    player = slow_player(speaker)
    playback = player.play(endless())
    speaker.permits.release(2)
    playback.stop()
    over(playback)
    assert closed.is_set()
    player.stop()


def test_a_runaway_voice_is_held_back_not_stored() -> None:
    made = 0

    def endless() -> Iterator[Pcm16]:
        nonlocal made
        while True:
            made += 1600
            yield np.ones(1600, np.int16)

    speaker = GatedSpeaker()
    player = slow_player(speaker)
    playback = player.play(endless())
    limit = int(QUEUE_S * RATE_HZ)
    while made < limit:
        time.sleep(0.001)
    time.sleep(0.05)
    assert made <= limit + 3 * 1600
    playback.stop()
    speaker.permits.release()
    over(playback)
    player.stop()


def test_a_new_answer_can_take_the_place_of_the_old() -> None:
    speaker = GatedSpeaker()
    player = slow_player(speaker)
    old, waiting = player.play(chunks(10_000, value=1)), player.play(chunks(100, value=2))
    speaker.permits.release(2)
    while not speaker.written:
        time.sleep(0.001)
    new = player.play(chunks(300, value=3), replace=True)
    speaker.permits.release(10)
    over(new)
    assert over(old).is_stopped
    assert over(waiting).first_ns is None
    assert np.concatenate(speaker.written[-3:]).tolist() == [3] * 300
    player.stop()


def test_answers_that_pile_up_are_dropped_oldest_first_and_counted() -> None:
    speaker = GatedSpeaker()
    player = slow_player(speaker)
    playing = player.play(chunks(100))
    while not player.is_playing:
        time.sleep(0.001)
    waiting = [player.play(chunks(100)) for _ in range(WAITING + 2)]
    assert player.dropped == 2
    assert [p.wait(0) for p in waiting] == [True, True] + [False] * WAITING
    speaker.permits.release(50)
    over(waiting[-1])
    assert over(playing).played == 100
    player.stop()


class FailingSpeaker(VirtualSpeaker):
    def __init__(self) -> None:
        super().__init__(RATE_HZ, pace="fast")
        self.is_broken = True

    def write(self, pcm: Pcm16) -> None:
        if self.is_broken:
            raise DeviceLost("unplugged")
        super().write(pcm)


def test_a_lost_speaker_is_reported_and_the_next_answer_tried() -> None:
    speaker, errors = FailingSpeaker(), []  # type: FailingSpeaker, list[Exception]
    player = Player(speaker, on_error=errors.append)
    player.start()
    assert isinstance(over(player.play(chunks(100))).error, DeviceLost)
    speaker.is_broken = False
    assert over(player.play(chunks(100))).error is None
    assert [str(e) for e in errors] == ["unplugged"]
    player.stop()


class StandingSpeaker(VirtualSpeaker):
    """Takes everything and plays nothing, as a device does whose clock has stopped; to drain it finds that."""

    drained = 0

    def delay_s(self) -> float:
        return 0.1

    def drain(self) -> None:
        self.drained += 1
        raise DeviceLost("it has stalled while draining", "stalled")


def test_a_device_that_stands_still_behind_the_last_word_does_not_hold_the_turn() -> None:
    errors: list[Exception] = []
    speaker = StandingSpeaker(RATE_HZ, pace="fast")
    player = Player(speaker, on_error=errors.append)
    player.start()
    first, second = over(player.play(chunks(400))), over(player.play(chunks(400)))
    player.under(chunks(400))
    deadline = time.monotonic() + 30
    while speaker.drained < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    player.stop()
    assert first.played == second.played == 400 and speaker.drained == 3
    assert all(isinstance(error, DeviceLost) for error in errors) and len(errors) == 3


def test_a_voice_that_fails_is_reported_after_what_it_said(heard: list[Pcm16]) -> None:
    def failing() -> Iterator[Pcm16]:
        yield np.ones(700, np.int16)
        raise RuntimeError("the voice died")

    errors: list[Exception] = []
    player = Player(VirtualSpeaker(RATE_HZ, pace="fast", on_samples=heard.append), on_error=errors.append)
    player.start()
    playback = over(player.play(failing()))
    assert playback.played == 700
    assert [str(e) for e in errors] == ["the voice died"]
    player.stop()


def test_volume_and_mute_are_ramped_and_keep_the_length(player: Player, heard: list[Pcm16]) -> None:
    player.volume = 0.5
    over(player.play(chunks(2000, value=10_000)))
    player.is_muted = True
    over(player.play(chunks(2000, value=10_000)))
    quiet, muted = np.split(np.concatenate(heard), 2)
    assert quiet[0] == 10_000
    assert set(quiet[200:]) == {5000}
    assert muted[0] == 5000
    assert not muted[200:].any()
    assert np.abs(np.diff(np.concatenate(heard).astype(int))).max() < 100


@pytest.mark.parametrize(("volume", "level"), [(2.0, 10_000), (-1.0, 0), (1.0, 10_000)])
def test_volume_is_cut_to_its_range(player: Player, heard: list[Pcm16], volume: float, level: int) -> None:
    player.volume = volume
    over(player.play(chunks(2000, value=10_000)))
    assert np.concatenate(heard)[-1] == level


def test_what_was_really_played_is_handed_on() -> None:
    handed: list[tuple[Pcm16, int]] = []
    heard: list[Pcm16] = []

    class Told(NoFarEnd):
        def wrote(self, pcm: Pcm16, rate_hz: int, delay_s: float) -> None:
            handed.append((pcm, rate_hz))

    player = Player(VirtualSpeaker(RATE_HZ, pace="fast", on_samples=heard.append), far_end=Told())
    player.volume = 0.3
    player.start()
    over(player.play(chunks(1234)))
    player.stop()
    np.testing.assert_array_equal(np.concatenate([pcm for pcm, _ in handed]), np.concatenate(heard))
    assert {rate_hz for _, rate_hz in handed} == {RATE_HZ}


def test_after_the_end_nothing_plays_and_nothing_hangs(heard: list[Pcm16]) -> None:
    player = Player(VirtualSpeaker(RATE_HZ, pace="fast", on_samples=heard.append))
    player.start()
    player.stop()
    player.stop()
    assert over(player.play(chunks(100))).is_stopped
    assert heard == []
    player.silence()


def test_no_thread_is_left_behind() -> None:
    player = Player(VirtualSpeaker(RATE_HZ, pace="fast"))
    player.start()
    over(player.play(chunks(100)))
    player.stop()
    for thread in threading.enumerate():
        if thread.name in ("play", "play-feed"):
            thread.join(30)
            assert not thread.is_alive()


class SleepySpeaker(GatedSpeaker):
    """A device that needs waking, with room for everything."""

    needs_waking = True

    def __init__(self) -> None:
        super().__init__()
        self.permits.release(10_000)
        self.queued = 0.0

    def delay_s(self) -> float:
        self.queued *= 0.5
        return self.queued

    def write(self, pcm: Pcm16) -> None:
        super().write(pcm)
        self.queued += pcm.size / RATE_HZ


def test_a_device_is_woken_ahead_of_the_answer_and_left_to_sleep_when_none_comes() -> None:
    speaker = SleepySpeaker()
    player = slow_player(speaker)
    player.wake(hold_s=0.1)
    while "drain" not in speaker.calls:
        time.sleep(0.005)
    assert speaker.written
    assert not np.concatenate(speaker.written).any()
    assert not player.is_playing
    player.wake()
    while len(speaker.written) < 3:
        time.sleep(0.001)
    over(player.play(chunks(300, value=7)))
    assert np.concatenate(speaker.written)[-300:].tolist() == [7] * 300
    player.stop()


def test_a_speaker_that_needs_no_waking_is_left_alone(player: Player, heard: list[Pcm16]) -> None:
    player.wake()
    over(player.play(chunks(10)))
    assert np.concatenate(heard).tolist() == [1000] * 10


class StepClock:
    def __init__(self) -> None:
        self.ns = 1_000_000_000

    def sleep(self, seconds: float) -> None:
        self.ns += max(1, round(seconds * 1e9))

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.ns, self.sleep)


class TestVirtualSpeaker:
    """At real pace it is a device of the configured size, on a clock that the test moves."""

    def speaker(self, heard: list[Pcm16], buffer_size: int = 1600) -> tuple[VirtualSpeaker, StepClock]:
        step = StepClock()
        return VirtualSpeaker(RATE_HZ, buffer_size=buffer_size, on_samples=heard.append, clock=step.clock), step

    def test_a_buffer_is_accepted_at_once_and_then_it_takes_its_time(self, heard: list[Pcm16]) -> None:
        speaker, step = self.speaker(heard)
        speaker.write(np.zeros(1600, np.int16))
        assert step.ns == 1_000_000_000
        speaker.write(np.zeros(16_000, np.int16))
        assert abs(step.ns - 2_000_000_000) < 1_000_000
        speaker.drain()
        assert abs(step.ns - 2_100_000_000) < 1_000_000
        assert speaker.played == sum(pcm.size for pcm in heard) == 17_600
        assert speaker.underruns == 0

    def test_the_delay_is_the_configured_buffer_while_it_plays(self, heard: list[Pcm16]) -> None:
        speaker, _ = self.speaker(heard)
        assert speaker.delay_s() == 0
        speaker.write(np.zeros(400, np.int16))
        assert speaker.delay_s() == 0.1
        speaker.drain()
        assert speaker.delay_s() == 0

    def test_a_flush_keeps_only_what_was_heard(self, heard: list[Pcm16]) -> None:
        speaker, step = self.speaker(heard)
        speaker.write(np.arange(1600, dtype=np.int16))
        step.ns += 50_000_000
        speaker.flush()
        np.testing.assert_array_equal(np.concatenate(heard), np.arange(800))
        assert (speaker.played, speaker.flushed) == (800, 800)
        assert speaker.delay_s() == 0

    def test_running_dry_is_counted(self, heard: list[Pcm16]) -> None:
        speaker, step = self.speaker(heard)
        speaker.write(np.zeros(400, np.int16))
        step.ns += 10_000_000_000
        speaker.write(np.zeros(400, np.int16))
        assert speaker.underruns == 1

    @given(sizes=st.lists(st.integers(1, 5000), max_size=10), buffer_size=st.integers(16, 4096))
    def test_nothing_is_lost_whatever_the_sizes(self, sizes: list[int], buffer_size: int) -> None:
        heard: list[Pcm16] = []
        speaker, step = self.speaker(heard, buffer_size)
        sound = np.arange(sum(sizes), dtype=np.int16)
        for piece in np.split(sound, np.cumsum(sizes)[:-1]) if sizes else []:
            speaker.write(piece)
        speaker.drain()
        np.testing.assert_array_equal(np.concatenate([np.zeros(0, np.int16), *heard]), sound)
        assert abs((step.ns - 1_000_000_000) / 1e9 - sound.size / RATE_HZ) < 0.002

    def test_a_paced_answer_can_be_stopped_at_once(self, heard: list[Pcm16]) -> None:
        """On the wall clock: ten seconds of speech end long before their time."""
        speaker = VirtualSpeaker(RATE_HZ, on_samples=heard.append)
        player = Player(speaker)
        player.start()
        playback = player.play(chunks(160_000))
        while playback.first_ns is None:
            time.sleep(0.001)
        playback.stop()
        over(playback)
        player.stop()
        assert sum(pcm.size for pcm in heard) < 160_000
        assert speaker.played + speaker.flushed <= 160_000


class TestFastPlayer:
    def test_the_marks_stand_on_the_recordings_clock(self, heard: list[Pcm16]) -> None:
        playback = FastPlayer(RATE_HZ, 1600, heard.append).play(chunks(16_000, 16_000), 5_000_000_000)
        assert playback.wait(0)
        assert playback.first_ns == 5_000_000_000
        assert playback.heard_ns == 5_100_000_000
        assert playback.done_ns is not None
        assert playback.done_ns >= 7_100_000_000
        assert sum(pcm.size for pcm in heard) == 32_000

    def test_nothing_to_say_has_no_first(self, heard: list[Pcm16]) -> None:
        playback = FastPlayer(RATE_HZ, 1600, heard.append).play(iter([]), 5)
        assert playback.wait(0)
        assert (playback.first_ns, playback.heard_ns) == (None, None)

    def test_a_voice_that_fails_raises(self, heard: list[Pcm16]) -> None:
        def failing() -> Iterator[Pcm16]:
            yield np.ones(10, np.int16)
            raise RuntimeError("the voice died")

        with pytest.raises(RuntimeError, match="the voice died"):
            FastPlayer(RATE_HZ, 1600, heard.append).play(failing())


def test_waiting_has_a_limit() -> None:
    speaker = GatedSpeaker()
    player = slow_player(speaker)
    playback = player.play(chunks(100))
    assert not playback.wait(0.01)
    speaker.permits.release()
    over(playback)
    player.stop()
