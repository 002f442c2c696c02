from libc.stdint cimport int32_t


cdef extern from "rtva_whisper.h" nogil:
    ctypedef struct rtva_whisper:
        char version[32]
        void *(*init_state)(void *ctx) noexcept nogil
        void (*free_state)(void *state) noexcept nogil
        void (*free)(void *ctx) noexcept nogil
        int (*decode)(void *ctx, void *state, const int32_t *tokens, int n, int n_past, int threads) noexcept nogil
        float *(*logits)(void *state) noexcept nogil
        const char *(*token_text)(void *ctx, int32_t token) noexcept nogil
        int (*tokenize)(void *ctx, const char *text, int32_t *tokens, int n_max) noexcept nogil
        int (*n_vocab)(void *ctx) noexcept nogil
        int (*n_audio_ctx)(void *ctx) noexcept nogil
        int (*n_text_ctx)(void *ctx) noexcept nogil
        int (*is_multilingual)(void *ctx) noexcept nogil
        int32_t (*token_eot)(void *ctx) noexcept nogil
        int32_t (*token_sot)(void *ctx) noexcept nogil
        int32_t (*token_prev)(void *ctx) noexcept nogil
        int32_t (*token_nosp)(void *ctx) noexcept nogil
        int32_t (*token_not)(void *ctx) noexcept nogil
        int32_t (*token_transcribe)(void *ctx) noexcept nogil
        int32_t (*token_lang)(void *ctx, int lang) noexcept nogil
        int (*lang_id)(const char *lang) noexcept nogil
        int (*lang_max)() noexcept nogil
        const char *(*lang_text)(int id) noexcept nogil
        void (*log_set)(void (*log)(int, const char *, void *) noexcept nogil, void *user) noexcept nogil

    enum:
        RTVA_WHISPER_OK
        RTVA_WHISPER_ABSENT
        RTVA_WHISPER_SYMBOL
        RTVA_WHISPER_VERSION
        RTVA_WHISPER_LAYOUT

    int rtva_whisper_open(rtva_whisper *w, const char **missing)
    int rtva_whisper_check(const rtva_whisper *w)
    void *rtva_whisper_load(const rtva_whisper *w, const char *path, bint use_gpu)
    int rtva_whisper_listen(const rtva_whisper *w, void *ctx, void *state, const float *samples, int n, int audio_ctx,
                            int threads)
    void rtva_whisper_quiet(int level, const char *text, void *user)
