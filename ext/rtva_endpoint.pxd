from libc.stdint cimport int32_t, int64_t


cdef extern from "rtva_endpoint.h" nogil:
    enum:
        RTVA_ENDPOINT_SAMPLES
        RTVA_ENDPOINT_EVENTS
        RTVA_ENDPOINT_OK
        RTVA_SPEECH
        RTVA_PAUSE
        RTVA_RESUME
        RTVA_ENDPOINT
        RTVA_TOO_LONG

    ctypedef struct rtva_endpoint_config:
        int32_t preroll
        int32_t min_speech
        int32_t pause
        int32_t hangover
        int32_t max_utterance
        int32_t debounce
        int32_t bridge
        int32_t veto

    ctypedef struct rtva_endpoint_event:
        int32_t kind
        int64_t at
        int64_t start
        int64_t speech_start
        int64_t speech_end

    ctypedef struct rtva_endpoint:
        int64_t position
        int32_t hangover
        bint is_candidate
        bint in_speech
        bint is_paused

    int rtva_endpoint_init(rtva_endpoint *e, const rtva_endpoint_config *config, int64_t position)
    void rtva_endpoint_reset(rtva_endpoint *e, int64_t position)
    bint rtva_endpoint_set_hangover(rtva_endpoint *e, int64_t speech_end, int32_t frames)
    int rtva_endpoint_settle(rtva_endpoint *e, rtva_endpoint_event *event)
    int rtva_endpoint_push(rtva_endpoint *e, int verdict, int is_active, rtva_endpoint_event *events)
