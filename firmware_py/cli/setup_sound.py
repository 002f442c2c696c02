"""What ``rtva setup`` does with sound cards: which there are, how loud each channel is, a chime, the capture gain."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from firmware_py import backends
from firmware_py.audio.mixer import CaptureGain as CaptureGain
from firmware_py.config import Config
from firmware_py.errors import RtvaError
from firmware_py.events import RATE_HZ, TurnTrace

Direction = Literal["capture", "playback"]
LISTEN_S = 3.0
CHANNELS_MOST = 64
FLOOR = 1e-6
CLIPPED = 0.999
QUIET_DB, LOUD_DB = -30.0, -3.0
"""Peaks of somebody who speaks at the usual place should stand between these (a decade above a room's -45 dB noise,
and with room for a louder voice)."""
HEAR_S = 20.0


@dataclass(frozen=True)
class Level:
    """Of one channel, in dB below full scale."""

    rms_db: float
    peak_db: float
    is_clipped: bool

    def __str__(self) -> str:
        return f"level {self.rms_db:.0f} dB, peak {self.peak_db:.0f} dB{', CLIPPED' if self.is_clipped else ''}"


def names(config: Config, direction: Direction) -> list[str]:
    """Devices of the configured backend, [] where they cannot be listed."""
    try:
        if config.audio.backend == "sounddevice":
            from firmware_py.audio import portaudio_device

            kind = f"max_{'input' if direction == 'capture' else 'output'}_channels"
            found = portaudio_device.library().query_devices()
            return ["default", *(str(each["name"]) for each in found if each[kind])]
        from firmware_py.audio.alsa_device import devices

        return devices(direction)
    except RtvaError:
        return []


def channel_count(config: Config, device: str) -> int:
    """Channels of a capture device; 1 where it takes any number (a plugin mixes) or cannot be asked."""
    if config.audio.backend != "alsa":
        return 1
    from firmware_py.audio.alsa_device import library

    alsa = library()
    for name in dict.fromkeys((device.replace("plughw:", "hw:", 1), device)):
        try:
            pcm = alsa.PCM(alsa.PCM_CAPTURE, alsa.PCM_NONBLOCK, device=name)
        except alsa.ALSAAudioError:
            continue
        try:
            counts = pcm.getchannels()
        finally:
            pcm.close()
        most = max(counts) if isinstance(counts, list | tuple) else int(counts)
        return most if most <= CHANNELS_MOST else 1
    return 1


def levels(config: Config, device: str, channels: list[int | None]) -> list[Level]:
    """How loud each of ``channels`` is, listened to one after the other in short turns for ``LISTEN_S`` in all. Raises
    Unavailable, DeviceLost.
    """
    seconds = max(0.5, LISTEN_S / len(channels))
    return [_level(config, device, channel, seconds) for channel in channels]


def _level(config: Config, device: str, channel: int | None, seconds: float) -> Level:
    audio = config.audio.input
    microphone = backends.load("microphone", config.audio.backend)(
        device, rate_hz=audio.sample_rate, channel=channel, chunk_size=audio.chunk_size
    )
    blocks: list[Any] = []
    try:
        while sum(block.size for block in blocks) < seconds * RATE_HZ and (block := microphone.read()) is not None:
            blocks.append(block)
    finally:
        microphone.close()
    sound = np.concatenate(blocks).astype(np.float64) / 32768 if blocks else np.zeros(1)
    peak = float(np.abs(sound).max(initial=0.0))
    rms = float(np.sqrt(np.mean((sound - sound.mean()) ** 2)))
    return Level(20 * np.log10(max(rms, FLOOR)), 20 * np.log10(max(peak, FLOOR)), peak >= CLIPPED)


def chime(config: Config, device: str) -> None:
    """Two notes, three times. Raises Unavailable, DeviceLost."""
    from firmware_py.audio import tone

    audio = config.audio.output
    speaker = backends.load("speaker", config.audio.backend)(
        device, rate_hz=audio.sample_rate, buffer_size=audio.buffer_size
    )
    try:
        for chunk in tone.ring(speaker.rate_hz):
            speaker.write(chunk)
        speaker.drain()
    finally:
        speaker.close()


def advice(level: Level, percent: int) -> int:
    """The gain to propose: 10 dB of control are about 20 percent of most converters' range."""
    if level.is_clipped or level.peak_db > LOUD_DB:
        return max(0, percent - 20)
    return min(100, percent + 20) if level.peak_db < QUIET_DB else percent


def hear(config: Config, tell: Callable[[str], None]) -> TurnTrace | None:
    """The whole walk on the real devices until somebody was understood and answered, None after ``HEAR_S``. Raises
    what loading and the devices raise.
    """
    from firmware_py import app
    from firmware_py.pipeline import VoicePipeline

    heard: list[TurnTrace] = []
    with VoicePipeline(config, leaves_core=True) as pipeline:
        pipeline.initialize_components()
        for note in pipeline.notes:
            tell(f"  {note}")
        microphone = app.open_microphone(pipeline)
        try:
            speaker = app.open_speaker(pipeline)
        except RtvaError:
            microphone.close()
            raise
        with app.running(pipeline, microphone, speaker, app.Observers(on_turn=heard.append)) as appliance:
            tell("  now")
            until = time.monotonic() + HEAR_S
            while time.monotonic() < until and not any(turn.transcript for turn in heard):
                if (failure := appliance.failure or appliance.capture.error) is not None:
                    raise failure
                time.sleep(0.05)
            while time.monotonic() < until and not appliance.is_quiet():
                time.sleep(0.05)
    return next((turn for turn in heard if turn.transcript), None)
