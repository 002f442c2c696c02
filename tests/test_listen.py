"""The listen station: frames in, turn events out, positions exact."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from firmware_py._ring import Ring
from firmware_py.events import FRAME_SAMPLES, Kind, Patience, Pcm16, TurnEvent
from firmware_py.listen import Listener, ListenSettings
from firmware_py.vad.webrtc import WebRtcVad

RATE = 16_000


@dataclass
class LoudVad:
    """Calls every frame speech whose level is above a tenth of full scale; records how often it was reset."""

    resets: int = 0
    frames: list[int] = field(default_factory=list)

    def push(self, frame: Pcm16) -> int:
        self.frames.append(frame.size)
        return int(np.abs(frame).max() > 3276)

    def reset(self) -> None:
        self.resets += 1


def listener(ring: Ring, vad: LoudVad, **settings: float) -> Listener:
    return Listener(ring, vad, ListenSettings(**settings), lambda at: at * 62_500)  # type: ignore[arg-type]


def sound(*parts: tuple[float, float]) -> Pcm16:
    """Noise bursts: ``(seconds, amplitude)`` one after the other."""
    rng = np.random.default_rng(3)
    return np.concatenate([(rng.uniform(-1, 1, int(s * RATE)) * level * 32767).astype(np.int16) for s, level in parts])


def feed(ring: Ring, station: Listener, pcm: Pcm16, block: int = 1024) -> list[TurnEvent]:
    events = []
    for start in range(0, pcm.size, block):
        ring.write(np.ascontiguousarray(pcm[start : start + block]))
        events += station.drain()
    return events


@pytest.mark.parametrize("block", [1, 7, 160, 1024, 4096])
def test_the_block_size_changes_nothing(block: int) -> None:
    pcm = sound((1.0, 0.001), (0.8, 0.5), (0.2, 0.001), (0.6, 0.5), (1.2, 0.001))
    ring = Ring(1 << 17)
    seen = [(e.kind, e.at, e.speech_start, e.speech_end) for e in feed(ring, listener(ring, LoudVad()), pcm, block)]
    assert [kind for kind, *_ in seen] == [Kind.SPEECH, Kind.PAUSE, Kind.RESUME, Kind.PAUSE, Kind.ENDPOINT]
    other = Ring(1 << 17)
    whole = feed(other, listener(other, LoudVad()), pcm, 320)
    assert seen == [(e.kind, e.at, e.speech_start, e.speech_end) for e in whole]


def test_the_audio_of_an_event_is_what_was_captured() -> None:
    pcm = sound((1.0, 0.001), (0.8, 0.5), (1.2, 0.001))
    ring = Ring(1 << 17)
    events = feed(ring, listener(ring, LoudVad()), pcm)
    for event in events:
        if event.kind in (Kind.PAUSE, Kind.ENDPOINT):
            assert np.array_equal(event.audio, pcm[event.start : event.at])
        assert event.decided_ns == event.at * 62_500
    start = events[0].speech_start / RATE
    assert start == pytest.approx(1.0, abs=0.02)
    assert events[0].start == events[0].speech_start - int(0.3 * RATE)


PAUSES = sound((1.0, 0.001), (0.8, 0.5), (1.2, 0.001))


def decided(pcm: Pcm16, on_pause: Callable[[Listener, TurnEvent], None], **settings: float) -> list[TurnEvent]:
    ring = Ring(1 << 17)
    station = listener(ring, LoudVad(), **settings)
    events = []
    ring.write(pcm)
    for event in station.decide():
        events.append(event)
        if event.kind is Kind.PAUSE:
            on_pause(station, event)
    return events


def test_a_pause_ends_the_turn_as_soon_as_it_was_told_to() -> None:
    ends = decided(PAUSES, lambda station, e: station.be_patient(Patience(e.speech_end, 200, "complete")))
    assert (ends[-1].at - ends[-1].speech_end) == 0.2 * RATE
    assert ends[-1].hangover_ms == 200 and ends[-1].reason == "complete"


def test_without_a_word_the_configured_silence_ends_it_and_says_so() -> None:
    end = decided(PAUSES, lambda station, e: None, hangover_ms=400)[-1]
    assert (end.at - end.speech_end) == 0.4 * RATE and end.hangover_ms == 400 and end.reason == "undrafted"


def test_what_is_known_later_counts_from_then_on() -> None:
    """At fast pace a draft is done at a time of the recording: no frame before it may know."""

    def tell(station: Listener, e: TurnEvent) -> None:
        station.be_patient(Patience(e.speech_end, 200, "complete", e.decided_ns + 171_000_000))

    end = decided(PAUSES, tell)[-1]
    assert (end.at - end.speech_end) == 0.28 * RATE, "PAUSE at 100 ms and 171 ms for the draft: the next frame"
    late = decided(PAUSES, lambda s, e: s.be_patient(Patience(e.speech_end, 200, "complete", e.decided_ns + 10**9)))
    assert (late[-1].at - late[-1].speech_end) == 0.5 * RATE and late[-1].reason == "undrafted"


def test_the_wait_for_a_draft_lasts_until_a_word_or_its_bound() -> None:
    end = decided(PAUSES, lambda station, e: None, hangover_ms=400, draft_wait_ms=300)[-1]
    assert (end.at - end.speech_end, end.hangover_ms, end.reason) == (0.7 * RATE, 700, "undrafted")
    told = decided(
        PAUSES,
        lambda s, e: s.be_patient(Patience(e.speech_end, 200, "complete", e.decided_ns + 471_000_000)),
        hangover_ms=400,
        draft_wait_ms=300,
    )[-1]
    assert (told.at - told.speech_end, told.reason) == (0.58 * RATE, "complete")


def test_a_word_ends_the_turn_without_another_frame() -> None:
    """The sound stops in the middle of the pause: what was heard is enough, so nothing more is waited for."""
    ring, events = Ring(1 << 17), []
    station = listener(ring, LoudVad())
    is_paused, is_over = threading.Event(), threading.Event()

    def emit(event: TurnEvent) -> None:
        events.append(event)
        {Kind.PAUSE: is_paused, Kind.ENDPOINT: is_over}.get(event.kind, threading.Event()).set()

    thread = threading.Thread(target=station.run, args=(emit, 60.0))
    thread.start()
    ring.write(sound((1.0, 0.001), (0.8, 0.5), (0.35, 0.001)))
    assert is_paused.wait(10.0)
    station.be_patient(Patience(events[-1].speech_end, 300, "complete"))
    assert is_over.wait(10.0), "the next block never comes"
    ring.close()
    thread.join(10.0)
    end = events[-1]
    assert end.reason == "complete" and 0.3 * RATE <= end.at - end.speech_end <= 0.36 * RATE
    assert end.audio.size == end.at - end.start


def test_what_is_known_of_another_pause_changes_nothing() -> None:
    stale: list[Patience] = []

    def tell(station: Listener, e: TurnEvent) -> None:
        stale.append(Patience(e.speech_end, 150, "complete"))
        if len(stale) == 2:
            station.be_patient(stale[0])

    pcm = sound((1.0, 0.001), (0.8, 0.5), (0.2, 0.001), (0.6, 0.5), (1.2, 0.001))
    events = decided(pcm, tell)
    assert [e.kind for e in events][-2:] == [Kind.PAUSE, Kind.ENDPOINT]
    assert (events[-1].at - events[-1].speech_end) == 0.5 * RATE and events[-1].reason == "undrafted"


def test_a_late_word_from_another_thread_never_reaches_the_next_utterance() -> None:
    """The hand-over is a single store: while one thread floods it, every pause keeps to what is about itself."""
    ring = Ring(1 << 19)
    station, events = listener(ring, LoudVad()), []
    known: list[Patience] = []
    is_over, is_told = threading.Event(), threading.Event()

    def flood() -> None:
        while not is_over.is_set():
            for patience in known[-4:]:
                station.be_patient(patience)
                is_told.set()

    thread = threading.Thread(target=flood)
    thread.start()
    for _ in range(40):
        ring.write(sound((0.1, 0.001), (0.5, 0.5), (0.8, 0.001)))
        for event in station.decide():
            events.append(event)
            if event.kind is Kind.PAUSE:
                known.append(Patience(event.speech_end, 150 + 10 * (len(known) % 30), "complete"))
                assert is_told.wait(5.0)  # of the first pause for certain: there is no other to tell of yet
    is_over.set()
    thread.join(5.0)
    meant = {p.speech_end: p for p in known}
    ends = [e for e in events if e.kind is Kind.ENDPOINT]
    assert len(ends) == 40
    for end in ends:
        waited = 500 if end.reason == "undrafted" else meant[end.speech_end].hangover_ms
        assert end.hangover_ms == waited and end.at - end.speech_end >= waited * 16
    assert any(end.reason == "complete" for end in ends)


def test_a_hole_in_the_stream_starts_the_detector_anew() -> None:
    ring, vad = Ring(1 << 14), LoudVad()
    station = listener(ring, vad)
    ring.write(sound((0.2, 0.5)))
    station.drain()
    ring.write(sound((3.0, 0.001)))
    station.drain()
    assert ring.overrun > 0 and vad.resets >= 1 and not station.in_speech


def test_the_cost_of_a_turn_is_counted() -> None:
    ring = Ring(1 << 17)
    station = listener(ring, LoudVad())
    feed(ring, station, sound((0.5, 0.5)))
    audio_ms, vad_ms = station.cost.per_period_ms(1024)
    assert audio_ms > 0 and vad_ms > 0 and station.cost.frames > 0


def test_the_thread_ends_when_the_ring_is_closed() -> None:
    ring, events = Ring(1 << 17), []
    station = listener(ring, LoudVad())
    thread = threading.Thread(target=station.run, args=(events.append,))
    thread.start()
    ring.write(sound((0.5, 0.001), (0.8, 0.5)))
    ring.write(sound((1.2, 0.001)))
    while ring.available() >= FRAME_SAMPLES:
        threading.Event().wait(0.01)
    ring.close()
    thread.join(5.0)
    assert not thread.is_alive() and [e.kind for e in events][-1] is Kind.ENDPOINT


@pytest.mark.parametrize("aggressiveness", [0, 1, 2, 3])
def test_webrtc_hears_no_speech_in_silence(aggressiveness: int) -> None:
    vad = WebRtcVad(aggressiveness)
    assert {vad.push(np.zeros(FRAME_SAMPLES, np.int16)) for _ in range(50)} == {0}
    vad.reset()


@pytest.mark.parametrize("aggressiveness", [-1, 4])
def test_webrtc_refuses_other_levels(aggressiveness: int) -> None:
    with pytest.raises(ValueError, match="0 to 3"):
        WebRtcVad(aggressiveness)
