"""Whether the assistant is spoken to, as the configuration wants it decided."""

from __future__ import annotations

from firmware_py.attention import Attention, AttentionSettings
from firmware_py.config import Config
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
