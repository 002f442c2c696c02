"""A wake word through the whole walk: what follows it is answered, whole, and nothing else is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wake_lab import PHRASES, Speaker, person, written

from firmware_py.config import from_text

pytest.importorskip("pymicro_wakeword", reason="pip install 'rtva[wake]' runs this")
Rtva = Callable[..., "subprocess.CompletedProcess[str]"]
COMMANDS = {
    "What time is it?": "time",
    "Flip a coin.": "coin",
    "What is the date today?": "date",
    "Turn the volume up.": "volume_up",
}


@pytest.fixture(scope="module")
def speaker(weights: Path) -> Speaker:
    return Speaker()


@pytest.fixture
def asked(rtva: Rtva, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    config = tmp_path / "config.yaml"
    config.write_text(f"wake:\n  words: [{', '.join(PHRASES)}]\n")

    def ask(*files: Path, pace: str = "fast") -> list[dict[str, Any]]:
        done = rtva("ask", *files, "--wake", "--config", config, "--pace", pace, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return ask


@pytest.mark.parametrize("rest_s", [0.0, 0.2, 0.5, 0.8, 1.5])
def test_a_word_and_a_request_in_one_breath_or_apart(
    asked: Callable[..., Any], speaker: Speaker, tmp_path: Path, rest_s: float
) -> None:
    files, expected = [], []
    for word, (text, intent) in zip(PHRASES, COMMANDS.items(), strict=True):
        behind = (rest_s, speaker.say(text))
        files.append(written(tmp_path / f"{word}.wav", speaker.word(word, *behind), *behind))
        expected.append((word, intent))
    assert [(turn["wake"], turn["intent"]) for turn in asked(*files)] == expected


def test_people_are_understood_behind_the_word(
    asked: Callable[..., Any], speaker: Speaker, recordings: Path, tmp_path: Path
) -> None:
    said = person(recordings / "commands" / "what_time_is_it.wav")
    files = [written(tmp_path / f"{word}.wav", speaker.word(word, said), said) for word in PHRASES]
    turns = asked(*files)
    assert [turn["intent"] for turn in turns] == ["time"] * 4
    assert {turn["transcript"].strip(" .?").lower() for turn in turns} == {"what time is it"}


@pytest.mark.parametrize("rest_s", [0.3, 0.45, 0.6, 0.75, 0.9])
def test_a_persons_word_and_command_with_a_short_rest_lose_nothing(
    asked: Callable[..., Any], recordings: Path, tmp_path: Path, rest_s: float
) -> None:
    """This word's network holds on to it for more than a second: it is one word all the same."""
    word = person(recordings / "commands" / "hey_mycroft.wav")
    alone, behind = [], []
    for name in ("turn_on_living_room_lamp", "what_time_is_it"):
        said = person(recordings / "commands" / f"{name}.wav")
        alone.append(written(tmp_path / f"{name}.wav", word, 1.5, said))
        behind.append(written(tmp_path / f"{name}_behind.wav", word, rest_s, said))
    expected = [turn["transcript"].lower() for turn in asked(*alone)]
    assert [turn["transcript"].lower() for turn in asked(*behind)] == expected
    assert "time" in expected[1] and expected[0].split()[0] == "turn"


def test_both_paces_take_the_same_sound(asked: Callable[..., Any], speaker: Speaker, tmp_path: Path) -> None:
    said = speaker.say("What is twelve times seven?")
    file = written(tmp_path / "a.wav", speaker.word("hey_jarvis", said), said)
    [fast], [real] = asked(file), asked(file, pace="real")
    assert fast["transcript"] == real["transcript"] and fast["reply"] == real["reply"] == "12 times 7 is 84."
    for mark in ("speech_start", "speech_end"):
        assert fast["marks_ms"][mark] == pytest.approx(real["marks_ms"][mark], abs=1.0)


def test_without_the_word_nobody_is_answered(
    asked: Callable[..., Any], speaker: Speaker, recordings: Path, tmp_path: Path
) -> None:
    own = written(tmp_path / "voice.wav", speaker.say("What time is it?"), 1.0, speaker.say("Hey Marvin, stop."))
    turns = asked(own, recordings / "commands" / "what_time_is_it.wav", recordings / "jfk.wav")
    assert [(t["transcript"], t["reply"]) for t in turns] == [("", "")] * 3


def test_one_word_is_for_one_sentence(asked: Callable[..., Any], speaker: Speaker, tmp_path: Path) -> None:
    coin = speaker.say("Flip a coin.")
    behind = (coin, 2.0, speaker.say("What time is it?"))
    file = written(tmp_path / "a.wav", speaker.word("alexa", *behind), *behind)
    assert [turn["intent"] for turn in asked(file)] == ["coin"]


def test_a_question_back_is_answered_without_the_word(
    asked: Callable[..., Any], speaker: Speaker, tmp_path: Path
) -> None:
    start, minutes = speaker.say("Set a timer."), speaker.say("Ten minutes.")
    jarvis = speaker.word("hey_jarvis", start)
    file = written(tmp_path / "a.wav", jarvis, start, 3.0, minutes)
    first, second = asked(file)
    assert first["reply"].endswith("?") and first["wake"] == "hey_jarvis"
    assert second["wake"] == "follow_up" and "10 minutes" in second["reply"]
    late = written(tmp_path / "b.wav", jarvis, start, 20.0, minutes)
    assert len(asked(late)) == 1, "the window is over"


def test_words_are_checked_in_the_configuration() -> None:
    assert from_text("wake: {words: [alexa, /etc/rtva/computer.json]}").wake.words[1] == "/etc/rtva/computer.json"
    for bad in ("[]", "[computer]", "alexa", "[7]"):
        with pytest.raises(ValueError, match=r"wake\.words"):
            from_text(f"wake: {{words: {bad}}}")
