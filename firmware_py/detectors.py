"""The speech detector that the configuration wants, and what stands in for one that is not here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from firmware_py import backends, models
from firmware_py.config import Config
from firmware_py.errors import Unavailable
from firmware_py.ports import Vad


def make_detector(config: Config, note: Callable[[str], None]) -> Vad:
    """A fresh one; ``note`` is told of a substitute."""
    arguments: dict[str, Any] = {"aggressiveness": config.vad.aggressiveness}
    engine: str = config.vad.engine
    if engine == "silero":
        try:
            arguments["model"] = models.resolve_vad("silero")
        except Unavailable as missing:
            note(f"vad.engine silero: {missing}; using webrtc")
            engine = "webrtc"
    return _processed(config, cast(Vad, backends.load("vad", engine)(**arguments)), note)


def _processed(config: Config, vad: Vad, note: Callable[[str], None]) -> Vad:
    """Behind noise suppression and gain control, where they are wanted and there."""
    audio = config.audio
    wanted = {"noise_suppression": audio.noise_suppression, "gain_control": audio.gain_control}
    if not any(wanted.values()):
        return vad
    try:
        return cast(Vad, backends.load("processed_vad", "webrtc")(vad, **wanted))
    except Unavailable as missing:
        keys = " and ".join(f"audio.{key}" for key, is_wanted in wanted.items() if is_wanted)
        note(f"{keys}: {missing}; done without")
        return vad
