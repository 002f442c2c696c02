"""The ALSA devices: which there are, and whether those of the configuration open."""

from __future__ import annotations

from typing import Any

from firmware_py.audio.mixer import mixer_of
from firmware_py.doctor import Case, Finding, check, fail, ok, skip, warn
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
ASK_PORTAUDIO = """
import json, sys
from firmware_py.audio.portaudio_device import open_stream
stream, rate_hz = open_stream(sys.argv[1], sys.argv[2], int(sys.argv[3]), 1, 1024)
stream.close()
print(json.dumps(rate_hz))
"""
ASK_GAIN = """
import json, sys, alsaaudio
found = None
for name in alsaaudio.mixers(device=sys.argv[1]):
    mixer = alsaaudio.Mixer(name, device=sys.argv[1])
    if any("Capture" in able for able in mixer.volumecap()):
        found = [name, int(min(mixer.getvolume(alsaaudio.PCM_CAPTURE)))]
        break
print(json.dumps(found))
"""
NO_GAIN = "turn audio.input.auto_gain off, or name the device of a card with one"
BUSY = "busy"
SHOWN = 12


@check("microphone")
def microphone(case: Case) -> Finding:
    audio = case.config.audio
    if audio.backend == "sounddevice":
        return _portaudio("input", audio.input.device, audio.input.sample_rate)
    return _device("PCM_CAPTURE", audio.input.device, "audio.input.device")


@check("speaker")
def speaker(case: Case) -> Finding:
    audio = case.config.audio
    if audio.backend == "sounddevice":
        return _portaudio("output", audio.output.device, audio.output.sample_rate)
    return _device("PCM_PLAYBACK", audio.output.device, "audio.output.device")


@check("capture gain")
def capture_gain(case: Case) -> Finding:
    """Whether the gain that is to be kept can be turned."""
    if not case.config.audio.input.auto_gain:
        return skip("audio.input.auto_gain is off")
    card = mixer_of(case.config.audio.input.device)
    try:
        found = probe(ASK_GAIN, card)
    except ProbeError as error:
        return warn(f"{card}: {error}", NO_GAIN)
    if found is None:
        return warn(f"{card} has no control for the capture gain", NO_GAIN)
    control, percent = found
    return ok(f"{control} at {percent} %, kept where speech is neither clipped nor faint")


def _portaudio(direction: str, device: str, rate_hz: int) -> Finding:
    try:
        found = probe(ASK_PORTAUDIO, direction, device, str(rate_hz))
    except ProbeError as error:
        return fail(str(error).rpartition("Unavailable: ")[2], "'python -m sounddevice' lists devices")
    return ok(f"{device} opens at {found} Hz through PortAudio")


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
