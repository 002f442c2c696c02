"""A recogniser that gives way: for partial transcripts, beside the one that answers."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from firmware_py.events import Transcript
from firmware_py.stt.whisper_cpp import WhisperCpp

NICE = 15
"""Of the thread that recognises: it gets what others leave."""


class BackgroundWhisper(WhisperCpp):
    """A :class:`WhisperCpp` whose calling thread, and what that starts, has a low priority from the first call on."""

    def transcribe(
        self, audio: NDArray[np.int16] | NDArray[np.float32], *, is_cancelled: Callable[[], bool] | None = None
    ) -> Transcript:
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        return super().transcribe(audio, is_cancelled=is_cancelled)
