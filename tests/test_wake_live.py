"""The wake word in the real threads, at the pace of time: it opens the ear, and ends what is being said."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from status_lab import eventually
from wake_lab import Speaker, written

from firmware_py.app import Observers, running, wait_until_answered
from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.cli import top
from firmware_py.config import from_text
from firmware_py.events import TurnTrace, WakeHeard
from firmware_py.pipeline import VoicePipeline

pytest.importorskip("pymicro_wakeword", reason="pip install 'rtva[wake]' runs this")
CONFIG = "wake: {{enabled: true, words: [hey_jarvis]}}\ninterruption: {{by: {by}}}"


@pytest.fixture(scope="module")
def speaker(weights: Path) -> Speaker:
    return Speaker()


@pytest.fixture(scope="module")
def scene(speaker: Speaker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A question with a long answer, and four seconds later the word again and "stop"."""
    stop, ask = speaker.say("Stop."), speaker.say("What can you do?")
    again = (speaker.word("hey_jarvis", stop), stop)
    first = speaker.word("hey_jarvis", ask, 5.0, *again[1:])
    return written(tmp_path_factory.mktemp("scene") / "scene.wav", first, ask, 5.0, *again)


@pytest.mark.parametrize("interrupts", [True, False])
def test_the_word_ends_an_answer(scene: Path, interrupts: bool) -> None:
    traces: list[TurnTrace] = []
    heard: list[WakeHeard] = []
    with VoicePipeline(from_text(CONFIG.format(by="wake_word" if interrupts else "nothing"))) as pipeline:
        pipeline.initialize_components()
        microphone = RecordingMicrophone(scene, pace="real", silence_after=True)
        device = VirtualSpeaker(pipeline.tts.rate_hz)
        with running(pipeline, microphone, device, Observers(on_turn=traces.append, on_wake=heard.append)) as appliance:
            wait_until_answered(appliance, microphone)
            count = appliance.interruptions
        whole_s = sum(chunk.size for chunk in pipeline.tts.synthesize(traces[0].reply)) / pipeline.tts.rate_hz
    assert [h.word for h in heard if not h.is_near] == ["hey_jarvis"] * 2
    assert [t.intent for t in traces] == ["help", "cancel"]
    spoken_ms = traces[0].between_ms("play_done", "play_first")
    assert spoken_ms is not None and whole_s > 8, "the answer is longer than what comes before the second word"
    assert (spoken_ms < (whole_s - 1) * 1000) is interrupts
    assert count == int(interrupts) and (device.flushed > 0) is interrupts


def test_talk_opens_the_ear_without_the_word(speaker: Speaker, tmp_path: Path) -> None:
    file = written(tmp_path / "a.wav", 2.0, speaker.say("What is twelve times seven?"))
    for talks in (True, False):
        traces: list[TurnTrace] = []
        with VoicePipeline(from_text(CONFIG.format(by="wake_word"))) as pipeline:
            pipeline.initialize_components()
            microphone = RecordingMicrophone(file, pace="real", silence_after=True)
            device = VirtualSpeaker(pipeline.tts.rate_hz)
            with running(pipeline, microphone, device, Observers(on_turn=traces.append)) as appliance:
                if talks:
                    assert appliance.attention is not None
                    appliance.talk()
                    assert eventually(lambda: appliance.attention.is_open)  # type: ignore[union-attr]
                time.sleep(0.1)
                wait_until_answered(appliance, microphone)
        assert [(t.wake, t.reply) for t in traces] == ([("talk", "12 times 7 is 84.")] if talks else [])


def test_top_shows_what_was_heard_and_nearly() -> None:
    words = {"hey_jarvis": {"heard": 2, "near": 3}, "alexa": {"heard": 0, "near": 0}}
    told = {"words": words, "is_open": False, "last": {"word": "hey_jarvis", "score": 0.714, "is_near": True}}
    [line] = top._wake(told)
    assert line == "wake   asleep   hey_jarvis 2 heard, 3 near; alexa 0 heard, 0 near   last hey_jarvis 0.71"
    assert list(top._wake({})) == []
