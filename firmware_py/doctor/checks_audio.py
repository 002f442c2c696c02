"""The ALSA devices: which there are, and whether those of the configuration open."""

from __future__ import annotations

from typing import Any

from firmware_py.doctor import Case, Finding, check, fail, ok, warn
from firmware_py.doctor.probe import ProbeError, probe

OPEN = """
import json, sys, alsaaudio
kind = getattr(alsaaudio, sys.argv[1])
error = ""
try:
    alsaaudio.PCM(type=kind, mode=alsaaudio.PCM_NONBLOCK, device=sys.argv[2]).close()
except alsaaudio.ALSAAudioError as problem:
    error = str(problem)
print(json.dumps({"cards": alsaaudio.cards(), "devices": alsaaudio.pcms(kind), "error": error}))
"""
BUSY = "busy"
SHOWN = 12


@check("microphone")
def microphone(case: Case) -> Finding:
    return _device("PCM_CAPTURE", case.config.audio.input.device, "audio.input.device")


@check("speaker")
def speaker(case: Case) -> Finding:
    return _device("PCM_PLAYBACK", case.config.audio.output.device, "audio.output.device")


def _device(kind: str, device: str, key: str) -> Finding:
    try:
        found = probe(OPEN, kind, device)
    except ProbeError as error:
        return fail(f"ALSA cannot be asked: {error}", "run 'make setup'")
    return _judge(found, device, key)


def _judge(found: dict[str, Any], device: str, key: str) -> Finding:
    names = [name for name in found["devices"] if name != "null"]
    there = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    if not found["error"]:
        return ok(f"{device} opens; there are: {there or 'no others'}")
    if BUSY in found["error"].lower():
        return ok(f"{device} is in use; there are: {there}")
    if device == "default" and not found["cards"]:
        return warn(
            "no sound card; recordings work, 'rtva run' does not", "connect one; the user must be in group audio"
        )
    return fail(f"{device}: {found['error']}; there are: {there or 'none'}", f"set {key} to one that exists")
