"""Levels, offset removal and an energy detector, a 10 ms frame at a time: see ``rtva_front.h``."""

cimport cython
from libc.math cimport log10, pow
from libc.stdint cimport int16_t

from rtva_front cimport *

FRAME_SAMPLES = RTVA_FRONT_SAMPLES
SILENCE_DB = -120.0

cdef double FULL_SCALE = 32768.0 * 32768.0


cdef double to_db(double energy):
    return max(SILENCE_DB, 10.0 * log10(energy / FULL_SCALE)) if energy > 0.0 else SILENCE_DB


@cython.final
cdef class FrontEnd:
    """Takes int16 frames of 160 samples; says how loud they are and whether anything stands out."""

    cdef rtva_front front
    cdef rtva_front_config config

    def __cinit__(
        self,
        *,
        double on_db=5.0,
        double range_db=30.0,
        double stay_db=3.0,
        double floor_db_least=-80.0,
        int warmup_ms=300,
    ):
        if not (on_db > 0.0 and range_db > 0.0 and warmup_ms >= 0):
            raise ValueError("FrontEnd wants on_db > 0, range_db > 0 and warmup_ms >= 0")
        self.config.floor_least = FULL_SCALE * pow(10.0, floor_db_least / 10.0)
        self.config.on_ratio = pow(10.0, on_db / 10.0)
        self.config.range_ratio = pow(10.0, -range_db / 10.0)
        self.config.stay_ratio = pow(10.0, -0.1 * stay_db)
        self.config.contrast = pow(10.0, 1.5)
        self.config.peak_decay = pow(10.0, -0.006)  # 6 dB/s
        self.config.smoothing = 0.25
        self.config.warmup_frames = (warmup_ms + 9) // 10
        rtva_front_init(&self.front, &self.config)

    def process(self, const int16_t[::1] frame not None, int16_t[::1] out not None):
        if frame.shape[0] != RTVA_FRONT_SAMPLES or out.shape[0] != RTVA_FRONT_SAMPLES:
            raise ValueError(f"a frame has {RTVA_FRONT_SAMPLES} samples")
        with nogil:
            rtva_front_process(&self.front, &frame[0], &out[0])
        return self.front.is_active

    def reset(self):
        rtva_front_init(&self.front, &self.config)

    @property
    def is_active(self):
        return self.front.is_active

    @property
    def level_db(self):
        return to_db(self.front.energy)

    @property
    def floor_db(self):
        return to_db(self.front.floor)

    @property
    def dc(self):
        return self.front.dc / <double>(1 << RTVA_FRONT_DC_SCALE)

    @property
    def clipped(self):
        return self.front.clipped

    @property
    def clipped_total(self):
        return self.front.clipped_total
