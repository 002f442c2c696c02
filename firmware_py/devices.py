"""The configured sound devices, opened."""

from __future__ import annotations

from firmware_py import backends
from firmware_py.audio.card_names import by_name
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import Microphone, Speaker


class MicrophoneSource:
    """Opens the configured capture device, again and again; a card that was given by its number is the same one every
    time, by its name. Unavailable names the devices that exist."""

    def __init__(self, pipeline: VoicePipeline) -> None:
        self._audio = pipeline.config.audio
        self._device = self._audio.input.device

    def __call__(self) -> Microphone:
        audio = self._audio
        microphone: Microphone = backends.load("microphone", audio.backend)(
            self._device,
            rate_hz=audio.input.sample_rate,
            channel=audio.input.channel,
            chunk_size=audio.input.chunk_size,
        )
        self._device = by_name(self._device)
        return microphone


class SpeakerSource:
    """The same for the playback device."""

    def __init__(self, pipeline: VoicePipeline) -> None:
        self._audio = pipeline.config.audio
        self.rate_hz = pipeline.speech.rate_hz
        self._device = pipeline.config.audio.output.device

    def __call__(self) -> Speaker:
        audio = self._audio
        speaker: Speaker = backends.load("speaker", audio.backend)(
            self._device,
            rate_hz=self.rate_hz,
            buffer_size=audio.output.buffer_size,
            device_rate_hz=audio.output.sample_rate,
        )
        self._device = by_name(self._device)
        return speaker


def open_microphone(pipeline: VoicePipeline) -> Microphone:
    """The capture device of the configuration; Unavailable names those that exist."""
    return MicrophoneSource(pipeline)()


def open_speaker(pipeline: VoicePipeline) -> Speaker:
    """The playback device of the configuration; Unavailable names those that exist."""
    return SpeakerSource(pipeline)()
