"""A stale draft is never spoken: random bursts and pauses through the real listener, queue and turn taker."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_listen import LoudVad
from test_turn import Recorder

from firmware_py._ring import Ring
from firmware_py.audio.play import FastPlayer
from firmware_py.draft import Stations, Work, utterance
from firmware_py.errors import Cancelled
from firmware_py.events import FRAME_SAMPLES, Ending, Kind, Patience, Pcm16, Transcript, TurnEvent, TurnTrace
from firmware_py.listen import Listener, ListenSettings
from firmware_py.replay.again import NEVER_NS, when_heeded
from firmware_py.replay.session import event_form
from firmware_py.turn import TurnSettings, TurnTaker
from firmware_py.turn_queue import ENDS, TurnQueue

HANGOVERS = {Ending.COMPLETE: 200, Ending.UNKNOWN: 500, Ending.INCOMPLETE: 700}

BURSTS = st.lists(
    st.tuples(st.integers(1, 150), st.integers(1, 90), st.sampled_from(list(HANGOVERS)), st.integers(0, 900)),
    min_size=1,
    max_size=8,
)
"""Frames of voice, frames of silence behind it, how what was said ends, and the milliseconds a draft takes."""


def sound(bursts: list[tuple[int, int]]) -> Pcm16:
    """Loud and quiet stretches, in frames; silence before and behind."""
    rng = np.random.default_rng(1)
    levels = [(20, 3), *(p for voice, rest in bursts for p in ((voice, 9000), (rest, 3))), (100, 3)]
    return np.concatenate([rng.integers(-a, a + 1, n * FRAME_SAMPLES).astype(np.int16) for n, a in levels])


@dataclass
class Echo(Recorder):
    """Hears a fingerprint of the samples."""

    def transcribe(self, audio: Pcm16, *, is_cancelled: Callable[[], bool] | None = None) -> Transcript:
        super().transcribe(audio, is_cancelled=is_cancelled)
        return Transcript(fingerprint(audio), 0.9)


def fingerprint(audio: Pcm16) -> str:
    return f"{audio.size} {int(np.abs(audio.astype(np.int64)).sum())}"


@dataclass
class Walked:
    events: list[TurnEvent] = field(default_factory=list)
    traces: list[TurnTrace] = field(default_factory=list)
    engines: Echo = field(default_factory=Echo)


def walk(
    bursts: list[tuple[int, int, Ending, int]],
    *,
    drafts: bool = True,
    heeded: dict[int, int] | None = None,
    wait_ms: int = 0,
) -> Walked:
    """The walk in one thread; the endings and the drafts' times are taken in turn, or from ``heeded``."""
    ring, walked, number = Ring(1 << 18), Walked(), 0
    rules = ListenSettings(max_utterance_s=2.0, draft_wait_ms=wait_ms)
    station = Listener(ring, LoudVad(), rules, lambda position: position * 62_500)

    def on_draft(draft: Work) -> None:
        nonlocal number
        _, _, ending, draft_ms = bursts[number % len(bursts)]
        number += 1
        done_ns = draft.speech_end * 62_500 + (100 + draft_ms) * 1_000_000
        if heeded is not None:
            done_ns = heeded.get(draft.speech_end, NEVER_NS)
        station.be_patient(Patience(draft.speech_end, HANGOVERS[ending], ending.value, done_ns))

    stations = Stations(walked.engines, walked.engines, walked.engines, walked.engines)
    player = FastPlayer(22_050, 2048, lambda pcm: None)
    taker = TurnTaker(stations, player, TurnSettings(is_live=False, drafts=drafts), on_draft=on_draft)
    ring.write(sound([(voice, rest) for voice, rest, *_ in bursts]))
    for event in station.decide():
        walked.events.append(event)
        trace = taker.handle(event)
        walked.traces += [trace] if trace is not None else []
    return walked


def meant(events: list[TurnEvent]) -> list[str]:
    """What each utterance that ended is about: its own samples, up to its own last voiced one."""
    return [fingerprint(utterance(event)) for event in events if event.kind in ENDS]


WAITS = st.sampled_from([0, 10, 300, 2000])


@settings(deadline=None)
@given(BURSTS, WAITS)
def test_only_what_was_said_up_to_the_end_is_answered(bursts: list[tuple[int, int, Ending, int]], wait_ms: int) -> None:
    walked = walk(bursts, wait_ms=wait_ms)
    assert walked.engines.committed == walked.engines.spoken == meant(walked.events)
    assert [t.transcript for t in walked.traces] == meant(walked.events)
    assert all(t.draft_hit or not t.draft_ready for t in walked.traces)


@settings(deadline=None)
@given(BURSTS, WAITS)
def test_a_silence_is_as_long_as_its_own_draft_asked(bursts: list[tuple[int, int, Ending, int]], wait_ms: int) -> None:
    """Never shorter than the least hangover, never another pause's, and the trace says which."""
    walked = walk(bursts, wait_ms=wait_ms)
    for event, trace in zip([e for e in walked.events if e.kind in ENDS], walked.traces, strict=True):
        if event.kind is Kind.TOO_LONG:
            assert trace.endpoint_reason == "too_long"
            continue
        silence_ms = (event.at - event.speech_end) / 16
        assert silence_ms >= trace.hangover_ms >= min(HANGOVERS.values())
        if trace.endpoint_reason == "undrafted":
            assert silence_ms == 500 + wait_ms
        else:
            assert trace.hangover_ms == HANGOVERS[Ending(trace.endpoint_reason)]
            assert event.at >= event.heeded_at > event.speech_end


@settings(deadline=None, max_examples=50)
@given(BURSTS)
def test_drafted_and_undrafted_turns_say_the_same(bursts: list[tuple[int, int, Ending, int]]) -> None:
    """With the same hangover the same utterances, and with the same utterances the same words."""
    level = [(voice, rest, Ending.UNKNOWN, ms) for voice, rest, _, ms in bursts]
    assert walk(level).engines.spoken == walk(level, drafts=False).engines.spoken


@settings(deadline=None)
@given(st.sampled_from([Ending.COMPLETE, Ending.UNKNOWN]), st.integers(0, 900), WAITS)
def test_no_turn_is_answered_later_by_the_wait_for_its_draft(ending: Ending, draft_ms: int, wait_ms: int) -> None:
    """But for the frame in which the draft is done; and where the wait is long enough the draft is ready."""
    times = {}
    for ms in (0, wait_ms):
        (trace,) = walk([(60, 200, ending, draft_ms)], wait_ms=ms).traces
        done_ms = 100 + draft_ms
        times[ms] = max(trace.between_ms("endpoint", "speech_end") or 0.0, done_ms)
        if done_ms < 500 + ms:
            assert trace.endpoint_reason == ending.value
    assert times[0] <= times[wait_ms] <= max(times[0] + 10, 500)


@settings(deadline=None)
@given(BURSTS, st.integers(0, 900), WAITS)
def test_a_kept_conversation_goes_the_same_way_however_long_drafts_take(
    bursts: list[tuple[int, int, Ending, int]], other_ms: int, wait_ms: int
) -> None:
    then = [event_form(event) for event in walk(bursts, wait_ms=wait_ms).events]
    slower = [(voice, rest, ending, other_ms) for voice, rest, ending, _ in bursts]
    again = walk(slower, heeded=dict(when_heeded(then)), wait_ms=wait_ms).events
    assert [event_form(event) for event in again] == then


@pytest.mark.parametrize("seed", range(6))
def test_in_threads_nothing_stale_is_spoken_either(seed: int) -> None:
    """Recognition takes as long as it likes while the listener runs ahead of it, is told to stop, and is told late."""
    rng = random.Random(seed)
    ring, queue, engines = Ring(1 << 18), TurnQueue(most_waiting=100), Echo()
    events: list[TurnEvent] = []
    traces: list[TurnTrace] = []

    def slowly() -> None:
        until = time.monotonic() + rng.choice([0.0, 0.0, 0.003, 0.01])
        while time.monotonic() < until:
            if queue.has_resumed():
                raise Cancelled("speech went on")
            time.sleep(0.0005)

    engines.during_stt = slowly
    rules = ListenSettings(draft_wait_ms=rng.choice([0, 500]))
    station = Listener(ring, LoudVad(), rules, lambda position: time.monotonic_ns())
    stations = Stations(engines, engines, engines, engines)
    taker = TurnTaker(
        stations,
        FastPlayer(22_050, 2048, lambda pcm: None),
        TurnSettings(drafts=True),
        has_resumed=queue.has_resumed,
        on_draft=lambda d: station.be_patient(Patience(d.speech_end, rng.choice([150, 200, 700]), "complete")),
    )

    def take_turns() -> None:
        while (event := queue.get(10.0)) is not None:
            trace = taker.handle(event)
            traces.extend([trace] if trace is not None else [])

    def emit(event: TurnEvent) -> None:
        events.append(event)
        queue.put(event)

    threads = [threading.Thread(target=station.run, args=(emit, 0.01)), threading.Thread(target=take_turns)]
    for thread in threads:
        thread.start()
    pcm = sound([(rng.randint(5, 40), rng.randint(5, 80)) for _ in range(12)])
    for block in pcm[: pcm.size // 320 * 320].reshape(-1, 320):
        ring.write(block)
        time.sleep(0.0003)
    while ring.available() >= FRAME_SAMPLES or len(traces) < sum(e.kind in ENDS for e in events):
        time.sleep(0.005)
    ring.close()
    queue.close()
    for thread in threads:
        thread.join(5.0)
    assert engines.committed == engines.spoken == meant(events) and meant(events)
    assert all(e.at - e.speech_end >= 150 * 16 for e in events if e.kind is Kind.ENDPOINT)
