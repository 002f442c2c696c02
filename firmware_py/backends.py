"""Which adapters exist: kind -> {name: "module:Class"}.

Adapters are imported when they are asked for, so a library that is not installed costs nothing until
then, and the error names what exists.
"""

from __future__ import annotations

import importlib
from typing import Any

from firmware_py.errors import Unavailable

BACKENDS: dict[str, dict[str, str]] = {
    "vad": {
        "webrtc": "firmware_py.vad.webrtc:WebRtcVad",
        "silero": "firmware_py.vad.silero:SileroVad",
    },
    "processed_vad": {"webrtc": "firmware_py.vad.processed:ProcessedVad"},
    "wake": {"micro": "firmware_py.wake.micro:MicroWakeWord"},
    "echo": {
        "kalman": "firmware_py.echo.kalman:KalmanEcho",
        "webrtc": "firmware_py.echo.webrtc:WebRtcEcho",
    },
    "stt": {"whisper_cpp": "firmware_py.stt.whisper_cpp:WhisperCpp"},
    "partial": {"whisper_cpp": "firmware_py.stt.background:BackgroundWhisper"},
    "tts": {
        "piper": "firmware_py.tts.piper:Piper",
        "pyttsx3": "firmware_py.tts.espeak:Espeak",
        "coqui": "firmware_py.tts.coqui:Coqui",
    },
    "grammar": {"hassil": "firmware_py.nlu.kept_grammar:guidance"},
    "understanding": {"hassil": "firmware_py.nlu.hassil:HassilUnderstanding"},
    "completeness": {"templates": "firmware_py.nlu.completeness:TemplateCompleteness"},
    "history": {"turns": "firmware_py.nlu.context:ContextManager"},
    "responder": {"skills": "firmware_py.respond.responder:Responder"},
    "chat": {"talk": "firmware_py.respond.talk:chat"},
    "llm": {
        "endpoint": "firmware_py.llm.endpoint:Endpoint",
        "embedded": "firmware_py.llm.embedded:Embedded",
    },
    "llama": {"llama_cpp": "firmware_py.llm.llama_cpp:LlamaCpp"},
    "cache": {"memory": "firmware_py.respond.cache:ResponseCache"},
    "speech_cache": {"pieces": "firmware_py.tts.cache:cached_speech"},
    "microphone": {
        "alsa": "firmware_py.audio.alsa:AlsaMicrophone",
        "sounddevice": "firmware_py.audio.portaudio:PortAudioMicrophone",
        "recording": "firmware_py.audio.recording:RecordingMicrophone",
    },
    "speaker": {
        "alsa": "firmware_py.audio.alsa:AlsaSpeaker",
        "sounddevice": "firmware_py.audio.portaudio:PortAudioSpeaker",
        "virtual": "firmware_py.audio.virtual:VirtualSpeaker",
    },
}

LIBRARIES: dict[str, tuple[str, ...]] = {
    "firmware_py.stt.background": ("firmware_py.stt.preload", "firmware_py._whisper"),
    "firmware_py.stt.whisper_cpp": ("firmware_py.stt.preload", "firmware_py._whisper", "firmware_py.stt.guided"),
    "firmware_py.tts.piper": ("onnxruntime", "piper.phoneme_ids", "piper.phonemize_espeak"),
    "firmware_py.tts.coqui": ("TTS.utils.synthesizer",),
}
"""Adapter module -> what it imports late: a stand-by worker imports it ahead."""

EXTRAS: dict[str, str] = {
    "firmware_py.wake.micro": "wake",
    "firmware_py.tts.espeak": "pyttsx3",
    "firmware_py.tts.coqui": "coqui",
    "firmware_py.audio.portaudio": "desktop",
    "firmware_py.llm.llama_cpp": "llm",
}
"""Adapter module -> the extra of this package that brings its library."""


def names(kind: str) -> list[str]:
    """The names that exist for a kind, in the order they are preferred."""
    return list(BACKENDS[kind])


def load(kind: str, name: str) -> Any:
    """The class of the adapter ``name`` of ``kind``.

    Raises Unavailable when the name is unknown or its library is not installed, saying which names exist or
    what to install.
    """
    known = BACKENDS[kind]
    if name not in known:
        raise Unavailable(f"no {kind} engine {name!r}; there are: {', '.join(known)}")
    module_name, _, attribute = known[name].partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        extra = EXTRAS.get(module_name)
        hint = f"pip install 'rtva[{extra}]'" if extra else "run 'make setup'"
        raise Unavailable(f"{kind} engine {name!r} is not installed ({error}); {hint}") from error
