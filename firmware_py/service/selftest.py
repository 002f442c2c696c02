"""Whether the engines work at all: the voice says a word and recognition has to hear speech in it."""

from __future__ import annotations

import time

import numpy as np

from firmware_py.audio.convert import Resampler, to_float32, to_int16
from firmware_py.errors import RtvaError, Unavailable
from firmware_py.events import RATE_HZ
from firmware_py.pipeline import VoicePipeline
from firmware_py.ports import SpeechToText, TextToSpeech
from firmware_py.service.spare_voice import SpareVoice

SENTENCE = "What time is it?"


def self_test(stt: SpeechToText, tts: TextToSpeech) -> float:
    """Milliseconds that it took. Raises Unavailable when no sound or no text comes out, and what the engines raise."""
    started = time.perf_counter()
    chunks = list(tts.synthesize(SENTENCE))
    if not chunks or not np.any(np.concatenate(chunks)):
        raise Unavailable("the self-test failed: the voice makes no sound")
    resampler = Resampler(tts.rate_hz, RATE_HZ)
    sound = np.concatenate([resampler.push(to_float32(np.concatenate(chunks))), resampler.finish()])
    if not stt.transcribe(to_int16(sound)).text:
        raise Unavailable("the self-test failed: recognition hears nothing in the voice's own words")
    return (time.perf_counter() - started) * 1000


def try_engines(pipeline: VoicePipeline, spare: SpareVoice) -> float:
    """The self-test, and the spare sentences of an earlier start taken. A voice that fails it is replaced by them."""
    if spare.failure is None:
        try:
            took_ms = self_test(pipeline.stt, pipeline.voice)
        except RtvaError as error:
            if not spare.take_over(error):
                raise
        else:
            spare.sentences.take(pipeline.tts.rate_hz, pipeline.speech_key)
            return took_ms
    return self_test(pipeline.stt, spare)
