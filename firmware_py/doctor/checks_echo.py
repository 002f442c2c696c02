"""Whether speech over an answer can end it: the canceller is there, and the loudspeaker is not too loud for it."""

from __future__ import annotations

import importlib.util

from firmware_py.doctor import Case, Finding, check, ok, warn


@check("interruption")
def interruption(case: Case) -> Finding:
    config = case.config
    wanted = config.interruption.by or ("wake_word" if config.wake.enabled else "any_speech")
    told = case.service().get("interruption", {})
    if why := told.get("why"):
        return warn(
            f"{told['by']} interrupts instead of {wanted}: {why}",
            "turn the loudspeaker down or away from the microphone, or set wake.enabled",
        )
    if wanted == "wake_word" and not config.wake.enabled:
        return warn(
            "nothing ends an answer: interruption.by is wake_word, and wake.enabled is off",
            "set wake.enabled, or interruption.by: any_speech",
        )
    if wanted != "any_speech":
        return ok(f"{wanted} ends an answer")
    if config.audio.echo_cancellation == "none":
        return warn("speech over an answer is not heard: audio.echo_cancellation is none", "set it to webrtc")
    if importlib.util.find_spec("pywebrtc_audio") is None:
        return warn("speech over an answer is not heard: no pywebrtc-audio", "pip install pywebrtc-audio")
    echo = told.get("echo", {})
    taken = echo.get("erle_db")
    return ok("any speech ends an answer" + ("" if taken is None else f"; {taken:g} dB of rtva's own voice taken out"))
