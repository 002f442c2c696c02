"""Announcements: bounded, behind people, and gone when somebody says stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from status_lab import eventually

from firmware_py.app import MOST_SAYS, Appliance
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.draft import Stations
from firmware_py.errors import Unavailable
from firmware_py.events import Pcm16, Reply, Transcript, Understood
from firmware_py.pipeline import VoicePipeline


@dataclass
class Silence:
    """A microphone in a quiet room."""

    lost: int = 0
    blocks: deque[int] = field(default_factory=deque)

    def read(self) -> Pcm16 | None:
        import time

        time.sleep(0.02)
        return np.zeros(320, np.int16)

    def close(self) -> None: ...


@dataclass
class Chatter:
    """All engines; each announcement is a second of sound."""

    rate_hz: int = 16_000
    said: list[str] = field(default_factory=list)

    def synthesize(self, text: str) -> Iterator[Pcm16]:
        self.said.append(text)
        yield np.ones(self.rate_hz, np.int16)

    def transcribe(self, audio: Pcm16, **_: object) -> Transcript:
        return Transcript("")

    def understand(self, text: str) -> Understood:
        return Understood(text)

    def prepare(self, understood: Understood) -> Reply:
        return Reply("")

    def commit(self, reply: Reply) -> None: ...
    def close_question(self) -> None: ...
    def close(self) -> None: ...


class Pipeline(VoicePipeline):
    """The pipeline with :class:`Chatter` in every place."""

    chatter = Chatter()

    @property
    def stations(self) -> Stations:
        return Stations(self.chatter, self.chatter, self.chatter, self.chatter)


@pytest.fixture
def appliance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Appliance]:
    monkeypatch.setenv("RTVA_HOME", str(tmp_path))
    pipeline = Pipeline()
    pipeline.chatter = Chatter()
    walk = Appliance(pipeline, Silence(), VirtualSpeaker(16_000))
    walk.start()
    yield walk
    walk.stop()


def test_a_babbling_device_is_told_so_and_stop_ends_all_of_it(appliance: Appliance) -> None:
    chatter = appliance.pipeline.chatter  # type: ignore[attr-defined]
    appliance.say("first")
    eventually(lambda: chatter.said == ["first"])
    for number in range(MOST_SAYS):
        appliance.say(str(number))
    with pytest.raises(Unavailable, match="wait to be spoken"):
        appliance.say("one too many")
    appliance.hush()
    eventually(appliance.is_quiet)
    assert chatter.said == ["first"]
    appliance.say("again")
    eventually(lambda: chatter.said == ["first", "again"])
