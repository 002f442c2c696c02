"""The weights that the configuration needs, read whole and compared; and what stands in for what is not there."""

from __future__ import annotations

import importlib.util

from firmware_py import models
from firmware_py.doctor import Case, Finding, check, fail, ok, warn
from firmware_py.doctor.probe import ProbeError, probe
from firmware_py.errors import BadWeights, RtvaError

ASK_ESPEAK = "import sys; from firmware_py.tts.espeak import Espeak; print(Espeak(sys.argv[1]).rate_hz)"


@check("recognition weights")
def recognition_weights(case: Case) -> Finding:
    stt = case.config.stt
    try:
        weights = models.resolve_stt(stt.model, stt.optimization.compute_type)
    except RtvaError as error:
        return fail(str(error), _again(error, stt.model))
    if weights.note:
        return warn(weights.note)
    return ok(f"{weights.model} {stt.optimization.compute_type}, verified")


@check("voice weights")
def voice_weights(case: Case) -> Finding:
    """Piper's voice, which speaks for another engine too when that is not there."""
    voice = case.config.tts.voice
    try:
        is_chosen = case.config.tts.engine == "piper"
        weights = models.resolve_voice(voice) if is_chosen else models.resolve_substitute(voice)
    except RtvaError as error:
        return fail(str(error), _again(error, voice))
    return warn(weights.note) if weights.note else ok(f"{weights.onnx.stem}, verified")


@check("voice engine")
def voice_engine(case: Case) -> Finding:
    """Whether the configured engine speaks; libraries are asked in a process of their own."""
    tts = case.config.tts
    try:
        if tts.engine == "pyttsx3":
            probe(ASK_ESPEAK, tts.voice)
        elif tts.engine == "coqui":
            models.resolve_coqui(tts.voice)
            if importlib.util.find_spec("TTS") is None:
                return warn("coqui-tts is not installed; piper speaks instead", "pip install 'rtva[coqui]'")
    except (ProbeError, RtvaError) as error:
        return warn(f"{str(error).rpartition('Unavailable: ')[2]}; piper speaks instead")
    return ok(tts.engine)


def _again(error: RtvaError, name: str) -> str:
    """How a damaged file is replaced; the other errors say themselves what brings what is missing."""
    if not isinstance(error, BadWeights):
        return ""
    return "put the right file there" if "/" in name else f"'rtva models fetch {name}' brings it again"
