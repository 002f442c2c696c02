"""One contract for an engine, wherever it runs: the fake ones and the real ones, in this process and in a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_engines import CountTts, EchoStt
from workers_lab import PATIENT, eventually, fake, no_leaks

from firmware_py import backends, models
from firmware_py.errors import Cancelled, Unavailable, WorkerFailed
from firmware_py.events import Transcript
from firmware_py.workers import SupervisedEngine, in_worker

FAKE = {"stt": EchoStt, "tts": CountTts}
PLACES = ["fake here", "fake in a worker", "real here", "real in a worker"]
TEXT = "It is ten past nine. The kettle is on."


def real(kind: str) -> tuple[str, dict[str, Any]]:
    if kind == "stt":
        return "whisper_cpp", {"model": models.resolve_stt("tiny.en", "int8").path}
    voice = models.resolve_voice("en_US-joe-medium")
    return "piper", {"onnx": voice.onnx, "config": voice.config}


@contextmanager
def engine_at(place: str, kind: str) -> Iterator[Any]:
    if place == "fake here":
        yield FAKE[kind]()
    elif place == "fake in a worker":
        with fake(kind) as engine:
            yield engine
    else:
        name, arguments = real(kind)
        make: Callable[..., Any] = backends.load(kind, name)
        with no_leaks() if "worker" in place else nothing():
            engine = in_worker(kind, name, arguments, PATIENT) if "worker" in place else make(**arguments)
            yield engine
            engine.close()
            engine.close()


@contextmanager
def nothing() -> Iterator[None]:
    yield


@pytest.fixture(scope="module", params=PLACES)
def stt(request: pytest.FixtureRequest) -> Iterator[Any]:
    if "real" in request.param:
        request.getfixturevalue("weights")
    with engine_at(request.param, "stt") as engine:
        yield engine


@pytest.fixture(scope="module", params=PLACES)
def tts(request: pytest.FixtureRequest) -> Iterator[Any]:
    if "real" in request.param:
        request.getfixturevalue("weights")
    with engine_at(request.param, "tts") as engine:
        yield engine


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_stt_answers_silence_with_a_transcript(stt: Any, dtype: Any) -> None:
    answer = stt.transcribe(np.zeros(16_000, dtype))
    assert type(answer) is Transcript and type(answer.guards) is tuple


def test_stt_hears_the_same_in_int16_and_in_float32(stt: Any, recordings: Path) -> None:
    import soundfile

    samples, _ = soundfile.read(recordings / "jfk.wav", dtype="int16", frames=2 * 16_000)
    whole, scaled = stt.transcribe(samples), stt.transcribe(samples.astype(np.float32) / 32768.0)
    if not isinstance(stt, EchoStt) and "whisper" in str(getattr(stt, "supervisor", "whisper")):
        assert whole.text == scaled.text != ""


def test_stt_takes_more_than_the_shared_memory_holds_at_first(stt: Any) -> None:
    assert type(stt.transcribe(np.zeros(150 * 16_000, np.float32))) is Transcript


def test_stt_asks_whether_it_was_cancelled(stt: Any) -> None:
    """It may finish, it may stop: but it stops with Cancelled alone, and serves on."""
    noise = (np.random.default_rng(1).normal(size=32_000) * 3000).astype(np.int16)
    try:
        assert type(stt.transcribe(noise, is_cancelled=lambda: True)) is Transcript
    except Cancelled:
        pass
    assert type(stt.transcribe(noise)) is Transcript


def test_tts_yields_int16_chunks_at_a_stated_rate(tts: Any) -> None:
    chunks = list(tts.synthesize(TEXT))
    assert chunks and all(c.dtype == np.int16 and c.ndim == 1 and c.size for c in chunks)
    assert isinstance(tts.rate_hz, int) and tts.rate_hz >= 8000


def test_tts_has_nothing_to_say_for_nothing(tts: Any) -> None:
    assert list(tts.synthesize("")) == []


def test_tts_can_be_stopped_and_speaks_again(tts: Any) -> None:
    for _ in range(3):
        chunks = tts.synthesize(TEXT)
        next(chunks)
        chunks.close()
    assert sum(c.size for c in tts.synthesize(TEXT)) > 0


@pytest.mark.parametrize("kind", ["stt", "tts"])
def test_a_real_engine_is_killed_and_answers_all_the_same(kind: str, weights: Path, recordings: Path) -> None:
    with engine_at("real in a worker", kind) as engine:
        eventually(lambda: engine.supervisor.snapshot()["standby"] == "imported")
        before = answer(engine, recordings)
        os.kill(engine.supervisor.snapshot()["pid"], signal.SIGKILL)
        after = answer(engine, recordings)
        assert after == before if kind == "stt" else abs(after - before) < before / 2  # a voice draws its rhythm anew
        assert engine.supervisor.counts["crashed"] == 1


def answer(engine: SupervisedEngine, recordings: Path) -> Any:
    if hasattr(engine, "synthesize"):
        chunks = engine.synthesize(TEXT)
        return sum(chunk.size for chunk in chunks)
    import soundfile

    samples, _ = soundfile.read(recordings / "jfk.wav", dtype="int16", frames=2 * 16_000)
    return engine.transcribe(samples).text


@pytest.mark.parametrize("kind", ["stt", "tts"])
def test_a_broken_file_is_refused_or_ends_the_worker_but_never_the_service(
    kind: str, weights: Path, tmp_path: Path
) -> None:
    name, arguments = real(kind)
    broken = tmp_path / "weights.bin"
    broken.write_bytes(os.urandom(1 << 16))
    arguments["model" if kind == "stt" else "onnx"] = broken
    with no_leaks(), pytest.raises(Exception) as caught:
        in_worker(kind, name, arguments, PATIENT).close()
    assert isinstance(caught.value, (Unavailable, WorkerFailed, ValueError, RuntimeError))
    missing = {**arguments, "model" if kind == "stt" else "onnx": tmp_path / "gone.bin"}
    with no_leaks(), pytest.raises(Unavailable, match=r"gone\.bin"):
        in_worker(kind, name, missing, PATIENT)
