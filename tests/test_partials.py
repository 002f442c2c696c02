"""Partial transcripts: the stable prefix, the stream, and the thread beside the walk."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_py.audio.recording import load
from firmware_py.config import Config
from firmware_py.errors import Cancelled, Unavailable
from firmware_py.events import Kind, Partial, Transcript, TurnEvent
from firmware_py.partials import Agreement, LivePartials, Stream
from firmware_py.pipeline import VoicePipeline

RATE = 16_000
WORDS = st.lists(st.sampled_from(["turn", "Turn", "on", "on,", "the", "lamp.", "Lamp", "-", "♪", "can't"]), max_size=6)


def pushed(*texts: str) -> list[tuple[str, str]]:
    agreement = Agreement()
    return [agreement.push(text) for text in texts]


def test_two_passes_agree_on_all_but_the_last_word() -> None:
    assert pushed("Turn", "Turn on the", "turn on the lamp", "Turn on the lamp.")[-1] == (
        "Turn on the lamp.",
        "Turn on the",
    )


def test_a_word_that_is_stable_is_not_taken_back() -> None:
    first, second, third = pushed("set a timer now", "set a timer for ten", "send it home by train")
    assert second == ("set a timer for ten", "set a timer")
    assert third == ("set a timer by train", "set a timer")
    assert first[1] == ""


def test_nothing_is_agreed_on_behind_a_disagreement() -> None:
    seen = pushed("set a timer for", "set a timer for", "get a timer for ten", "get a timer for ten minutes")
    assert [stable for _, stable in seen] == ["", "set a timer", "set a timer", "set a timer"]


@given(st.lists(WORDS, max_size=12))
def test_the_stable_prefix_only_grows(passes: list[list[str]]) -> None:
    before = ""
    agreement = Agreement()
    for words in passes:
        text, stable = agreement.push(" ".join(words))
        assert stable.split()[: len(before.split())] == before.split()
        assert stable.startswith(before)
        assert text.startswith(stable)
        before = stable


@given(st.lists(WORDS, min_size=2, max_size=8))
def test_every_stable_word_was_heard_in_two_passes_running(passes: list[list[str]]) -> None:
    agreement = Agreement()
    plain = [[w.strip("-♪,.").lower() for w in words if w.strip("-♪")] for words in passes]
    for words in passes:
        _, stable = agreement.push(" ".join(words))
    said = [w.strip(",.").lower() for w in stable.split()]
    pairs = itertools.pairwise(plain)
    common = [a for a, b in pairs for n in range(1, len(b)) if a[:n] == b[:n] and b[:n] == said]
    assert not said or common


class Slow:
    """Hears as many words as seconds; a pass takes ``pass_s`` and looks whether it is still wanted."""

    def __init__(self, pass_s: float = 0.0, failures: int = 0, error: Exception | None = None) -> None:
        self.pass_s, self.failures, self.began, self.cancelled = pass_s, failures, [], 0  # type: ignore[var-annotated]
        self.error = error or Unavailable("it is being replaced")

    def transcribe(self, audio: Any, *, is_cancelled: Callable[[], bool] | None = None) -> Transcript:
        self.began.append(time.monotonic())
        if self.failures:
            self.failures -= 1
            raise self.error
        until = time.monotonic() + self.pass_s
        while time.monotonic() < until:
            if is_cancelled is not None and is_cancelled():
                self.cancelled += 1
                raise Cancelled("draft abandoned")
            time.sleep(0.002)
        return Transcript(" ".join(f"word{n}" for n in range(1 + len(audio) // RATE)))

    def close(self) -> None: ...


def test_a_stream_tells_what_it_has_every_period() -> None:
    stream = Stream(Slow(), Slow(), period_ms=500)
    partials = [p for n in range(30) if (p := stream.push(np.zeros(RATE // 10, np.int16)))]
    assert [p.at_ms for p in partials] == [500, 1000, 1500, 2000, 2500, 3000]
    assert partials[-1] == Partial("word0 word1 word2 word3", "word0 word1 word2", 3000)
    assert stream.finish().text == "word0 word1 word2 word3"
    assert stream.push(np.zeros(RATE, np.int16)) == Partial("word0 word1", "", 1000)


def speech(kind: Kind, start: int = 0) -> TurnEvent:
    return TurnEvent(kind, start, start, start, start, 0)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def live(engine: Slow, told: list[Partial]) -> LivePartials:
    partials = LivePartials(engine, lambda start: np.zeros(RATE, np.int16), told.append, period_ms=20)
    partials.start()
    return partials


def test_an_idle_thread_makes_no_pass_and_a_pause_ends_them() -> None:
    engine, told = Slow(), list[Partial]()
    partials = live(engine, told)
    time.sleep(0.1)
    assert engine.began == []
    partials.on_event(speech(Kind.SPEECH))
    wait_for(lambda: len(told) > 2)
    partials.on_event(speech(Kind.PAUSE))
    time.sleep(0.1)
    count = len(engine.began)
    time.sleep(0.2)
    assert len(engine.began) == count
    partials.on_event(speech(Kind.RESUME))
    wait_for(lambda: len(engine.began) > count)
    partials.stop()


@pytest.mark.parametrize("end", [Kind.PAUSE, Kind.ENDPOINT, Kind.TOO_LONG])
def test_a_pass_in_progress_is_cancelled_and_not_told(end: Kind) -> None:
    engine, told = Slow(pass_s=30.0), list[Partial]()
    partials = live(engine, told)
    partials.on_event(speech(Kind.SPEECH))
    wait_for(lambda: len(engine.began) == 1)
    partials.on_event(speech(end))
    wait_for(lambda: engine.cancelled == 1)
    partials.stop()
    assert told == []


def test_a_slow_engine_is_asked_less_often() -> None:
    """A pass of five periods is followed by as long a rest."""
    engine, told = Slow(pass_s=0.1), list[Partial]()
    partials = live(engine, told)
    partials.on_event(speech(Kind.SPEECH))
    wait_for(lambda: len(told) >= 4)
    partials.stop()
    apart = np.diff(engine.began[:4])
    assert apart.min() > 0.18
    assert partials.skipped >= 4 * 4


@pytest.mark.parametrize("error", [Unavailable("being replaced"), RuntimeError("whatever an engine raises")])
def test_a_failing_engine_is_asked_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    engine, told = Slow(failures=2, error=error), list[Partial]()
    partials = live(engine, told)
    partials.on_event(speech(Kind.SPEECH))
    wait_for(lambda: len(told) >= 1)
    partials.stop()
    assert partials.errors == 2
    assert ("a pass for partial text failed" in caplog.text) == isinstance(error, RuntimeError)


def test_the_next_utterance_begins_with_nothing_stable() -> None:
    engine, told = Slow(), list[Partial]()
    partials = live(engine, told)
    partials.on_event(speech(Kind.SPEECH))
    wait_for(lambda: bool(told) and told[-1].stable != "")
    partials.on_event(speech(Kind.ENDPOINT))
    time.sleep(0.1)
    told.clear()
    partials.on_event(speech(Kind.SPEECH, 5))
    wait_for(lambda: bool(told))
    partials.stop()
    assert told[0].stable == ""


def test_stopping_ends_the_thread_whatever_it_does() -> None:
    partials = live(Slow(pass_s=30.0), [])
    partials.on_event(speech(Kind.SPEECH))
    time.sleep(0.05)
    partials.stop()
    assert "partials" not in {t.name for t in threading.enumerate()}


def test_real_speech_in_pieces(weights: Path, recordings: Path) -> None:
    audio = load(recordings / "commands" / "turn_on_living_room_lamp.wav")
    with VoicePipeline(Config.default().with_values({"stt.guided": False})) as pipeline:
        stream = pipeline.stream()
        partials = [p for at in range(0, audio.size, 1600) if (p := stream.push(audio[at : at + 1600]))]
        final = stream.finish()
        assert final == pipeline.stt.transcribe(audio)
    assert len(partials) == audio.size // 1600 * 1600 // 6400
    for before, after in itertools.pairwise(partials):
        assert after.stable.startswith(before.stable)
    assert partials[-1].stable.lower().startswith("turn on")


def test_the_command_line(weights: Path, recordings: Path, rtva: Callable[..., Any]) -> None:
    file = recordings / "commands" / "turn_on_living_room_lamp.wav"
    done = rtva("transcribe", file, "--partials", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["final"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert all(line["file"] == str(file) for line in lines)
    assert all(line["text"].startswith(line["stable"]) for line in lines[:-1])
    assert np.diff([line["at_ms"] for line in lines[:-1]]).max() <= 500
    assert lines[-1]["text"] == json.loads(rtva("transcribe", file, "--json").stdout)["text"]


def test_a_bad_file_is_one_final_object(rtva: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    done = rtva("transcribe", bad, "--partials", "--json")
    assert done.returncode == 65
    assert json.loads(done.stdout) == {"file": str(bad), "text": None, "stt_ms": None, "final": True} | {
        "error": json.loads(done.stdout)["error"]
    }
