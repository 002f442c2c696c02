"""Sentences of the default voice, each in one take that is the same whenever, wherever and after whatever it is said.

A voice draws noise anew with each sentence, and some takes are misheard: a test that judges what was recognised would
fail once in a while, for no fault of what it tests.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import onnxruntime
import soxr

from firmware_py import models
from firmware_py.events import RATE_HZ, Pcm16
from firmware_py.tts.piper import Piper

VOICE = "en_US-joe-medium"
VOICE_HZ = 22_050
SEED = 1


def seeded(seed: int = SEED) -> None:
    """A voice that is loaded next draws the same noise each time; what it says depends on what it said before."""
    onnxruntime.set_seed(seed)


@cache
def take(text: str, seed: int = SEED) -> Pcm16:
    """A sentence at :data:`VOICE_HZ`, by a voice of its own, so that no other sentence changes it (a second each)."""
    weights = models.resolve_voice(VOICE)
    seeded(seed)
    voice = Piper(weights.onnx, weights.config, streaming=False)  # windows follow the machine's pace
    assert voice.rate_hz == VOICE_HZ
    said: Pcm16 = np.concatenate(list(voice.synthesize(text)))
    said.flags.writeable = False
    return said


@cache
def take_16k(text: str, seed: int = SEED) -> Pcm16:
    """The same at 16 kHz."""
    said: Pcm16 = soxr.resample(take(text, seed), VOICE_HZ, RATE_HZ)
    said.flags.writeable = False
    return said
