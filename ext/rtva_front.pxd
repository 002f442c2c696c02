from libc.stdint cimport int16_t, int32_t, int64_t


cdef extern from "rtva_front.h" nogil:
    enum:
        RTVA_FRONT_SAMPLES
        RTVA_FRONT_DC_SCALE

    ctypedef struct rtva_front_config:
        double floor_least
        double on_ratio
        double range_ratio
        double stay_ratio
        double contrast
        double peak_decay
        double smoothing
        int32_t warmup_frames

    ctypedef struct rtva_front:
        int64_t dc
        double energy
        double floor
        int64_t frames
        int64_t clipped_total
        int32_t clipped
        int32_t is_active

    void rtva_front_init(rtva_front *f, const rtva_front_config *config)
    int rtva_front_process(rtva_front *f, const int16_t *samples, int16_t *out)
