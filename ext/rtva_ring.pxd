from libc.stdint cimport int16_t, int64_t, uint64_t


cdef extern from "rtva_ring.h" nogil:
    ctypedef struct rtva_ring:
        pass

    enum:
        RTVA_RING_OK
        RTVA_RING_BAD_CAPACITY
        RTVA_RING_NO_MEMORY
        RTVA_RING_CLOSED
        RTVA_RING_LAPPED
        RTVA_RING_NOT_WRITTEN
        RTVA_RING_TIMEOUT
        RTVA_RING_INTERRUPTED
        RTVA_RING_NUDGED

    int rtva_ring_new(rtva_ring **out, uint64_t capacity, uint64_t origin)
    void rtva_ring_free(rtva_ring *r)
    bint rtva_ring_lock_memory(rtva_ring *r)
    int rtva_ring_write(rtva_ring *r, const int16_t *samples, size_t n)
    void rtva_ring_close(rtva_ring *r)
    void rtva_ring_nudge(rtva_ring *r)
    size_t rtva_ring_read(rtva_ring *r, int16_t *out, size_t n)
    int rtva_ring_wait(rtva_ring *r, uint64_t n, int64_t deadline_ns)
    int rtva_ring_is_whole(const rtva_ring *r, uint64_t start, uint64_t stop)
    int rtva_ring_copy(const rtva_ring *r, uint64_t start, uint64_t stop, int16_t *out)
    const int16_t *rtva_ring_view(const rtva_ring *r, uint64_t start)
    uint64_t rtva_ring_available(const rtva_ring *r)
    uint64_t rtva_ring_written(const rtva_ring *r)
    uint64_t rtva_ring_consumed(const rtva_ring *r)
    uint64_t rtva_ring_overrun(const rtva_ring *r)
    bint rtva_ring_closed(const rtva_ring *r)
