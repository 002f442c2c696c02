/* rtva_whisper: the functions of libwhisper that rtva calls, found at run time in the library that pywhispercpp
 * has already loaded (wheel or source build alike).
 *
 * Contract: nothing here is linked. The structures below are declared as whisper.h of 1.8.2 to 1.9.3 lays them out
 * (they are the same in all of them) and are only used after rtva_whisper_check() has compared the library's own
 * defaults, field by field, with what that header says. A library that differs is refused: passing it a structure
 * of another shape would be undefined behaviour. All calls may run without the GIL; a state serves one at a time.
 */
#ifndef RTVA_WHISPER_H
#define RTVA_WHISPER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <link.h>
#include <malloc.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct rtva_whisper_context_params {
    bool use_gpu, flash_attn;
    int gpu_device;
    bool dtw_token_timestamps;
    int dtw_aheads_preset, dtw_n_top;
    struct { size_t n_heads; const void *heads; } dtw_aheads;
    size_t dtw_mem_size;
} rtva_whisper_context_params;

typedef bool (*rtva_whisper_veto)(void *ctx, void *state, void *user);

typedef struct rtva_whisper_full_params {
    int strategy, n_threads, n_max_text_ctx, offset_ms, duration_ms;
    bool translate, no_context, no_timestamps, single_segment;
    bool print_special, print_progress, print_realtime, print_timestamps;
    bool token_timestamps;
    float thold_pt, thold_ptsum;
    int max_len;
    bool split_on_word;
    int max_tokens;
    bool debug_mode;
    int audio_ctx;
    bool tdrz_enable;
    const char *suppress_regex, *initial_prompt;
    bool carry_initial_prompt;
    const int32_t *prompt_tokens;
    int prompt_n_tokens;
    const char *language;
    bool detect_language, suppress_blank, suppress_nst;
    float temperature, max_initial_ts, length_penalty, temperature_inc, entropy_thold, logprob_thold, no_speech_thold;
    struct { int best_of; } greedy;
    struct { int beam_size; float patience; } beam_search;
    void *new_segment_callback, *new_segment_user;
    void *progress_callback, *progress_user;
    rtva_whisper_veto encoder_begin_callback;
    void *encoder_begin_user;
    void *abort_callback, *abort_user;
    void *logits_filter_callback, *logits_filter_user;
    const void **grammar_rules;
    size_t n_grammar_rules, i_start_rule;
    float grammar_penalty;
    bool vad;
    const char *vad_model_path;
    struct { float threshold; int min_speech_ms, min_silence_ms; float max_speech_s; int pad_ms; float overlap; } vad_params;
} rtva_whisper_full_params;

typedef struct rtva_whisper {
    void *handle;
    char version[32];
    const char *(*get_version)(void);
    rtva_whisper_context_params *(*context_defaults)(void);
    rtva_whisper_full_params *(*full_defaults)(int strategy);
    void (*free_context_params)(rtva_whisper_context_params *);
    void (*free_full_params)(rtva_whisper_full_params *);
    void *(*init)(const char *path, rtva_whisper_context_params params);
    void *(*init_state)(void *ctx);
    void (*free_state)(void *state);
    void (*free)(void *ctx);
    int (*full)(void *ctx, void *state, rtva_whisper_full_params params, const float *samples, int n);
    int (*encode)(void *ctx, void *state, int offset, int threads);
    int (*decode)(void *ctx, void *state, const int32_t *tokens, int n, int n_past, int threads);
    float *(*logits)(void *state);
    const char *(*token_text)(void *ctx, int32_t token);
    int (*tokenize)(void *ctx, const char *text, int32_t *tokens, int n_max);
    int (*n_vocab)(void *ctx), (*n_audio_ctx)(void *ctx), (*n_text_ctx)(void *ctx), (*is_multilingual)(void *ctx);
    int32_t (*token_eot)(void *ctx), (*token_sot)(void *ctx), (*token_prev)(void *ctx), (*token_nosp)(void *ctx);
    int32_t (*token_not)(void *ctx), (*token_transcribe)(void *ctx), (*token_lang)(void *ctx, int lang);
    int (*lang_id)(const char *lang), (*lang_max)(void);
    const char *(*lang_text)(int id);
    void (*log_set)(void (*log)(int, const char *, void *), void *user);
} rtva_whisper;

enum { RTVA_WHISPER_OK = 0, RTVA_WHISPER_ABSENT = -1, RTVA_WHISPER_SYMBOL = -2, RTVA_WHISPER_VERSION = -3,
       RTVA_WHISPER_LAYOUT = -4 };

static const char *const RTVA_WHISPER_KNOWN[] = {
    "1.8.2", "1.8.3", "1.8.4", "1.8.5", "1.8.6", "1.8.7", "1.9.0", "1.9.1", "1.9.2", "1.9.3", NULL,
};

static int rtva_whisper_visit(struct dl_phdr_info *info, size_t size, void *found) {
    (void)size;
    const char *name = info->dlpi_name ? strrchr(info->dlpi_name, '/') : NULL;
    if (!name || strncmp(name, "/libwhisper", 11) != 0) return 0;
    snprintf((char *)found, 4096, "%s", info->dlpi_name);
    return 1;
}

static void rtva_whisper_quiet(int level, const char *text, void *user) { (void)level, (void)text, (void)user; }

static bool rtva_whisper_never(void *ctx, void *state, void *user) { (void)ctx, (void)state, (void)user; return false; }

/* Finds the loaded libwhisper and its functions; `missing` names the first symbol that is not there. */
static int rtva_whisper_open(rtva_whisper *w, const char **missing) {
    char path[4096] = "";
    memset(w, 0, sizeof *w);
    *missing = "";
    if (!dl_iterate_phdr(rtva_whisper_visit, path)) return RTVA_WHISPER_ABSENT;
    w->handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (!w->handle) return RTVA_WHISPER_ABSENT;
    const struct { void *slot; const char *name; } symbols[] = {
        {&w->get_version, "whisper_version"}, {&w->context_defaults, "whisper_context_default_params_by_ref"},
        {&w->full_defaults, "whisper_full_default_params_by_ref"}, {&w->free_context_params, "whisper_free_context_params"},
        {&w->free_full_params, "whisper_free_params"}, {&w->init, "whisper_init_from_file_with_params_no_state"},
        {&w->init_state, "whisper_init_state"}, {&w->free_state, "whisper_free_state"}, {&w->free, "whisper_free"},
        {&w->full, "whisper_full_with_state"}, {&w->encode, "whisper_encode_with_state"},
        {&w->decode, "whisper_decode_with_state"}, {&w->logits, "whisper_get_logits_from_state"},
        {&w->token_text, "whisper_token_to_str"}, {&w->tokenize, "whisper_tokenize"}, {&w->n_vocab, "whisper_n_vocab"},
        {&w->n_audio_ctx, "whisper_n_audio_ctx"}, {&w->n_text_ctx, "whisper_n_text_ctx"},
        {&w->is_multilingual, "whisper_is_multilingual"}, {&w->token_eot, "whisper_token_eot"},
        {&w->token_sot, "whisper_token_sot"}, {&w->token_prev, "whisper_token_prev"},
        {&w->token_nosp, "whisper_token_nosp"}, {&w->token_not, "whisper_token_not"},
        {&w->token_transcribe, "whisper_token_transcribe"}, {&w->token_lang, "whisper_token_lang"},
        {&w->lang_id, "whisper_lang_id"}, {&w->lang_max, "whisper_lang_max_id"}, {&w->lang_text, "whisper_lang_str"},
        {&w->log_set, "whisper_log_set"},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *found = dlsym(w->handle, symbols[i].name);
        if (!found) { *missing = symbols[i].name; return RTVA_WHISPER_SYMBOL; }
        memcpy(symbols[i].slot, &found, sizeof found);
    }
    snprintf(w->version, sizeof w->version, "%s", w->get_version());
    return RTVA_WHISPER_OK;
}

static bool rtva_whisper_is_known(const rtva_whisper *w) {
    for (const char *const *v = RTVA_WHISPER_KNOWN; *v; v++) if (!strcmp(*v, w->version)) return true;
    return false;
}

/* The defaults of whisper_full_default_params(); values at both ends and in every gap, so that a field that was
 * added, removed or moved is seen. The allocation must not be smaller than our structure either. */
static bool rtva_whisper_full_agrees(const rtva_whisper_full_params *p, int strategy) {
    bool head = p->strategy == strategy && p->n_max_text_ctx == 16384 && p->no_context && !p->translate
        && p->print_progress && p->print_timestamps && !p->token_timestamps && p->thold_pt == 0.01f
        && p->thold_ptsum == 0.01f && p->max_tokens == 0 && p->audio_ctx == 0 && !p->tdrz_enable;
    bool middle = !p->suppress_regex && !p->initial_prompt && !p->carry_initial_prompt && !p->prompt_tokens
        && p->prompt_n_tokens == 0 && p->language && p->suppress_blank && !p->suppress_nst && p->temperature == 0.0f
        && p->max_initial_ts == 1.0f && p->length_penalty == -1.0f && p->temperature_inc == 0.2f
        && p->entropy_thold == 2.4f && p->logprob_thold == -1.0f && p->no_speech_thold == 0.6f;
    bool tail = !p->encoder_begin_callback && !p->abort_callback && !p->logits_filter_callback && !p->grammar_rules
        && p->grammar_penalty == 100.0f && !p->vad && !p->vad_model_path && p->vad_params.threshold == 0.5f
        && p->vad_params.min_speech_ms == 250 && p->vad_params.min_silence_ms == 100 && p->vad_params.overlap == 0.1f;
    return head && middle && tail && !strcmp(p->language, "en")
        && (strategy ? p->beam_search.beam_size == 5 && p->beam_search.patience == -1.0f : p->greedy.best_of == 5);
}

/* Compares the library's own defaults with the declared layout. */
static int rtva_whisper_check(const rtva_whisper *w) {
    if (!rtva_whisper_is_known(w)) return RTVA_WHISPER_VERSION;
    int result = RTVA_WHISPER_OK;
    rtva_whisper_context_params *c = w->context_defaults();
    if (malloc_usable_size(c) < sizeof *c || !c->use_gpu || c->gpu_device != 0 || c->dtw_token_timestamps
        || c->dtw_aheads_preset != 0 || c->dtw_n_top != -1 || c->dtw_aheads.heads || c->dtw_mem_size != 1024 * 1024 * 128)
        result = RTVA_WHISPER_LAYOUT;
    w->free_context_params(c);
    for (int strategy = 0; strategy < 2; strategy++) {
        rtva_whisper_full_params *p = w->full_defaults(strategy);
        if (malloc_usable_size(p) < sizeof *p || malloc_usable_size(p) > sizeof *p + 24
            || !rtva_whisper_full_agrees(p, strategy)) result = RTVA_WHISPER_LAYOUT;
        w->free_full_params(p);
    }
    return result;
}

static void *rtva_whisper_load(const rtva_whisper *w, const char *path, bool use_gpu) {
    rtva_whisper_context_params *defaults = w->context_defaults();
    rtva_whisper_context_params params = *defaults;
    w->free_context_params(defaults);
    params.use_gpu = use_gpu;
    params.flash_attn = false; /* with a reduced audio context it attends to stale padding */
    return w->init(path, params);
}

/* Spectrogram and encoder for one utterance at `audio_ctx` encoder frames. The context size is settable only
 * through whisper_full, so that is called with an encoder veto: it computes the spectrogram, notes the size and
 * returns; then the encoder is run on its own. */
static int rtva_whisper_listen(const rtva_whisper *w, void *ctx, void *state, const float *samples, int n,
                               int audio_ctx, int threads) {
    rtva_whisper_full_params *defaults = w->full_defaults(0);
    rtva_whisper_full_params params = *defaults;
    w->free_full_params(defaults);
    params.n_threads = threads;
    params.audio_ctx = audio_ctx;
    params.print_progress = params.print_timestamps = false;
    params.encoder_begin_callback = rtva_whisper_never;
    int result = w->full(ctx, state, params, samples, n);
    return result ? result : w->encode(ctx, state, 0, threads);
}

#endif
