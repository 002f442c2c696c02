"""What rings steps back while somebody speaks or is answered, and comes back; stop ends it, whatever is on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from status_lab import eventually
from wake_lab import Speaker, written

from firmware_py.agenda.agenda import Agenda
from firmware_py.agenda.entries import RINGING, TIMER
from firmware_py.app import Observers, running, wait_until_answered
from firmware_py.audio.beside import Beside
from firmware_py.audio.play import Player
from firmware_py.audio.playback import Playback
from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.config import from_text
from firmware_py.events import Kind, Pcm16, State, TurnEvent, TurnTrace
from firmware_py.pipeline import VoicePipeline
from firmware_py.service.ringer import Ringer

RATE_HZ = 16_000
TONE_HZ = 3000.0
"""Above what the voice has much of, so that the level of what rings can be told through an answer."""


def tone(seconds: float, rate_hz: int = RATE_HZ) -> Pcm16:
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    pcm: Pcm16 = np.rint(8000 * np.sin(2 * np.pi * TONE_HZ * at)).astype(np.int16)
    return pcm


def pieces(sound: Pcm16, size: int = 320) -> Iterator[Pcm16]:
    return (sound[start : start + size] for start in range(0, sound.size, size))


def levels(sound: Pcm16, rate_hz: int, window_s: float = 0.1) -> list[float]:
    """Amplitude of the tone in each window."""
    size = int(window_s * rate_hz)
    whole = sound[: sound.size // size * size].astype(np.float64).reshape(-1, size)
    turn = np.exp(-2j * np.pi * TONE_HZ * np.arange(size) / rate_hz)
    return [float(2 * abs(np.mean(frame * turn))) for frame in whole]


@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=8), length=st.integers(0, 3000))
def test_a_long_sound_is_heard_whole_whatever_its_pieces(sizes: list[int], length: int) -> None:
    sound, ends = np.arange(length, dtype=np.int16), []
    beside = Beside(RATE_HZ)
    beside.begin(pieces(sound, sizes[0]), lambda: ends.append(1))
    heard: list[Pcm16] = []
    for number in range(4000):
        heard.append(beside.mix(np.zeros(sizes[number % len(sizes)], np.int16)))
        if not beside.has_sound:
            break
    whole = np.concatenate(heard)
    np.testing.assert_array_equal(whole[:length], sound)
    assert not whole[length:].any() and ends == [1]


def test_it_fades_and_does_not_jump() -> None:
    beside = Beside(RATE_HZ)
    beside.begin(pieces(np.full(RATE_HZ, 10_000, np.int16)), lambda: None)
    heard = [beside.mix(np.zeros(160, np.int16), gain) for gain in [1.0] * 10 + [0.1] * 20 + [1.0] * 20]
    whole = np.concatenate(heard).astype(int)
    assert np.abs(np.diff(whole)).max() < 20 and whole[28 * 160] == 1000 and whole[-1] == 10_000


def test_a_voice_that_is_slow_does_not_make_what_rings_stutter() -> None:
    heard: list[Pcm16] = []
    speaker = VirtualSpeaker(RATE_HZ, on_samples=heard.append)
    player = Player(speaker)
    player.ducking.gain = 0.5
    player.start()

    def slow() -> Iterator[Pcm16]:
        yield np.zeros(1600, np.int16)
        time.sleep(0.6)
        yield np.zeros(1600, np.int16)

    player.under(pieces(tone(2.0)))
    time.sleep(0.2)
    answer: Playback = player.play(slow())
    assert answer.wait(10)
    eventually(lambda: not player.is_sounding)
    player.stop()
    found = levels(np.concatenate(heard), RATE_HZ)[1:19]
    assert min(found) > 3000 and max(found[:2]) > 7500 and min(found[6:9]) < 4500 and max(found[-3:]) > 7500
    assert answer.played == 3200


@pytest.fixture(scope="module")
def speaker(weights: Path) -> Speaker:
    return Speaker()


def test_it_steps_back_for_who_speaks_and_is_answered_and_comes_back(speaker: Speaker, tmp_path: Path) -> None:
    """Real engines and threads: a tone of twelve seconds, a question two seconds after it began."""
    file = written(tmp_path / "ask.wav", 2.0, speaker.say("What is twelve times seven?"), 4.0)
    traces: list[TurnTrace] = []
    marks: dict[str, int] = {}
    heard: list[Pcm16] = []

    def on_event(event: TurnEvent) -> None:
        marks.setdefault(event.kind.value, sum(map(len, heard)))

    with VoicePipeline(from_text("sounds: {duck_db: 20}")) as pipeline:
        pipeline.initialize_components()
        rate_hz = pipeline.tts.rate_hz
        microphone = RecordingMicrophone(file, pace="real", silence_after=True)
        device = VirtualSpeaker(rate_hz, on_samples=heard.append)
        states: list[State] = []
        observers = Observers(on_turn=traces.append, on_event=on_event, on_state=states.append)
        with running(pipeline, microphone, device, observers) as appliance:
            appliance.between_turns(lambda: appliance.sound_under(pieces(tone(12.0, rate_hz), 441)))
            wait_until_answered(appliance, microphone)
            answered = sum(map(len, heard))
            eventually(lambda: not appliance.player.is_sounding, "the tone ends", 30)
            eventually(lambda: states[-1] is State.IDLE)
    assert [t.reply for t in traces] == ["12 times 7 is 84."]
    found = levels(np.concatenate(heard), rate_hz)
    window = rate_hz // 10
    begin, end = marks[Kind.SPEECH.value] // window, answered // window
    assert min(found[2 : begin - 1]) > 7000, "loud before"
    assert max(found[begin + 4 : begin + 12]) < 1600, "soft, not silent, while somebody speaks"
    assert min(found[begin + 4 : begin + 12]) > 300
    play = int((traces[0].between_ms("play_first", "endpoint") or 0) / 100)
    assert play < 50
    assert max(found[end + 5 :][:20]) > 7000, "loud again behind the answer"
    assert min(found[2:110]) > 100, "never silent"


@pytest.mark.parametrize("word", ["Stop.", "Cancel."])
def test_stop_ends_what_rings_while_it_rings(speaker: Speaker, tmp_path: Path, word: str) -> None:
    file = written(tmp_path / "stop.wav", 1.5, speaker.say(word))
    traces: list[TurnTrace] = []
    heard: list[Pcm16] = []
    with VoicePipeline(from_text("")) as pipeline:
        pipeline.agenda = agenda = Agenda()
        pipeline.initialize_components()
        microphone = RecordingMicrophone(file, pace="real", silence_after=True)
        device = VirtualSpeaker(pipeline.tts.rate_hz, on_samples=heard.append)
        with running(pipeline, microphone, device, Observers(on_turn=traces.append)) as appliance:
            ringer = Ringer(appliance)
            agenda.count_down(TIMER, "tea", 0.1)
            eventually(lambda: agenda.settle())
            ringer(agenda.entries(phase=RINGING))
            eventually(lambda: appliance.player.is_sounding, "it rings", 30)
            wait_until_answered(appliance, microphone)
            eventually(lambda: not appliance.player.is_sounding, "nothing rings any more", 10)
    assert [(t.intent, t.reply) for t in traces] == [("cancel", "Okay.")]
    assert agenda.entries(phase=None) == [] and sum(map(len, heard)) > 0


def test_an_answer_gives_way_where_the_word_does_not_end_it(speaker: Speaker, tmp_path: Path) -> None:
    pytest.importorskip("pymicro_wakeword", reason="pip install 'rtva[wake]' runs this")
    ask = speaker.say("What can you do?")
    stop = speaker.say("Stop.")
    again = (speaker.word("hey_jarvis", stop), stop)
    first = speaker.word("hey_jarvis", ask, 5.0, stop)
    file = written(tmp_path / "a.wav", first, ask, 4.0, *again)
    gains: list[float] = []
    config = "wake: {enabled: true, words: [hey_jarvis]}\ninterruption: {by: nothing}\nsounds: {wake: false}"
    with VoicePipeline(from_text(config)) as pipeline:
        pipeline.initialize_components()
        microphone = RecordingMicrophone(file, pace="real", silence_after=True)
        device = VirtualSpeaker(pipeline.tts.rate_hz)
        with running(pipeline, microphone, device) as appliance:
            until = time.monotonic() + 60
            while time.monotonic() < until and not (microphone.ended and appliance.is_quiet()):
                player: Any = appliance.player
                if player.is_playing:
                    gains.append(round(player._answer_gain, 2))
                time.sleep(0.02)
    assert gains[0] == 1.0 and min(gains) == 0.13, "softer by 18 dB"


def test_stop_closes_a_question_by_voice_and_by_command() -> None:
    """Said, or commanded (``rtva stop``): the answer that comes later is to nothing any more."""
    from firmware_py.nlu.hassil import HassilUnderstanding
    from firmware_py.respond.responder import Responder

    understanding = HassilUnderstanding()
    for end in ("stop", "cancel", None):
        responder = Responder(exact=understanding.exact)

        def say(text: str, to: Responder = responder) -> str:
            reply = to.prepare(understanding.understand(text))
            to.commit(reply)
            return reply.text

        assert say("set a timer") == "For how long?"
        if end:
            assert say(end) == "Okay."
        else:
            responder.close_question()
        assert "starting now" not in say("ten minutes")
