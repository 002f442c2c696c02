"""Work beside other work, and the voice loaded beside recognition."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from firmware_py.beside import beside
from firmware_py.errors import Unavailable
from firmware_py.pipeline import VoicePipeline, in_process


def test_both_are_under_way_together_and_the_end_waits_for_both() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        assert go_on.wait(10)
        done.append("work")

    with beside(work, "beside-test"):
        assert begun.wait(10)
        done.append("block")
        go_on.set()
    assert done == ["block", "work"]


def test_what_either_raises_is_raised_and_the_blocks_own_comes_first() -> None:
    def fails() -> None:
        raise Unavailable("the voice")

    with pytest.raises(Unavailable, match="the voice"), beside(fails, "beside-test"):
        pass
    with pytest.raises(ValueError, match="the block"), beside(fails, "beside-test"):
        raise ValueError("the block")


def test_the_service_loads_the_voice_in_a_thread_of_its_own(weights: Path) -> None:
    made: dict[str, str] = {}

    def make(kind: str, name: str, arguments: dict[str, object]) -> object:
        made[kind] = threading.current_thread().name
        return in_process(kind, name, arguments)

    with VoicePipeline(make_engine=make) as pipeline:
        with beside(lambda: pipeline.tts.rate_hz, "load-voice"):
            pipeline.load_components()
        assert list(pipeline.speech.synthesize("Hello."))
    assert made["tts"] == "load-voice" and made["stt"] == threading.current_thread().name
