"""The loudspeaker in the microphone: real cancellers, detector and recordings, simulated faster than real time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from echo_lab import Room, Scene, Sound, convolved, level_db, noise, pcm, scene
from takes import VOICE_HZ, take
from wake_lab import Speaker, person

from firmware_py import backends
from firmware_py.echo.kalman import KalmanEcho
from firmware_py.echo_path import EchoPath, Stages
from firmware_py.echo_trust import EchoTrust, TrustSettings
from firmware_py.events import RATE_HZ, Kind, Pcm16, TurnEvent
from firmware_py.interruption import ANY_SPEECH, NOTHING, WAKE_WORD, Interruption, InterruptionSettings
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import EchoCanceller

TEXTS = (
    "You have three alarms: one at half past six on weekdays, one at eight on Saturday, and one at nine tomorrow.",
    "The timer for the pasta has four minutes and thirty seconds left, and the one for the oven has one hour left.",
)
ROOM = Room(delay_ms=80, gain_db=-8)
HOPELESS = TrustSettings(most_residual_db=-100.0)


@pytest.fixture(scope="module")
def voice(weights: Path) -> Speaker:
    return Speaker()


@pytest.fixture(scope="module")
def answers(weights: Path) -> list[Pcm16]:
    """The same takes each time: what an answer covers of a person's words is what is judged."""
    return [take(text) for text in TEXTS]


@pytest.fixture
def stage() -> Scene:
    pipeline = VoicePipeline()
    return scene(pipeline.make_vad(), pipeline.listen_settings())


@pytest.fixture(params=["kalman", "webrtc"])
def canceller(request: pytest.FixtureRequest) -> EchoCanceller:
    made: EchoCanceller = backends.load("echo", request.param)()
    return made


def placed(voice: Speaker, answers: list[Pcm16]) -> tuple[list[tuple[int, Pcm16]], int]:
    """The answers one behind the other, and the sample at which the last is over."""
    found, at = [], RATE_HZ
    for answer in answers:
        found.append((at, answer))
        at += answer.size * RATE_HZ // voice.pipeline.tts.rate_hz + RATE_HZ
    return found, at


def test_a_canceller_takes_out_the_loudspeaker_and_leaves_a_room_alone(canceller: EchoCanceller) -> None:
    random = np.random.default_rng(1)
    far = pcm(random.normal(0, 3000, 6 * RATE_HZ))
    echo = np.concatenate([np.zeros(960), far[:-960] * 0.4])
    near = pcm(echo + noise(far.size))
    frames = zip(near.reshape(-1, 160), far.reshape(-1, 160), strict=True)
    clean = np.concatenate([canceller.cancel(n, f) for n, f in frames])
    assert clean.dtype == np.int16 and clean.size == near.size
    assert level_db(near[-RATE_HZ:]) - level_db(clean[-RATE_HZ:]) > 15
    quiet = pcm(noise(RATE_HZ, seed=9))
    still = np.concatenate([canceller.cancel(n, np.zeros(160, np.int16)) for n in quiet.reshape(-1, 160)])
    assert abs(level_db(still[8000:]) - level_db(quiet[8000:])) < 6
    canceller.close()
    canceller.close()


@pytest.mark.parametrize("room", [ROOM, Room(delay_ms=240, gain_db=-3, drift_ppm=100), Room(20, -20, -100)], ids=str)
def test_an_answer_alone_is_nothing_to_hear(voice: Speaker, answers: list[Pcm16], stage: Scene, room: Room) -> None:
    sounds, end = placed(voice, answers)
    found = stage.run(room, sounds, voice.pipeline.tts.rate_hz, np.zeros(end))
    assert found.events == [] and found.ended_at == []
    assert found.erle_db(3 * RATE_HZ, end - RATE_HZ) > 12
    assert found.path.trust.is_trusted and found.path.missing == 0


def test_without_cancellation_the_same_answer_is_heard(voice: Speaker, answers: list[Pcm16], stage: Scene) -> None:
    stage.listener.echo = None
    sounds, end = placed(voice, answers)
    found = stage.run(ROOM, sounds, voice.pipeline.tts.rate_hz, np.zeros(end), interrupts=False)
    assert Kind.SPEECH in {event.kind for event in found.events}


@pytest.mark.parametrize("ratio_db", [15, 8])
def test_a_person_over_an_answer_ends_it_and_is_understood(
    voice: Speaker, answers: list[Pcm16], stage: Scene, recordings: Path, ratio_db: int
) -> None:
    said = person(recordings / "commands" / "what_time_is_it.wav").astype(float)
    sounds, end = placed(voice, answers)
    at = sounds[1][0] + 2 * RATE_HZ
    heard: Sound = np.zeros(end + RATE_HZ)
    heard[at : at + said.size] = said * 10 ** ((-30 - level_db(said)) / 20)
    room = Room(80, -30 - ratio_db - level_db(answers[1]))
    found = stage.run(room, sounds, voice.pipeline.tts.rate_hz, heard)
    [ended] = found.ended_at
    assert at < ended < at + said.size
    [last] = [event for event in found.events if event.kind is Kind.ENDPOINT]
    text = voice.pipeline.stt.transcribe(last.audio).text
    assert "what time is it" in text.lower()
    assert last.start < at + RATE_HZ // 10, "the pre-roll has the first word"


def test_an_echo_that_is_too_strong_is_not_spoken_over_until_it_is_weaker(voice: Speaker, answers: list[Pcm16]) -> None:
    pipeline = VoicePipeline()
    trust = EchoTrust(HOPELESS)
    stage = scene(pipeline.make_vad(), pipeline.listen_settings(), trust)
    interruption = Interruption(InterruptionSettings(ANY_SPEECH, has_wake=True), stage.path)
    sounds, end = placed(voice, answers)
    person_over = np.zeros(end)
    at = sounds[1][0] + RATE_HZ
    person_over[at : at + RATE_HZ] = np.random.default_rng(2).normal(0, 4000, RATE_HZ)
    found = stage.run(ROOM, sounds, voice.pipeline.tts.rate_hz, person_over)
    assert found.ended_at == [] and found.events == []
    assert interruption.by == WAKE_WORD and interruption.is_fallen_back
    assert "too loud" in interruption.why and "limit -85" in interruption.why, "15 dB are the room's at most"
    trust.settings = TrustSettings()
    stage.run(ROOM, sounds, voice.pipeline.tts.rate_hz, np.zeros(end))
    assert interruption.by == ANY_SPEECH and interruption.why == ""


def test_without_a_canceller_nothing_over_an_answer_is_believed(voice: Speaker, answers: list[Pcm16]) -> None:
    pipeline = VoicePipeline()
    stage = scene(pipeline.make_vad(), pipeline.listen_settings())
    stage.listener.echo = stage.path = path = EchoPath(None, stage.far_end, stage.past)
    stage.hear = path.hear
    sounds, end = placed(voice, answers)
    found = stage.run(ROOM, sounds, voice.pipeline.tts.rate_hz, np.zeros(end))
    assert found.events == []
    assert Interruption(InterruptionSettings(), stage.path).by == NOTHING


class Refusing:
    def cancel(self, near: Pcm16, far: Pcm16) -> Pcm16:
        raise RuntimeError("no")

    def close(self) -> None:
        """Nothing."""


def test_a_canceller_that_fails_is_counted_and_nothing_is_believed(voice: Speaker, answers: list[Pcm16]) -> None:
    pipeline = VoicePipeline()
    stage = scene(pipeline.make_vad(), pipeline.listen_settings())
    stage.listener.echo = stage.path = path = EchoPath(Stages(Refusing(), Refusing()), stage.far_end, stage.past)
    stage.hear = path.hear
    sounds, end = placed(voice, answers[:1])
    found = stage.run(ROOM, sounds, voice.pipeline.tts.rate_hz, np.zeros(end))
    assert found.events == [] and stage.path.failures > 100


def test_while_nothing_plays_the_frame_is_the_microphones_own(stage: Scene) -> None:
    frame = np.ones(160, np.int16)
    assert stage.path.hear(frame, 160, in_speech=False) is frame
    assert stage.path.believes() and stage.path.frames == 0


def test_what_was_heard_is_restored_over_the_rings_own(voice: Speaker, answers: list[Pcm16], stage: Scene) -> None:
    sounds, end = placed(voice, answers[:1])
    found = stage.run(ROOM, sounds, voice.pipeline.tts.rate_hz, np.zeros(end))
    whole = stage.listener.heard(0, found.clean.size)
    assert level_db(whole[3 * RATE_HZ : 5 * RATE_HZ]) < level_db(found.near[3 * RATE_HZ : 5 * RATE_HZ]) - 15
    np.testing.assert_array_equal(whole[: RATE_HZ // 2], found.near[: RATE_HZ // 2])


class Playing:
    """A path whose verdicts the test gives."""

    def __init__(self) -> None:
        self.now = True
        self.ended = 0

    def interruption(self, by: str, has_wake: bool = False) -> Interruption:
        path = EchoPath(None, _nothing(), _nothing())  # type: ignore[arg-type]
        path.trust.is_trusted = True
        return Interruption(InterruptionSettings(by, has_wake), path, lambda: self.now, self._end)

    def _end(self) -> None:
        self.ended += 1


def _nothing() -> object:
    return object()


@pytest.mark.parametrize(("by", "ends"), [(ANY_SPEECH, 1), (WAKE_WORD, 0), (NOTHING, 0)])
def test_who_may_end_an_answer(by: str, ends: int) -> None:
    playing = Playing()
    interruption = playing.interruption(by, has_wake=True)
    for _ in range(60):
        interruption.on_voice(True, True)
    assert playing.ended == ends
    interruption.on_wake()
    assert playing.ended == (by != NOTHING) and interruption.count == playing.ended


def test_an_answer_is_ended_once_and_the_next_one_again() -> None:
    playing = Playing()
    interruption = playing.interruption(ANY_SPEECH)
    for _ in range(2):
        playing.now = True
        for _ in range(60):
            interruption.on_voice(True, True)
        playing.now = False
        interruption.on_voice(False, False)
    assert (playing.ended, interruption.by_speech) == (2, 2)


def test_the_answer_behind_one_that_was_ended_before_it_sounded_is_ended_too() -> None:
    """No frame had the loudspeaker in it meanwhile, so that nobody was told that the first was over."""
    answers, ended = [["first"], ["second"]], []
    interruption = Playing().interruption(ANY_SPEECH, has_wake=True)
    interruption.end = lambda: ended.append(answers[0])
    interruption.playing = lambda: answers[0]
    for _ in range(2):
        interruption.on_event(spoken(Kind.SPEECH))
        interruption.on_wake()
        answers.pop(0) if len(answers) > 1 else None
    assert ended == [["first"], ["second"]] and interruption.count == 2


def spoken(kind: Kind, wake: str = "") -> TurnEvent:
    return TurnEvent(kind, 16_000, 0, 1000, 8000, 1, wake=wake)


@pytest.mark.parametrize("by", [ANY_SPEECH, WAKE_WORD])
@pytest.mark.parametrize("is_heard_first", [False, True])
def test_what_a_word_over_an_answer_calls_for_interrupts_it(by: str, is_heard_first: bool) -> None:
    """The answer is over when the utterance behind the word begins."""
    playing = Playing()
    interruption = playing.interruption(by, has_wake=True)
    if is_heard_first and by == ANY_SPEECH:
        interruption.on_event(spoken(Kind.SPEECH))  # of the word itself, taken for speech over the answer
        playing.now = False
    interruption.on_wake()
    playing.now = False
    said = [interruption.on_event(spoken(kind, "hey_jarvis")) for kind in (Kind.SPEECH, Kind.PAUSE, Kind.ENDPOINT)]
    assert [event.interrupts for event in said] == [True] * 3
    interruption.on_wake()
    later = [interruption.on_event(spoken(kind, "hey_jarvis")) for kind in (Kind.SPEECH, Kind.ENDPOINT)]
    assert not any(event.interrupts for event in later)


def test_a_word_that_nobody_spoke_behind_marks_nothing_later() -> None:
    playing = Playing()
    interruption = playing.interruption(WAKE_WORD, has_wake=True)
    interruption.on_wake()
    playing.now = False
    assert not interruption.on_event(spoken(Kind.SPEECH)).interrupts
    interruption.on_wake()
    assert not interruption.on_event(spoken(Kind.SPEECH, "hey_jarvis")).interrupts


def echoes(voice: Pcm16, delay: int) -> Sound:
    """An answer at 16 kHz in the microphone of a quiet room, so many samples late."""
    heard = ROOM.loudspeaker(voice, VOICE_HZ)
    return np.pad(convolved(heard, ROOM.response())[: heard.size], (delay, 0))[: heard.size] + noise(heard.size)


def test_a_delay_that_is_told_otherwise_with_the_next_answer_is_followed_at_once(answers: list[Pcm16]) -> None:
    """Both ways and by more than a sample: what was learnt of the room is moved; over the same words it was lost."""
    canceller = KalmanEcho()
    far = pcm(ROOM.loudspeaker(answers[0], VOICE_HZ))
    for count, (delay, least_db) in enumerate([(40, -3.0), (19, 12.0), (51, 12.0), (50, 12.0)]):
        near = pcm(echoes(answers[0], delay))
        pairs = zip(near[: 4 * RATE_HZ].reshape(-1, 160), far[: 4 * RATE_HZ].reshape(-1, 160), strict=True)
        clean = np.concatenate([canceller.cancel(n, f) for n, f in pairs])
        first = slice(RATE_HZ, 2 * RATE_HZ)
        assert level_db(near[first]) - level_db(clean[first]) > least_db
        assert canceller.moved >= min(count, 2)


def test_who_speaks_over_an_answer_moves_nothing(answers: list[Pcm16], recordings: Path) -> None:
    canceller = KalmanEcho()
    far = pcm(ROOM.loudspeaker(answers[0], VOICE_HZ))
    said = person(recordings / "commands" / "what_time_is_it.wav").astype(float)
    near = echoes(answers[0], 40)
    for begin in range(3 * RATE_HZ, near.size - said.size, said.size):
        near[begin : begin + said.size] += said
    heard = pcm(near)
    count = heard.size // 160 * 160
    frames = list(zip(heard[:count].reshape(-1, 160), far[:count].reshape(-1, 160), strict=True))
    for n, f in frames[:300]:
        canceller.cancel(n, f)
    moved, power = canceller.moved, float(np.abs(canceller._response).sum())
    for n, f in frames[300:]:
        canceller.cancel(n, f)
    assert canceller.moved == moved and float(np.abs(canceller._response).sum()) > power / 2
