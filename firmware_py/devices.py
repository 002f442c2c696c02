"""The configured sound devices, opened."""

from __future__ import annotations

from firmware_py import backends
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import Microphone, Speaker


def open_microphone(pipeline: VoicePipeline) -> Microphone:
    """The capture device of the configuration; Unavailable names those that exist."""
    audio = pipeline.config.audio
    microphone: Microphone = backends.load("microphone", audio.backend)(
        audio.input.device,
        rate_hz=audio.input.sample_rate,
        channel=audio.input.channel,
        chunk_size=audio.input.chunk_size,
    )
    return microphone


def open_speaker(pipeline: VoicePipeline) -> Speaker:
    """The playback device of the configuration; Unavailable names those that exist."""
    audio = pipeline.config.audio
    speaker: Speaker = backends.load("speaker", audio.backend)(
        audio.output.device,
        rate_hz=pipeline.tts.rate_hz,
        buffer_size=audio.output.buffer_size,
        device_rate_hz=audio.output.sample_rate,
    )
    return speaker
