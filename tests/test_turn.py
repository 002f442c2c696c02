"""Drafts: made at the pause, void when speech goes on, committed at the endpoint, never spoken stale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.audio.play import FastPlayer
from firmware_py.draft import HEARD_TAIL_MS, TAIL_MS, Stations, utterance
from firmware_py.errors import Cancelled, RtvaError, Unavailable
from firmware_py.events import Kind, Pcm16, Reply, State, Transcript, TurnEvent, Understood
from firmware_py.turn import TurnSettings, TurnTaker
from firmware_py.turn_queue import TurnQueue

RATE = 16_000


@dataclass
class Recorder:
    """All four engines: the text is the number of voiced samples, and everything asked of it is kept."""

    calls: list[str] = field(default_factory=list)
    committed: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    closed: int = 0
    silent: bool = False
    rate_hz: int = 22_050
    during_stt: Callable[[], None] = field(default=lambda: None)

    def transcribe(self, audio: Pcm16, *, is_cancelled: Callable[[], bool] | None = None) -> Transcript:
        self.calls.append("stt")
        self.during_stt()
        if is_cancelled is not None and is_cancelled():
            raise Cancelled("resumed")
        return Transcript("" if self.silent else f"heard {int(np.count_nonzero(audio))}", 0.9)

    def understand(self, text: str) -> Understood:
        self.calls.append("nlu")
        return Understood(text, intent="echo", score=1.0)

    def prepare(self, understood: Understood) -> Reply:
        self.calls.append("reply")
        return Reply(understood.text, "echo")

    def commit(self, reply: Reply) -> None:
        self.committed.append(reply.text)

    def close_question(self) -> None:
        """None is asked."""

    def synthesize(self, text: str) -> Iterator[Pcm16]:
        try:
            self.calls.append("tts")
            yield np.ones(2205, np.int16)
            yield np.ones(2205, np.int16)
            self.spoken.append(text)
        finally:
            self.closed += 1

    def close(self) -> None: ...


def taker(recorder: Recorder, *, drafts: bool = True, **more: object) -> tuple[TurnTaker, list[Pcm16]]:
    played: list[Pcm16] = []
    stations = Stations(recorder, recorder, recorder, recorder)
    player = FastPlayer(recorder.rate_hz, 2048, played.append)
    settings = TurnSettings(is_live=False, drafts=drafts)
    return TurnTaker(stations, player, settings, **more), played  # type: ignore[arg-type]


def event(kind: Kind, at_ms: int, speech_end_ms: int, start_ms: int = 100) -> TurnEvent:
    at, end, start = (ms * RATE // 1000 for ms in (at_ms, speech_end_ms, start_ms))
    audio = np.concatenate([np.ones(end - start, np.int16), np.zeros(at - end, np.int16)])
    return TurnEvent(kind, at, start, start, end, at * 1_000_000_000 // RATE, audio)


def test_a_draft_that_holds_is_what_is_said() -> None:
    recorder = Recorder()
    turns, played = taker(recorder)
    turns.handle(event(Kind.SPEECH, 300, 300))
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    assert recorder.calls == ["stt", "nlu", "reply", "tts"] and not recorder.committed and not played
    trace = turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert trace is not None
    assert recorder.calls == ["stt", "nlu", "reply", "tts"], "the endpoint did no work twice"
    assert trace.draft_hit and trace.draft_ready and trace.drafts_discarded == 0
    assert recorder.committed == recorder.spoken == [trace.reply] == ["heard 14400"]
    assert trace.marks["play_first"] == trace.marks["endpoint"], "a ready draft starts at the endpoint"
    assert trace.marks_ms()["pause"] == 1100 and len(played) == 2


def test_speech_that_goes_on_voids_the_draft() -> None:
    recorder = Recorder()
    turns, _ = taker(recorder)
    turns.handle(event(Kind.SPEECH, 300, 300))
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    turns.handle(event(Kind.RESUME, 1200, 1000))
    assert turns.drafts_discarded == 1 and recorder.closed == 1 and not recorder.spoken
    turns.handle(event(Kind.PAUSE, 2100, 2000))
    trace = turns.handle(event(Kind.ENDPOINT, 2500, 2000))
    assert trace is not None and trace.draft_hit and trace.drafts_discarded == 1
    assert recorder.committed == ["heard 30400"]


def test_an_endpoint_with_other_speech_than_the_draft_saw_does_the_work_again() -> None:
    recorder = Recorder()
    turns, _ = taker(recorder)
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    trace = turns.handle(event(Kind.ENDPOINT, 2500, 2000))
    assert trace is not None and not trace.draft_hit and recorder.committed == ["heard 30400"]


def test_a_draft_is_cancelled_while_it_is_made() -> None:
    resumed = []
    recorder = Recorder(during_stt=lambda: resumed.append(True))
    turns, _ = taker(recorder, has_resumed=lambda: bool(resumed))
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    assert recorder.calls == ["stt"] and turns.drafts_discarded == 1


def test_a_draft_is_cancelled_between_two_stations() -> None:
    for stop_after in (["stt"], ["stt", "nlu", "reply"]):
        recorder = Recorder()
        turns, _ = taker(recorder, has_resumed=lambda r=recorder, s=stop_after: r.calls == s)
        turns.handle(event(Kind.PAUSE, 1100, 1000))
        assert recorder.calls == stop_after and turns.drafts_discarded == 1 and not recorder.committed


@pytest.mark.parametrize("problem", [Unavailable("the worker is gone"), RuntimeError("error 7")])
def test_a_draft_that_fails_costs_nothing_but_the_draft(problem: Exception) -> None:
    def fail_once() -> None:
        if len(recorder.calls) == 1:
            raise problem

    recorder, undrafted = Recorder(during_stt=fail_once), list[TurnEvent]()
    turns, _ = taker(recorder, on_no_draft=undrafted.append)
    turns.handle(event(Kind.SPEECH, 300, 300))
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    assert turns.drafts_failed == 1 and turns.drafts_discarded == 0
    assert [pause.kind for pause in undrafted] == [Kind.PAUSE], "who waits for a draft is told that there is none"
    trace = turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert trace is not None and not trace.draft_hit and recorder.spoken == ["heard 14400"]


def test_an_engine_that_fails_at_the_endpoint_too_is_reported() -> None:
    def fail() -> None:
        raise Unavailable("the worker is gone")

    turns, _ = taker(Recorder(during_stt=fail))
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    with pytest.raises(RtvaError, match="the worker is gone"):
        turns.handle(event(Kind.ENDPOINT, 1500, 1000))


def test_a_turn_that_is_too_long_commits_the_draft_of_its_last_pause() -> None:
    recorder = Recorder()
    turns, _ = taker(recorder)
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    trace = turns.handle(event(Kind.TOO_LONG, 1300, 1000))
    assert trace is not None and trace.draft_hit and recorder.calls.count("stt") == 1


def test_an_empty_draft_is_committed_as_silence() -> None:
    recorder = Recorder(silent=True)
    turns, played = taker(recorder)
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    trace = turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert trace is not None and trace.draft_hit and not trace.reply
    assert recorder.calls == ["stt"] and not recorder.committed and not played


def test_an_announcement_closes_an_open_draft_first() -> None:
    """The voice does one thing at a time; the endpoint does the work again."""
    recorder = Recorder()
    turns, _ = taker(recorder)
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    turns.say("the door is open")
    assert recorder.closed == 2 and recorder.spoken == ["the door is open"]
    trace = turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert trace is not None and not trace.draft_hit and recorder.committed == ["heard 14400"]


def test_a_trace_says_why_the_turn_was_over() -> None:
    turns, _ = taker(Recorder())
    end = replace(event(Kind.ENDPOINT, 1500, 1000), hangover_ms=200, reason="complete")
    trace = turns.handle(end)
    assert trace is not None and (trace.hangover_ms, trace.endpoint_reason) == (200, "complete")


def test_without_drafts_nothing_happens_before_the_endpoint() -> None:
    recorder = Recorder()
    turns, _ = taker(recorder, drafts=False)
    turns.handle(event(Kind.PAUSE, 1100, 1000))
    assert not recorder.calls
    trace = turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert trace is not None and not trace.draft_hit and not trace.draft_ready
    for earlier, later in zip(
        ("endpoint", "stt_done", "nlu_done"), ("stt_done", "nlu_done", "reply_done"), strict=True
    ):
        assert trace.marks[earlier] <= trace.marks[later]
    assert trace.marks["play_first"] >= trace.marks["tts_first"] >= trace.marks["reply_done"]
    assert trace.marks["heard"] - trace.marks["play_first"] == pytest.approx(2048 / 22050 * 1e9, abs=2)


def test_drafted_and_undrafted_turns_hear_the_same_samples() -> None:
    pause, end = event(Kind.PAUSE, 1100, 1000), event(Kind.ENDPOINT, 1700, 1000)
    assert np.array_equal(utterance(pause), utterance(end))
    assert utterance(pause).size == (900 + TAIL_MS) * 16
    assert HEARD_TAIL_MS <= 100, "a draft at the shortest pause has heard no more"


def test_silence_is_answered_with_silence() -> None:
    recorder = Recorder(silent=True)
    turns, played = taker(recorder)
    trace = turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert trace is not None and trace.transcript == "" and trace.marks_ms()["play_first"] is None
    assert recorder.calls == ["stt"] and not recorder.committed and not played


def test_the_states_of_a_turn() -> None:
    states: list[State] = []
    turns, _ = taker(Recorder(), on_state=states.append)
    turns.handle(event(Kind.SPEECH, 300, 300))
    turns.handle(event(Kind.ENDPOINT, 1500, 1000))
    assert states == [State.LISTENING, State.THINKING, State.SPEAKING, State.IDLE]


@given(st.lists(st.tuples(st.sampled_from(["pause", "resume", "endpoint", "more"]), st.integers(1, 40)), max_size=40))
def test_no_stale_draft_is_ever_spoken(steps: list[tuple[str, int]]) -> None:
    """Whatever the order of pauses and resumes, what is said is about the samples up to the last voiced one."""
    recorder = Recorder()
    turns, _ = taker(recorder)
    now, end = 1000, 1000
    for what, frames in steps:
        now += frames * 10
        if what == "more":
            end = now
        elif what == "resume":
            end = now
            turns.handle(event(Kind.RESUME, now, end))
        elif what == "pause":
            turns.handle(event(Kind.PAUSE, now, end))
        else:
            trace = turns.handle(event(Kind.ENDPOINT, now, end))
            assert trace is not None and trace.reply == f"heard {(end - 100) * 16}"
    assert recorder.spoken == recorder.committed
    assert len(recorder.committed) == sum(what == "endpoint" for what, _ in steps)


def test_the_queue_sheds_the_oldest_utterance_and_counts_it() -> None:
    queue = TurnQueue(most_waiting=2)
    for number in range(4):
        queue.put(event(Kind.SPEECH, 300 + number, 300))
        queue.put(event(Kind.ENDPOINT, 1500 + number, 1000))
    assert queue.shed == 2 and queue.waiting() == 2
    first = queue.get()
    assert first is not None and first.at == event(Kind.SPEECH, 302, 300).at


def test_a_closed_queue_wakes_its_reader() -> None:
    queue = TurnQueue()
    queue.put(event(Kind.RESUME, 1, 0, 0))
    assert queue.has_resumed()
    queue.close()
    assert queue.get(10.0) is None and not queue.has_resumed()


def test_a_resume_behind_the_next_end_is_not_about_this_pause() -> None:
    queue = TurnQueue()
    queue.put(event(Kind.ENDPOINT, 1500, 1000))
    queue.put(event(Kind.RESUME, 2500, 2400))
    assert not queue.has_resumed()
    queue.get()
    assert queue.has_resumed()


@pytest.mark.parametrize("is_guided", [True, False])
def test_how_sure_guided_recognition_was_reaches_the_skill_and_the_trace(is_guided: bool) -> None:
    class Guided(Recorder):
        def transcribe(self, audio: Pcm16, *, is_cancelled: Callable[[], bool] | None = None) -> Transcript:
            return Transcript("fifteen minutes", 0.9, is_guided=is_guided, score=0.7, margin=0.4)

        def prepare(self, understood: Understood) -> Reply:
            return Reply(f"{understood.heard_score} {understood.margin}", "echo")

    turns, _ = taker(Guided())
    trace = turns.handle(event(Kind.ENDPOINT, 1600, 1000))
    assert trace is not None
    assert trace.reply == ("0.7 0.4" if is_guided else "None None")
    assert (trace.is_guided, trace.guided_score, trace.margin) == (is_guided, 0.7, 0.4)
