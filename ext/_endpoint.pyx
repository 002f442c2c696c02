"""Verdicts in, turn events out: see ``rtva_endpoint.h`` for the contract."""

cimport cython
from libc.stdint cimport int64_t

from rtva_endpoint cimport *

FRAME_SAMPLES = RTVA_ENDPOINT_SAMPLES
SPEECH = RTVA_SPEECH
PAUSE = RTVA_PAUSE
RESUME = RTVA_RESUME
ENDPOINT = RTVA_ENDPOINT
TOO_LONG = RTVA_TOO_LONG
KIND_NAMES = ("speech", "pause", "resume", "endpoint", "too_long")

cdef int MS_MOST = 24 * 3600 * 1000


cdef int to_frames(object name, int ms, int least) except -1:
    """Milliseconds to frames of 10 ms, rounded up."""
    if not least <= ms <= MS_MOST:
        raise ValueError(f"{name} must be {least} to {MS_MOST} ms, not {ms}")
    return (ms + 9) // 10


@cython.final
cdef class Endpointer:
    """Says when an utterance begins, pauses, goes on and is over."""

    cdef rtva_endpoint endpoint

    def __cinit__(
        self,
        *,
        int preroll_ms=300,
        int min_speech_ms=250,
        int pause_ms=100,
        int hangover_ms=500,
        int max_utterance_ms=15000,
        int debounce_ms=20,
        int bridge_ms=150,
        int veto_ms=200,
    ):
        cdef rtva_endpoint_config config
        config.preroll = to_frames("preroll_ms", preroll_ms, 0)
        config.min_speech = to_frames("min_speech_ms", min_speech_ms, 1)
        config.pause = to_frames("pause_ms", pause_ms, 1)
        config.hangover = to_frames("hangover_ms", hangover_ms, 1)
        config.max_utterance = to_frames("max_utterance_ms", max_utterance_ms, 1)
        config.debounce = to_frames("debounce_ms", debounce_ms, 1)
        config.bridge = to_frames("bridge_ms", bridge_ms, 1)
        config.veto = to_frames("veto_ms", veto_ms, 0)
        if rtva_endpoint_init(&self.endpoint, &config, 0) != RTVA_ENDPOINT_OK:
            least = preroll_ms + min_speech_ms + bridge_ms
            raise ValueError(f"max_utterance_ms must hold pre-roll, minimum speech and a bridged gap: {least} ms")

    def push(self, int verdict, int is_active=-1):
        if not (-1 <= verdict <= 1 and -1 <= is_active <= 1):
            raise ValueError(f"verdicts are -1, 0 or 1, not {verdict} and {is_active}")
        cdef rtva_endpoint_event events[RTVA_ENDPOINT_EVENTS]
        cdef int count = rtva_endpoint_push(&self.endpoint, verdict, is_active, events)
        if count == 0:
            return ()
        return tuple([(e.kind, e.at, e.start, e.speech_start, e.speech_end) for e in events[:count]])

    def set_hangover(self, int64_t speech_end, int ms):
        return rtva_endpoint_set_hangover(&self.endpoint, speech_end, to_frames("hangover", ms, 1))

    def settle(self):
        cdef rtva_endpoint_event event
        if rtva_endpoint_settle(&self.endpoint, &event) == 0:
            return ()
        return ((event.kind, event.at, event.start, event.speech_start, event.speech_end),)

    def reset(self, int64_t position=0):
        rtva_endpoint_reset(&self.endpoint, position)

    @property
    def position(self):
        return self.endpoint.position

    @property
    def in_speech(self):
        return self.endpoint.in_speech

    @property
    def is_candidate(self):
        return self.endpoint.is_candidate

    @property
    def is_paused(self):
        return self.endpoint.is_paused

    @property
    def hangover_ms(self):
        return self.endpoint.hangover * 10
