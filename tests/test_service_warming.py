"""What is rendered ahead: all fixed phrases, only while nobody speaks, and an end when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from status_lab import eventually

from firmware_py.errors import Unavailable, WorkerFailed
from firmware_py.pipeline import VoicePipeline
from firmware_py.respond import phrases
from firmware_py.respond.responder import Responder
from firmware_py.respond.skills import chance, clock, discover, talk, volume
from firmware_py.service import warming
from firmware_py.service.spare_sentences import SpareSentences
from firmware_py.service.warming import Warming, steps
from firmware_py.service.warming import phrases as phrases_of

OWN = """\
language: en
intents:
  Light:
    data:
      - sentences: ["light {where}"]
lists:
  where: {values: [hall]}
responses:
  intents:
    Light:
      default: "All right. The {where} is lit. Anything else?"
"""


class Speech:
    """Notes what it is to keep; refuses the first ``refusals`` times."""

    def __init__(self, refusals: int = 0) -> None:
        self.kept: list[str] = []
        self.refusals = refusals

    def keep(self, phrase: str, may_go_on: Callable[[], bool]) -> bool:
        assert may_go_on()
        if self.refusals:
            self.refusals -= 1
            return False
        self.kept.append(phrase)
        return True


def pipeline_of(speech: Any) -> Any:
    return SimpleNamespace(tts=speech, fixed_phrases=lambda: ("One.", "Two."))


def test_all_phrases_are_kept_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "RETRY_S", 0.001)
    speech = Speech(refusals=2)
    assert Warming([*phrases_of(pipeline_of(speech))], lambda: True).join(10)
    assert speech.kept == ["One.", "Two."]


def test_a_voice_that_fails_for_a_while_costs_the_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "AGAIN_S", 0.001)
    speech, failures = Speech(), iter([WorkerFailed("it died"), Unavailable("no sound")])

    def keep(phrase: str, may_go_on: Callable[[], bool]) -> bool:
        if (error := next(failures, None)) is not None:
            raise error
        return Speech.keep(speech, phrase, may_go_on)

    assert Warming([*phrases_of(pipeline_of(SimpleNamespace(keep=keep)))], lambda: True).join(10)
    assert speech.kept == ["One.", "Two."]


def test_it_waits_while_somebody_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "RETRY_S", 0.001)
    speech, is_quiet, asked = Speech(), threading.Event(), threading.Semaphore(0)

    def look() -> bool:
        asked.release()
        return is_quiet.is_set()

    warm = Warming([*phrases_of(pipeline_of(speech))], look)
    for _ in range(5):
        assert asked.acquire(timeout=10)
    assert speech.kept == []
    is_quiet.set()
    assert warm.join(10)
    assert speech.kept == ["One.", "Two."]


def test_it_ends_when_it_is_closed() -> None:
    warm = Warming([*phrases_of(pipeline_of(Speech()))], lambda: False)
    warm.close()
    assert warm.join(0)


def test_without_a_cache_it_does_nothing() -> None:
    assert list(phrases_of(pipeline_of(object()))) == []


@pytest.mark.parametrize(("warm", "has_voice", "wanted"), [(True, True, 4), (False, True, 2), (True, False, 1)])
def test_first_the_repair_then_the_spare_sentences_then_the_phrases(
    tmp_path: Path, warm: bool, has_voice: bool, wanted: int
) -> None:
    done: list[str] = []
    pipeline = pipeline_of(Speech())
    pipeline.understanding = SimpleNamespace(warm=lambda: done.append("repair"))
    pipeline.config = SimpleNamespace(tts=SimpleNamespace(cache=SimpleNamespace(warm=warm)))
    sentences = SpareSentences(tmp_path, {"sorry": "Sorry."})
    sentences.take(16_000, "key")
    pipeline.tts.synthesize = lambda text: done.append(text) or iter([np.ones(8, np.int16)])
    found = steps(pipeline, sentences if has_voice else None)
    assert len(found) == wanted
    assert Warming(found, lambda: True).join(10)
    assert done == ["repair", "Sorry."][: 1 + has_voice]
    assert pipeline.tts.kept == ["One.", "Two."][: wanted - 2 if has_voice else 0]


def test_the_phrases_are_what_the_skills_say() -> None:
    assert set(discover().phrases) >= {*talk.PHRASES, *volume.PHRASES, *chance.PHRASES, *clock.PHRASES}
    assert phrases.UNKNOWN in Responder().fixed_phrases()


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("Okay. The {where} is lit. Anything else?", ["Okay.", "Anything else?"]),
        ("{what} is off.", []),
        ("Done.", ["Done."]),
        ("", []),
    ],
)
def test_of_a_template_the_sentences_without_slots_are_fixed(template: str, parts: list[str]) -> None:
    assert list(phrases.fixed_parts(template)) == parts


def test_the_users_own_responses_are_warmed_too(tmp_path: Path) -> None:
    from firmware_py.config import from_text

    own = tmp_path / "own.yaml"
    own.write_text(OWN)
    with VoicePipeline(from_text(f"nlp: {{intents: [{own}]}}")) as pipeline:
        found = pipeline.fixed_phrases()
    assert {"All right.", "Anything else?", phrases.UNKNOWN} <= set(found)
    assert not any("{" in phrase for phrase in found)


def test_the_real_voice_is_warmed_and_answers_from_memory(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the walk's own pipeline: the engine is asked for what is new alone."""
    home = tmp_path / "home"
    home.mkdir()
    for entry in weights.iterdir():
        if entry.name != "cache":
            (home / entry.name).symlink_to(entry)
    monkeypatch.setenv("RTVA_HOME", str(home))
    with VoicePipeline() as pipeline:
        speech: Any = pipeline.tts
        assert speech.keep("Okay.")
        asked: list[str] = []
        voice: Any = pipeline.voice
        make = voice.synthesize
        monkeypatch.setattr(voice, "synthesize", lambda text: asked.append(text) or make(text))
        assert list(pipeline.tts.synthesize("Okay. Volume up."))
        assert asked == ["Volume up."]
        counts = pipeline.caches()["speech"]
        assert (counts["hits"], counts["misses"], counts["memory_entries"]) == (1, 1, 2)
        assert len(list((home / "cache" / "speech").iterdir())) == 1  # the fixed phrase alone
        assert pipeline.clear_caches() == 1
        assert eventually(lambda: pipeline.caches()["speech"]["memory_entries"] == 0)


def test_drafts_do_not_count_in_the_cache_of_replies() -> None:
    from firmware_py.events import Understood
    from firmware_py.respond.cache import ResponseCache

    responder = Responder(cache=ResponseCache())
    sum_of = Understood("two and two", "calculate", {"expression": "2 + 2"})
    for _ in range(3):
        reply = responder.prepare(sum_of)
    assert (responder.cache.counts.hits, responder.cache.counts.misses) == (0, 0)
    responder.commit(reply)
    assert responder.cache.counts.hits + responder.cache.counts.misses == 1
