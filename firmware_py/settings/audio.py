"""The keys of ``audio``: how sound comes and goes, and what is done to it."""

from __future__ import annotations

from typing import Literal

from firmware_py.settings.base import Section, knob


class AudioInput(Section):
    device: str = knob("default", "ALSA capture device, as `arecord -L` names it.", min_length=1)
    channel: int | None = knob(
        None, "Channel of the device that is listened to, from 0; null mixes all of them.", ge=0, le=63
    )
    auto_gain: bool = knob(
        False,
        "The mixer's capture gain is turned down after speech that was clipped, slowly up after speech that stayed too "
        "soft, and kept over a restart.",
    )
    sample_rate: int = knob(
        16000,
        "Rate the microphone is asked for; any other than 16000 is resampled to it.",
        guide="3. Audio Configuration, Sample Rate",
        ge=8000,
        le=192000,
    )
    chunk_size: int = knob(
        1024,
        "Samples the device delivers at once (its period); smaller answers sooner and costs more CPU.",
        guide="3. Audio Configuration, Buffer Size",
        ge=64,
        le=16384,
    )


class AudioOutput(Section):
    device: str = knob("default", "ALSA playback device, as `aplay -L` names it.", min_length=1)
    volume: int = knob(100, "Loudness of the voice at the start, in percent.", ge=0, le=100)
    sample_rate: int = knob(
        22050,
        "Rate the speaker is opened at; a voice with another rate is resampled to it.",
        guide="3. Audio Configuration, Sample Rate",
        ge=8000,
        le=192000,
    )
    buffer_size: int = knob(
        2048,
        "Samples the playback device holds; smaller is heard sooner, larger survives a busy machine.",
        guide="3. Audio Configuration, Buffer Size",
        ge=128,
        le=65536,
    )


class Audio(Section):
    backend: Literal["alsa", "sounddevice"] = knob(
        "alsa", "How sound comes and goes: ALSA, or for development on a laptop PortAudio (docs/development.md)."
    )
    echo_cancellation: Literal["webrtc", "none"] = knob(
        "webrtc",
        "What takes rtva's own voice out of the microphone while it speaks: WebRTC's AEC3. Without it nothing that is "
        "said over an answer is heard but a wake word.",
    )
    noise_suppression: bool = knob(
        False,
        "WebRTC's noise suppression in front of the speech detector alone; recognition hears the sound as it came.",
    )
    gain_control: bool = knob(
        False, "WebRTC's gain control in front of the speech detector alone, for a microphone that is far too quiet."
    )
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()
