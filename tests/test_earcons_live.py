"""The sound that says "I listen", in the real threads at the pace of time, in a room where the microphone hears it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from room_lab import Room
from status_lab import eventually
from wake_lab import Speaker, written

from firmware_py.app import Observers, running, wait_until_answered
from firmware_py.audio import tone
from firmware_py.config import from_text
from firmware_py.events import Kind, Pcm16, TurnEvent, TurnTrace
from firmware_py.pipeline import VoicePipeline

pytest.importorskip("pymicro_wakeword", reason="pip install 'rtva[wake]' runs this")
CONFIG = "wake: {{enabled: true, words: [hey_jarvis]}}\nsounds: {{wake: {wake}, done: true, volume: 100}}"


@pytest.fixture(scope="module")
def speaker(weights: Path) -> Speaker:
    return Speaker()


def walk(file: Path, wake: bool = True, gain: float = 0.5) -> tuple[list[TurnTrace], Room, list[TurnEvent]]:
    """The turns of a recording, and the room afterwards; ``gain`` is how loud the speaker comes back."""
    traces: list[TurnTrace] = []
    events: list[TurnEvent] = []
    with VoicePipeline(from_text(CONFIG.format(wake=str(wake).lower()))) as pipeline:
        pipeline.initialize_components()
        room = Room(file, pipeline.tts.rate_hz, gain=gain)
        observers = Observers(on_turn=traces.append, on_event=events.append)
        with running(pipeline, room.microphone, room.speaker, observers) as appliance:
            wait_until_answered(appliance, room.microphone)
    return traces, room, events


def where(name: str, room: Room) -> int:
    """The sample of what was played at which a sound begins, -1 when it is not in it."""
    sound, whole = tone.earcon(name, room.speaker.rate_hz).astype(float), room.sound.astype(float)
    if whole.size < sound.size:
        return -1
    size = 1 << (whole.size + sound.size).bit_length()
    match = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(sound, size)), size)
    at = int(match[: whole.size].argmax())
    return at if match[at] > 0.9 * float(sound @ sound) else -1


def test_one_breath_is_heard_whole_and_the_sound_is_not_played(speaker: Speaker, tmp_path: Path) -> None:
    said = speaker.say("What time is it?")
    file = written(tmp_path / "breath.wav", speaker.word("hey_jarvis", said), said)
    for wake in (True, False):
        [trace], room, _ = walk(file, wake)
        assert (trace.intent, trace.transcript.strip("?. ").lower()) == ("time", "what time is it")
        assert where("wake", room) < 0


@pytest.mark.parametrize("rest_s", [0.45, 0.8, 1.5])
def test_who_waits_hears_it_and_it_is_no_part_of_what_is_said(speaker: Speaker, tmp_path: Path, rest_s: float) -> None:
    """Behind the shortest of these rests the sound comes back while the person speaks, behind the longest before."""
    said = speaker.say("What is twelve times seven?")
    file = written(tmp_path / "rest.wav", speaker.word("hey_jarvis", rest_s, said), rest_s, said)
    [trace], room, _ = walk(file)
    assert (trace.reply, trace.intent) == ("12 times 7 is 84.", "calculate")
    assert where("wake", room) >= 0


def test_the_sound_alone_is_no_speech(speaker: Speaker, tmp_path: Path) -> None:
    """Nobody speaks behind the word; the sound comes back as loud as it was played."""
    file = written(tmp_path / "alone.wav", speaker.word("hey_jarvis", 5.0), 5.0)
    traces, room, events = walk(file, gain=1.0)
    assert where("wake", room) >= 0
    assert [e for e in events if e.kind is Kind.SPEECH] == [] and traces == []


def test_none_of_them_sets_the_listener_off(weights: Path) -> None:
    """All of them, at full scale and soft, in a quiet room and right behind each other: no utterance begins."""
    from firmware_py._ring import Ring
    from firmware_py.listen import Listener

    with VoicePipeline() as pipeline:
        for level in (1.0, 0.2):
            sounds: list[Pcm16] = []
            for name in (*tone.EARCON_NAMES, *tone.EARCON_NAMES):
                sounds += [tone.earcon(name, 16_000, level), np.zeros(1600, np.int16)]
            sound = np.concatenate([np.zeros(16_000, np.int16), *sounds, np.zeros(16_000, np.int16)])
            noise = np.random.default_rng(3).normal(0, 8, sound.size)
            ring = Ring(1 << 19)
            listener = Listener(ring, pipeline.make_vad(), pipeline.listen_settings(), lambda position: position)
            ring.write((sound + noise).clip(-32768, 32767).astype(np.int16))
            assert [event.kind for event in listener.decide()] == []


def test_a_press_is_followed_by_the_sound(speaker: Speaker, tmp_path: Path) -> None:
    file = written(tmp_path / "quiet.wav", 3.0)
    with VoicePipeline(from_text(CONFIG.format(wake="true"))) as pipeline:
        pipeline.initialize_components()
        room = Room(file, pipeline.tts.rate_hz)
        with running(pipeline, room.microphone, room.speaker) as appliance:
            appliance.talk()
            eventually(lambda: where("wake", room) >= 0)
