"""Whether the assistant is spoken to, as the configuration wants it decided."""

from __future__ import annotations

from typing import Protocol

from firmware_py.attention import Attention, AttentionSettings
from firmware_py.config import Config
from firmware_py.echo_path import EchoPath, FarEnd, Stages, Timeline
from firmware_py.echo_trust import EchoTrust, TrustSettings
from firmware_py.errors import Unavailable
from firmware_py.interruption import ANY_SPEECH, WAKE_WORD, Interruption, InterruptionSettings
from firmware_py.pipeline import in_process


def make_attention(config: Config) -> Attention | None:
    """None where it always is. Each stream needs its own.

    Raises Unavailable when the wake word's engine is not there: to answer everybody instead would be worse.
    """
    wake = config.wake
    if not wake.enabled:
        return None
    arguments = {
        "words": wake.words,
        "threshold": wake.threshold,
        "threshold_speaking": wake.threshold_speaking,
        "near_miss": wake.near_miss,
    }
    engine = in_process("wake", wake.engine, arguments)
    return Attention(AttentionSettings(True, int(wake.window_s * 1000), int(wake.follow_up_s * 1000)), engine)


class _Sounding(Protocol):
    """Whose loudspeaker is in its own microphone."""

    @property
    def far_end(self) -> FarEnd: ...
    @property
    def capture(self) -> Timeline: ...
    @property
    def player(self) -> _Player: ...


class _Player(Protocol):
    @property
    def is_playing(self) -> bool: ...


def make_interruption(config: Config, sounding: _Sounding | None) -> tuple[Interruption, str]:
    """What ends an answer, and why the loudspeaker is not cancelled ("" where it is, or where it is not heard)."""
    if sounding is None:
        return Interruption(interruption_settings(config)), ""
    echo, why = make_echo(config, sounding.far_end, sounding.capture)
    echo.is_speaking = lambda: sounding.player.is_playing
    return Interruption(interruption_settings(config), echo), why


def make_echo(config: Config, far_end: FarEnd, timeline: Timeline) -> tuple[EchoPath, str]:
    """The way of the loudspeaker into the microphone, and why it is not cancelled ("" where it is)."""
    stages: Stages | None = None
    why = ""
    if config.audio.echo_cancellation != "none":
        try:
            full = in_process("echo", config.audio.echo_cancellation, {})
            stages = Stages(in_process("echo", "kalman", {}), full)
        except Unavailable as missing:
            why = f"audio.echo_cancellation {config.audio.echo_cancellation}: {missing}; speech does not interrupt"
    trust = EchoTrust(TrustSettings(config.interruption.echo_limit_db))
    return EchoPath(stages, far_end, timeline, trust), why


def interruption_settings(config: Config) -> InterruptionSettings:
    """By default any speech interrupts, or with a wake word that alone."""
    by = config.interruption.by or (WAKE_WORD if config.wake.enabled else ANY_SPEECH)
    return InterruptionSettings(by, config.wake.enabled, config.vad.min_speech_duration_ms)
