from libc.stdint cimport int32_t, uint8_t

from rtva_grammar cimport rtva_grammar, rtva_vocabulary
from rtva_whisper cimport rtva_whisper


cdef extern from "rtva_search.h" nogil:
    enum:
        RTVA_MOST_PATH
        RTVA_SEARCH_OK
        RTVA_SEARCH_NO_MEMORY
        RTVA_SEARCH_DECODE
        RTVA_SEARCH_CANCELLED
        RTVA_SEARCH_TOO_LONG

    ctypedef struct rtva_pace:
        double took[2]
    ctypedef struct rtva_decoder:
        rtva_pace pace
        const rtva_whisper *w
        void *ctx
        void *state
        int threads
        int n_vocab
        int n_path
        int decodes
        int32_t eot
        int cancelled
        int n_kept
        int (*poll)(void *user) noexcept nogil
        void *user

    ctypedef struct rtva_search_limits:
        float bonus
        float open_bonus
        float slack
        float width
        float least_total
        float loss
        float loss_a_token
        float most_loss
        int most_evals
        int most_tokens
        int most_children

    ctypedef struct rtva_node:
        int32_t parent
        int32_t token
        int32_t depth
        float logp
        float best
        float total
        float score

    ctypedef struct rtva_search:
        rtva_node *nodes
        int32_t found[16]
        int32_t n_found
        int32_t evals
        const uint8_t *silent
        const int32_t *text_first
        const uint8_t *text

    ctypedef struct rtva_open:
        const uint8_t *marks
        int32_t nosp
        int most
        int patience
        int n
        int is_loop
        float end_logp
        float no_speech

    void rtva_decoder_forget(rtva_decoder *d)
    void rtva_decoder_free(rtva_decoder *d)
    const float *rtva_decoder_at(rtva_decoder *d, const int32_t *path, int n)
    void rtva_search_free(rtva_search *s)
    int rtva_search_run(rtva_search *s, const rtva_search_limits *limits, rtva_decoder *d, rtva_grammar *g,
                        const rtva_vocabulary *v, const int32_t *prompt, int n_prompt)
    int rtva_decode_open(rtva_decoder *d, rtva_open *o, const int32_t *prompt, int n_prompt, int32_t *tokens,
                         float *logps)
    int rtva_decode_forced(rtva_decoder *d, const int32_t *prompt, int n_prompt, const int32_t *tokens, int n,
                           float *logps)
