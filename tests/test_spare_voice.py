"""A dead voice: spare sentences, tones and light codes say what is wrong, and nothing depends on what failed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py.audio.tone import trouble
from firmware_py.errors import Cancelled, Unavailable, WorkerFailed
from firmware_py.events import Pcm16, State
from firmware_py.service.spare_sentences import VOICE_FAILED, SpareSentences
from firmware_py.service.spare_voice import RETRY_S, SpareVoice
from firmware_py.status.patterns import CODES, PATTERNS, pattern_for
from firmware_py.tts.cache import CachedSpeech

TEXTS = {"voice": VOICE_FAILED, "sorry": "Sorry."}


class Voice:
    """Says a text as so many samples as it has letters; ``error`` is raised behind the first ``good`` chunks."""

    def __init__(self, rate_hz: int = 16_000) -> None:
        self.rate_hz = rate_hz
        self.error: Exception | None = None
        self.good = 0
        self.asked: list[str] = []

    def synthesize(self, text: str, **options: Any) -> Iterator[Pcm16]:
        self.asked.append(text)
        for number in range(3):
            if self.error is not None and number == self.good:
                raise self.error
            yield np.full(len(text), number + 1, np.int16)


def said(chunks: Iterator[Pcm16]) -> Pcm16:
    return np.concatenate([*chunks, np.zeros(0, np.int16)])


def kept(folder: Path, voice: Voice | None = None) -> SpareSentences:
    sentences = SpareSentences(folder, TEXTS)
    made(sentences, voice or Voice())
    return sentences


def made(sentences: SpareSentences, voice: Voice, key: str = "key") -> int:
    """How many ``voice`` had to make."""
    missing = sentences.take(voice.rate_hz, key)
    assert sentences.make(voice)
    return missing


def test_sentences_are_made_once_and_again_for_another_voice(tmp_path: Path) -> None:
    voice = Voice()
    assert made(SpareSentences(tmp_path, TEXTS), voice) == 2 and voice.asked == list(TEXTS.values())
    assert made(SpareSentences(tmp_path, TEXTS), voice) == 0
    assert made(SpareSentences(tmp_path, TEXTS), Voice(22_050)) == 2, "another rate"
    assert made(SpareSentences(tmp_path, TEXTS), voice, "another") == 2
    assert len(list(tmp_path.glob("*.wav"))) == 2, "the old ones are gone"


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x24\0\0\0WAVEfmt ", b"\0" * 100, b"RIFF" + b"\xff" * 200])
def test_a_damaged_file_is_made_again_and_never_played(tmp_path: Path, content: bytes) -> None:
    kept(tmp_path)
    for file in tmp_path.glob("*.wav"):
        file.write_bytes(content)
    assert not SpareSentences(tmp_path, TEXTS).load()
    assert made(SpareSentences(tmp_path, TEXTS), Voice()) == 2
    assert SpareSentences(tmp_path, TEXTS).load()


def test_making_them_gives_way_within_a_chunk_and_goes_on_later(tmp_path: Path) -> None:
    voice, sentences = Voice(), SpareSentences(tmp_path, TEXTS)
    sentences.take(voice.rate_hz, "key")
    answers = iter([True, True, True, False])
    assert not sentences.make(voice, lambda: next(answers))
    assert sentences.sound(VOICE_FAILED) is not None and sentences.sound("Sorry.") is None
    assert [file.name.split("-")[0] for file in tmp_path.iterdir()] == ["voice"]
    assert sentences.make(voice) and voice.asked == [VOICE_FAILED, "Sorry.", "Sorry."]
    assert SpareSentences(tmp_path, TEXTS).take(voice.rate_hz, "key") == 0


def test_without_a_disk_they_last_as_long_as_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentences = SpareSentences(tmp_path / "file" / "below", TEXTS)
    assert made(sentences, Voice()) == 2
    assert sentences.sound("Sorry.") is not None


def test_the_one_before_goes_only_once_the_new_one_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("before", "now", "now"):
        sentences = SpareSentences(tmp_path, {"sorry": "Sorry."})
        sentences.take(16_000, key)
        before = sorted(tmp_path.iterdir())
        with monkeypatch.context() as patch:

            def refuse(*rest: object) -> int:
                raise OSError(28, "No space left on device")

            patch.setattr("firmware_py.service.spare_sentences.write_wav", refuse)
            sentences.make(Voice())
        assert sorted(tmp_path.iterdir()) == before
        sentences.take(16_000, key)
        sentences.make(Voice())
        assert len(list(tmp_path.iterdir())) == 1
    assert SpareSentences(tmp_path, {"sorry": "Sorry."}).load()


def test_a_voice_that_fails_is_replaced_and_comes_back(tmp_path: Path) -> None:
    voice, told = Voice(), []  # type: Voice, list[Exception | None]
    sentences = kept(tmp_path, voice)
    spare = SpareVoice(lambda: voice, sentences, told.append)
    assert said(spare.synthesize("Hello")).size == 15 and not told
    voice.error = WorkerFailed("tts is gone")
    heard = said(spare.synthesize("Hello"))
    alarm, words = said(trouble(16_000)), sentences.sound(VOICE_FAILED)
    assert words is not None and np.array_equal(heard, np.concatenate([alarm, words]))
    assert told == [voice.error] and spare.failures == 1
    assert np.array_equal(said(spare.synthesize("Sorry.")), sentences.sound("Sorry.")), "its own words, if kept"
    voice.error = None
    said(spare.synthesize("Hello"))
    assert told[-1] is None and spare.failure is None


def silent(text: str, **options: Any) -> Iterator[Pcm16]:
    return iter([np.zeros(400, np.int16)])


def test_a_voice_that_makes_no_sound_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice, told = Voice(), []  # type: Voice, list[Exception | None]
    spare = SpareVoice(lambda: voice, kept(tmp_path, voice), told.append)
    monkeypatch.setattr(voice, "synthesize", silent)
    heard = said(spare.synthesize("Hello"))
    assert heard.any() and spare.failures == 1 and "no sound" in str(spare.failure)
    assert not said(spare.synthesize("...")).any() and spare.failures == 1 and spare.failure, "no word, no proof"
    monkeypatch.undo()
    said(spare.synthesize("Hello"))
    assert spare.failure is None and told[-1] is None


def test_silence_is_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mute: Any = Voice()
    monkeypatch.setattr(mute, "synthesize", silent)
    sentences = SpareSentences(tmp_path, TEXTS)
    sentences.take(mute.rate_hz, "key")
    with pytest.raises(Unavailable, match="no sound"):
        sentences.make(mute)
    assert not list(tmp_path.glob("*.wav"))
    cached = CachedSpeech(mute, None)
    said(cached.synthesize("Hello."))
    monkeypatch.undo()
    assert said(cached.synthesize("Hello.")).any()


def test_a_voice_that_breaks_off_in_the_middle_says_so_behind_it(tmp_path: Path) -> None:
    voice = Voice()
    spare = SpareVoice(lambda: voice, kept(tmp_path, voice))
    said(spare.synthesize("Hello"))
    voice.error, voice.good = RuntimeError("native trouble"), 2
    heard = said(spare.synthesize("Hello"))
    assert heard[:10].tolist() == [1] * 5 + [2] * 5 and heard.size > 16_000


def test_a_draft_that_is_abandoned_is_no_failure(tmp_path: Path) -> None:
    voice = Voice()
    spare = SpareVoice(lambda: voice, kept(tmp_path, voice))
    voice.error = Cancelled("speech went on")
    with pytest.raises(Cancelled):
        said(spare.synthesize("Hello"))
    assert spare.failure is None


def test_kept_speech_does_not_prove_that_the_voice_works(tmp_path: Path) -> None:
    voice = Voice()
    spare = SpareVoice(lambda: voice, kept(tmp_path, voice))
    voice.misses = 0  # type: ignore[attr-defined]
    voice.error = WorkerFailed("gone")
    said(spare.synthesize("Hello"))
    voice.error = None
    said(spare.synthesize("Hello"))
    assert spare.failure is not None
    voice.misses = property(lambda self: len(self.asked))  # type: ignore[attr-defined]
    type(voice).misses = voice.misses  # type: ignore[attr-defined]
    del voice.__dict__["misses"]
    try:
        said(spare.synthesize("Hello"))
        assert spare.failure is None
    finally:
        del type(voice).misses  # type: ignore[attr-defined]


def test_without_weights_it_starts_with_what_an_earlier_start_made(tmp_path: Path) -> None:
    clock = [0.0]
    there: list[Voice] = []

    def make() -> Voice:
        if not there:
            raise Unavailable("the voice is not here")
        return there[0]

    with pytest.raises(Unavailable):
        SpareVoice(make, SpareSentences(tmp_path, TEXTS)).load()
    kept(tmp_path, Voice(22_050))
    spare = SpareVoice(make, SpareSentences(tmp_path, TEXTS), clock=lambda: clock[0])
    spare.load()
    assert spare.rate_hz == 22_050 and spare.failure is not None
    assert said(spare.synthesize("Hello")).size > 22_050
    there.append(Voice(22_050))
    clock[0] += RETRY_S + 1
    assert said(spare.synthesize("Hello")).size == 15 and spare.failure is None


def test_a_voice_of_another_rate_waits_for_a_restart(tmp_path: Path) -> None:
    sentences = kept(tmp_path, Voice(22_050))
    spare = SpareVoice(lambda: Voice(16_000), sentences)
    assert said(spare.synthesize("Hello")).size > 22_050
    assert "restart" in str(spare.failure)


def test_each_code_can_be_told_from_the_others_and_the_gravest_comes_first() -> None:
    assert pattern_for(State.DEGRADED, {"hot": 85.0, "voice": 1.0}) is CODES["voice"]
    assert pattern_for(State.DEGRADED, {"latency": 1.0}) is PATTERNS[State.DEGRADED]
    assert pattern_for(State.LISTENING, {"voice": 1.0}) is PATTERNS[State.LISTENING]
    shown = [*CODES.values(), *PATTERNS.values()]
    assert len({(each.colour, each.rhythm_ms) for each in shown}) == len(shown)
    assert [sum(CODES["slow_recognition"].at(ms)[0] for ms in range(0, 2750, 10))] == [60]
