"""espeak-ng as ``tts.engine: pyttsx3``: which voice is meant, what streams, and what is said when it is not there."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from firmware_py.config import Config
from firmware_py.errors import Unavailable
from firmware_py.pipeline import VoicePipeline
from firmware_py.tts import espeak, espeak_library
from firmware_py.tts.espeak import Espeak, candidates


@pytest.fixture(scope="module")
def installed() -> None:
    pytest.importorskip("espeakng_loader", reason="the extra pyttsx3 is not installed; 'make setup' brings it")


@pytest.mark.parametrize(
    ("voice", "names"),
    [
        ("en_US-joe-medium", ["en-us", "en"]),
        ("de_DE-eva_k-x_low", ["de-de", "de"]),
        ("/somewhere/en_GB-alan-low.onnx", ["en-gb", "en"]),
        ("en-gb+f3", ["en-gb+f3"]),
        ("fr", ["fr"]),
    ],
)
def test_a_piper_voice_stands_for_its_language(voice: str, names: list[str]) -> None:
    assert candidates(voice) == names


def test_a_voice_that_it_has_not_is_named_with_some_it_has(installed: None) -> None:
    with pytest.raises(Unavailable, match=r"no voice 'elvish'; there are: .* more") as caught:
        Espeak("elvish")
    assert "\n" not in str(caught.value)


def test_voices_sound_different_and_two_at_once_do_not_mix(installed: None) -> None:
    english, german = Espeak("en-us"), Espeak("de")
    text = "Knowledge through thorough thoughts though. " * 3  # a third longer in German
    alone = {v: np.concatenate(list(v.synthesize(text))) for v in (english, german)}
    assert alone[english].size < 0.8 * alone[german].size
    together: dict[Espeak, np.ndarray] = {}
    threads = [
        threading.Thread(target=lambda v=v: together.update({v: np.concatenate(list(v.synthesize(text)))}))
        for v in (english, german)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for voice, sound in alone.items():
        assert abs(together[voice].size - sound.size) < 0.05 * sound.size


def test_the_first_chunk_of_a_stream_is_a_small_part(installed: None) -> None:
    text = "The living room lamp is on, and the kitchen lamp is off."
    streamed = [chunk.size for chunk in Espeak().synthesize(text)]
    assert streamed[0] < sum(streamed) / 10
    assert len(list(Espeak(streaming=False).synthesize(text))) == 1


def test_a_piece_that_is_given_up_ends_its_thread(installed: None) -> None:
    answer = Espeak().synthesize("One two three four five six seven eight nine ten eleven twelve.")
    next(answer)
    answer.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name == "espeak"]


def test_what_the_library_raises_reaches_the_caller(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise Unavailable("espeak-ng failed with code 2")

    voice = Espeak()
    monkeypatch.setattr(voice._library, "say", broken)
    with pytest.raises(Unavailable, match="code 2"):
        list(voice.synthesize("Yes."))


def test_a_path_that_is_too_long_for_the_library_is_refused(installed: None) -> None:
    import ctypes

    import espeakng_loader

    with pytest.raises(Unavailable, match="path as long as"):
        espeak_library.EspeakLibrary(ctypes.CDLL(espeakng_loader.get_library_path()), "/x" * 100)


# When it is not there


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise Unavailable(f"espeak-ng: not installed; {espeak_library.INSTALL}")

    monkeypatch.setattr(espeak, "library", missing)


def test_piper_speaks_instead_and_the_note_says_how_to_install(weights: Path, absent: None) -> None:
    with VoicePipeline(Config.default().with_values({"tts.engine": "pyttsx3"})) as pipeline:
        assert pipeline.tts.rate_hz == 22050
        assert pipeline.tts_engine == "piper"
        assert any("rtva[pyttsx3]" in note and "using piper" in note for note in pipeline.notes)


def test_a_voice_of_the_other_engine_does_not_stop_the_substitute(weights: Path, absent: None, tmp_path: Path) -> None:
    values = {"tts.engine": "pyttsx3", "tts.voice": "en-gb"}
    with VoicePipeline(Config.default().with_values(values)) as pipeline:
        assert sum(chunk.size for chunk in pipeline.tts.synthesize("Yes.")) > 0
    coqui = {"tts.engine": "coqui", "tts.voice": f"{tmp_path}/"}
    with VoicePipeline(Config.default().with_values(coqui)) as pipeline:
        assert sum(chunk.size for chunk in pipeline.tts.synthesize("Yes.")) > 0
        assert [note for note in pipeline.notes if "coqui" in note and "using piper" in note]


def test_it_speaks_when_it_is_there(installed: None) -> None:
    with VoicePipeline(Config.default().with_values({"tts.engine": "pyttsx3"})) as pipeline:
        behind_the_cache = getattr(pipeline.tts, "_tts", pipeline.tts)
        assert isinstance(behind_the_cache, Espeak)
        assert sum(chunk.size for chunk in pipeline.tts.synthesize("Yes.")) > 0
        assert (pipeline.tts_engine, pipeline.notes) == ("pyttsx3", [])
