from libc.stdint cimport int32_t, int64_t


cdef extern from "rtva_mel.h" nogil:
    enum:
        RTVA_MEL_BINS
        RTVA_MEL_HOP
        RTVA_MEL_MOST_BANDS

    ctypedef struct rtva_mel:
        int32_t n_bands
        int64_t n_samples
        int64_t n_frames

    bint rtva_mel_init(rtva_mel *m, const float *bank, int32_t n_bands)
    void rtva_mel_free(rtva_mel *m)
    void rtva_mel_reset(rtva_mel *m)
    bint rtva_mel_push(rtva_mel *m, const float *samples, int64_t n)
    bint rtva_mel_finish(rtva_mel *m, float *out, int64_t n_out)
