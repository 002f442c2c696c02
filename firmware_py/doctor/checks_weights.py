"""The weights that the configuration needs, read whole and compared; and what stands in for what is not there."""

from __future__ import annotations

from firmware_py import backends, models
from firmware_py.doctor import Case, Finding, check, fail, ok, warn
from firmware_py.errors import BadWeights, RtvaError


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
    voice = case.config.tts.voice
    try:
        weights = models.resolve_voice(voice)
    except RtvaError as error:
        return fail(str(error), _again(error, voice))
    return warn(weights.note) if weights.note else ok(f"{voice}, verified")


@check("voice engine")
def voice_engine(case: Case) -> Finding:
    engine = case.config.tts.engine
    there = backends.names("tts")
    if engine not in there:
        return warn(f"{engine} is not here: using piper", f"there are: {', '.join(there)}")
    return ok(engine)


def _again(error: RtvaError, name: str) -> str:
    """How a damaged file is replaced; the other errors say themselves what brings what is missing."""
    if not isinstance(error, BadWeights):
        return ""
    return "put the right file there" if "/" in name else f"'rtva models fetch {name}' brings it again"
