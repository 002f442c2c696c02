"""Whisper's log-mel spectrogram, a 10 ms frame at a time: see ``rtva_mel.h``."""

import numpy as np

from rtva_mel cimport *

BINS = RTVA_MEL_BINS
HOP_SAMPLES = RTVA_MEL_HOP


cdef class LogMel:
    """Takes mono float32 samples at 16 kHz, gives what Whisper's encoder takes.

    ``bank`` is the filter bank of the model, float32, shape ``(bands, 201)``, at most 128 bands.
    """
    cdef rtva_mel m

    def __init__(self, const float[:, ::1] bank):
        if bank.shape[1] != BINS or not 0 < bank.shape[0] <= RTVA_MEL_MOST_BANDS:
            raise ValueError(f"LogMel wants a bank of shape (1 to {RTVA_MEL_MOST_BANDS}, {BINS})")
        if self.m.n_bands:
            raise ValueError("LogMel is made once")
        if not rtva_mel_init(&self.m, &bank[0, 0], <int>bank.shape[0]):
            raise MemoryError

    def __dealloc__(self):
        rtva_mel_free(&self.m)

    @property
    def frames(self):
        """Frames that are computed for good."""
        return self.m.n_frames

    def reset(self):
        """Begins another utterance."""
        rtva_mel_reset(&self.m)

    def push(self, const float[::1] samples):
        """Appends samples and computes every frame that is complete."""
        cdef bint is_done
        if samples.shape[0] == 0:
            return
        with nogil:
            is_done = rtva_mel_push(&self.m, &samples[0], samples.shape[0])
        if not is_done:
            raise MemoryError

    def finish(self, int frames):
        """The spectrogram so far as if silence followed, float32, shape ``(bands, frames)``."""
        cdef float[:, ::1] out = np.empty((self.m.n_bands, max(1, frames)), np.float32)
        cdef bint is_done
        if frames < 1:
            raise ValueError("finish: at least 1 frame")
        with nogil:
            is_done = rtva_mel_finish(&self.m, &out[0, 0], frames)
        if not is_done:
            raise MemoryError
        return np.asarray(out)
