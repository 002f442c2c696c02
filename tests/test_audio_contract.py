"""What every microphone and every speaker must do: the real ones and the virtual ones pass the same tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from alsa_lab import Card

from firmware_py._ring import Ring
from firmware_py.audio.alsa import AlsaMicrophone, AlsaSpeaker
from firmware_py.audio.portaudio import PortAudioMicrophone, PortAudioSpeaker
from firmware_py.audio.portaudio_device import library
from firmware_py.audio.recording import RecordingMicrophone
from firmware_py.audio.virtual import VirtualSpeaker
from firmware_py.errors import Unavailable
from firmware_py.ports import Microphone, Speaker

MICROPHONES = ["alsa", "alsa paced", "alsa rate=44100 channels=2 format=S32_LE", "recording fast", "recording real"]
SPEAKERS = ["alsa", "alsa paced", "alsa rate=48000 channels=2", "virtual fast", "virtual real"]
PORTAUDIO = ["portaudio", "portaudio rate=44100 channels=2 format=S32_LE"]
"""The same cards of files through PortAudio's ALSA host, which polls as `paced` cards cannot be polled."""


def make_microphone(kind: str, path: str) -> Any:
    if kind.startswith("alsa"):
        return AlsaMicrophone("lab", chunk_size=512)
    if kind.startswith("portaudio"):
        return PortAudioMicrophone("lab", chunk_size=512)
    return RecordingMicrophone(path, pace="real" if kind.endswith("real") else "fast", chunk_size=512)


def make_speaker(kind: str) -> Any:
    if kind.startswith("alsa"):
        return AlsaSpeaker("lab", rate_hz=22050, buffer_size=2048)
    if kind.startswith("portaudio"):
        return PortAudioSpeaker("lab", rate_hz=22050, buffer_size=2048)
    return VirtualSpeaker(22050, pace="real" if kind.endswith("real") else "fast", buffer_size=2048)


def microphone_contract(kind: str, path: str) -> str:
    microphone, ring = make_microphone(kind, path), Ring(1 << 13)
    assert isinstance(microphone, Microphone)
    assert microphone.lost == 0
    for _ in range(6):
        block = microphone.read()
        assert block.dtype == np.int16
        assert block.ndim == 1
        assert block.size > 0
        ring.write(block)
    assert isinstance(microphone.lost, int)
    microphone.close()
    microphone.close()
    assert microphone.read() is None
    return "kept"


def speaker_contract(kind: str) -> str:
    speaker = make_speaker(kind)
    assert isinstance(speaker, Speaker)
    assert speaker.rate_hz == 22050
    assert speaker.delay_s() == 0
    speaker.flush()
    speaker.drain()
    for size in (1, 0, 511, 512, 3000):
        speaker.write(np.full(size, 1000, np.int16))
        assert 0 <= speaker.delay_s() < 1
    speaker.flush()
    assert speaker.delay_s() == 0
    speaker.write(np.full(1000, 1000, np.int16))
    speaker.drain()
    assert speaker.delay_s() == 0
    speaker.write(np.full(10, 1000, np.int16))
    speaker.close()
    speaker.close()
    return "kept"


@pytest.mark.parametrize("kind", MICROPHONES)
def test_a_microphone_keeps_its_contract(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((20_000, 2)), 48000)
    if kind.startswith("alsa"):
        assert Card(tmp_path).run(microphone_contract, kind, str(path), hw=kind.removeprefix("alsa")) == "kept"
    else:
        assert microphone_contract(kind, str(path)) == "kept"


@pytest.mark.parametrize("kind", SPEAKERS)
def test_a_speaker_keeps_its_contract(tmp_path: Path, kind: str) -> None:
    if kind.startswith("alsa"):
        assert Card(tmp_path).run(speaker_contract, kind, hw=kind.removeprefix("alsa")) == "kept"
    else:
        assert speaker_contract(kind) == "kept"


@pytest.fixture
def portaudio() -> None:
    try:
        library()
    except Unavailable as error:
        pytest.skip(f"{error}; 'make setup' brings both")


@pytest.mark.parametrize("kind", PORTAUDIO)
def test_portaudio_keeps_both_contracts(portaudio: None, tmp_path: Path, kind: str) -> None:
    card, hw = Card(tmp_path), kind.removeprefix("portaudio")
    assert card.run(microphone_contract, kind, "", hw=hw) == "kept"
    assert card.run(speaker_contract, kind, hw=hw) == "kept"
