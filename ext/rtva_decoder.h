/* rtva_decoder: one whisper state that has listened, and the token paths that were decoded from it.
 *
 * Contract
 * - The key-value cache holds one path. Going to another re-decodes from where the two part, in one call.
 * - The logits along the last open decoding are remembered: a search that goes the same way pays nothing for it.
 * - `cancelled` is looked at, and `poll` asked, before every decode. Nothing here holds the GIL.
 * - One token is too little work to be worth many threads everywhere: they meet some hundred times in it, and where other
 *   work runs or waking is dear one thread is quicker. Both are timed as decoding goes on, and the quicker one is used
 *   (rtva_pace). The numbers do not depend on it.
 */
#ifndef RTVA_DECODER_H
#define RTVA_DECODER_H

#include <stdlib.h>
#include <time.h>

#include "rtva_whisper.h"

enum { RTVA_MOST_PATH = 224, RTVA_MOST_KEPT = 48 };
enum { RTVA_ALWAYS = 1, RTVA_AT_FIRST = 2, RTVA_NEW_WORD = 4 }; /* of a token: when it is suppressed; it begins a word */
enum { RTVA_SEARCH_OK = 0, RTVA_SEARCH_NO_MEMORY = -1, RTVA_SEARCH_DECODE = -2, RTVA_SEARCH_CANCELLED = -3,
       RTVA_SEARCH_TOO_LONG = -4 };

enum { RTVA_PACE_LOOK = 20 };

typedef struct rtva_pace { /* what one token took of late, ns: with one thread [0] and with all [1]; 0: not tried yet */
    double took[2];
    unsigned steps;
} rtva_pace;

/* Which of the two to use for the next token: the quicker one, and every RTVA_PACE_LOOK-th time the other. */
static inline int rtva_pace_next(const rtva_pace *p) {
    if (p->took[1] == 0.0 || p->took[0] == 0.0) return p->took[1] == 0.0;
    int quicker = p->took[1] < p->took[0];
    return p->steps % RTVA_PACE_LOOK ? quicker : !quicker;
}

/* Takes in what a token took. A step in which the machine did something else for long counts as three usual ones. */
static inline void rtva_pace_took(rtva_pace *p, int which, double ns) {
    double *took = &p->took[which];
    p->steps++;
    if (*took == 0.0) *took = ns;
    else *took += 0.25 * ((ns < 3.0 * *took ? ns : 3.0 * *took) - *took);
}

typedef struct rtva_decoder { /* a state that has listened, and what its key-value cache holds */
    const rtva_whisper *w;
    void *ctx, *state;
    int threads, n_vocab, n_path, decodes;
    int32_t eot, path[RTVA_MOST_PATH];
    volatile int cancelled;
    int (*poll)(void *user); /* asked before every decode; not 0: cancel */
    void *user;
    float *kept;        /* rows of logits after kept_path[0 .. kept_from + row) */
    int kept_from, n_kept, cap_kept;
    int32_t kept_path[RTVA_MOST_PATH];
    rtva_pace pace;
} rtva_decoder;

/* exp for x <= 0 within 2e-6 relative (degree-6 Taylor of 2^f), in a shape that compilers vectorise. */
static inline float rtva_exp(float x) {
    x = x < -80.0f ? -80.0f : x;
    float scaled = x * 1.44269504f;
    int32_t whole = (int32_t)(scaled - 0.5f);
    float f = (scaled - (float)whole) * 0.69314718f;
    float p = 1.0f + f * (1.0f + f * (0.5f + f * (0.16666667f + f * (0.041666667f + f * (0.0083333333f + f * 0.0013888889f)))));
    union { int32_t i; float f; } two = {(whole + 127) << 23};
    return p * two.f;
}

static float rtva_log_sum_exp(const float *logits, int n, float *top) {
    float high = logits[0], sums[16] = {0}, sum = 0.0f;
    for (int i = 1; i < n; i++) high = logits[i] > high ? logits[i] : high;
    int i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++) sums[k] += rtva_exp(logits[i + k] - high);
    for (; i < n; i++) sum += rtva_exp(logits[i] - high);
    for (int k = 0; k < 16; k++) sum += sums[k];
    *top = high;
    return high + logf(sum);
}

static void rtva_decoder_forget(rtva_decoder *d) { d->n_path = d->n_kept = 0; }

static void rtva_decoder_free(rtva_decoder *d) {
    free(d->kept);
    d->kept = NULL, d->n_kept = d->cap_kept = 0;
}

/* Remembers the logits after a path that is one token longer than what was remembered last, or begins anew. */
static void rtva_decoder_keep(rtva_decoder *d, const int32_t *path, int n, const float *logits) {
    if (d->n_kept == 0) d->kept_from = n;
    if (n != d->kept_from + d->n_kept || d->n_kept == RTVA_MOST_KEPT) return;
    if (d->n_kept == d->cap_kept) { /* without memory nothing is remembered, and decoded again */
        int cap = d->cap_kept ? 2 * d->cap_kept : 12;
        float *grown = realloc(d->kept, sizeof *grown * (size_t)cap * (size_t)d->n_vocab);
        if (!grown) return;
        d->kept = grown, d->cap_kept = cap;
    }
    memcpy(d->kept_path, path, sizeof *path * (size_t)n);
    memcpy(d->kept + (size_t)d->n_kept++ * (size_t)d->n_vocab, logits, sizeof *logits * (size_t)d->n_vocab);
}

static inline double rtva_decoder_clock_(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Decodes path[common .. n); not 0 on failure. */
static int rtva_decoder_step_(rtva_decoder *d, const int32_t *path, int common, int n) {
    int which = rtva_pace_next(&d->pace);
    double began = rtva_decoder_clock_();
    int rc = d->w->decode(d->ctx, d->state, path + common, n - common, common, which ? d->threads : 1);
    if (n - common == 1 && d->threads > 1) rtva_pace_took(&d->pace, which, rtva_decoder_clock_() - began);
    return rc;
}

/* Logits after the last token of `path`, remembered or decoded; NULL on failure or cancellation. */
static const float *rtva_decoder_at(rtva_decoder *d, const int32_t *path, int n) {
    int common = 0, row = n - d->kept_from;
    if (d->poll && d->poll(d->user)) d->cancelled = 1;
    if (d->cancelled) return NULL;
    if (row >= 0 && row < d->n_kept && !memcmp(path, d->kept_path, sizeof *path * (size_t)n))
        return d->kept + (size_t)row * (size_t)d->n_vocab;
    while (common < n - 1 && common < d->n_path && d->path[common] == path[common]) common++;
    d->n_path = 0;
    if (rtva_decoder_step_(d, path, common, n)) return NULL;
    d->decodes++;
    memcpy(d->path, path, sizeof *path * (size_t)n);
    d->n_path = n;
    return d->w->logits(d->state) + (size_t)(n - common - 1) * (size_t)d->n_vocab;
}

/* Whether the tokens end in a phrase said over and over: four times one word, three times two, twice three or more
 * (eight times without a word), and `patience` times more. */
static bool rtva_decode_repeats(const int32_t *tokens, int n, const uint8_t *marks, int patience) {
    for (int length = 1, words = 0; length <= n / 2 && length <= 64; length++) {
        words += (marks[tokens[n - length]] & RTVA_NEW_WORD) != 0;
        int needed = patience + (words == 0 ? 8 : words == 1 ? 4 : words == 2 ? 3 : 2), copies = 1;
        while (copies < needed && (copies + 1) * length <= n
               && !memcmp(tokens + n - length, tokens + n - (copies + 1) * length, sizeof *tokens * (size_t)length)) copies++;
        if (copies == needed) return true;
    }
    return false;
}

typedef struct { /* open decoding: what was asked, and what came of it */
    const uint8_t *marks; /* per text token: RTVA_ALWAYS, RTVA_AT_FIRST, RTVA_NEW_WORD */
    int32_t nosp;         /* the token whose probability is `no_speech` */
    int most, patience;   /* tokens; copies of a phrase beyond those of a loop */
    int n;
    bool is_loop;
    float end_logp, no_speech;
} rtva_open;

/* Open decoding: the likeliest token that is not suppressed, until the end, `most` tokens or the first repeat. Writes
 * at most `most` text tokens with their log probabilities, and remembers their logits. */
static int rtva_decode_open(rtva_decoder *d, rtva_open *o, const int32_t *prompt, int n_prompt, int32_t *tokens, float *logps) {
    int32_t path[RTVA_MOST_PATH];
    if (n_prompt + o->most + 1 > RTVA_MOST_PATH) return RTVA_SEARCH_TOO_LONG;
    memcpy(path, prompt, sizeof *prompt * (size_t)n_prompt);
    d->n_kept = 0;
    o->is_loop = false;
    for (o->n = 0;; o->n++) {
        const float *logits = rtva_decoder_at(d, path, n_prompt + o->n);
        if (!logits) return d->cancelled ? RTVA_SEARCH_CANCELLED : RTVA_SEARCH_DECODE;
        rtva_decoder_keep(d, path, n_prompt + o->n, logits);
        float top, sum = rtva_log_sum_exp(logits, d->n_vocab, &top);
        if (o->n == 0) o->no_speech = expf(logits[o->nosp] - sum);
        const uint8_t never = o->n == 0 ? RTVA_ALWAYS | RTVA_AT_FIRST : RTVA_ALWAYS;
        int32_t best = d->eot;
        for (int32_t t = 0; t < d->eot; t++)
            if (!(o->marks[t] & never) && (logits[t] > logits[best] || (o->n == 0 && best == d->eot))) best = t;
        o->end_logp = logits[d->eot] - sum;
        if (best == d->eot || o->n == o->most || o->is_loop) return RTVA_SEARCH_OK;
        tokens[o->n] = path[n_prompt + o->n] = best;
        logps[o->n] = logits[best] - sum;
        o->is_loop = rtva_decode_repeats(tokens, o->n + 1, o->marks, o->patience);
    }
}

/* Log probabilities of given tokens after `prompt` (scoring, forced prefixes). */
static int rtva_decode_forced(rtva_decoder *d, const int32_t *prompt, int n_prompt, const int32_t *tokens, int n, float *logps) {
    int32_t path[RTVA_MOST_PATH];
    if (n_prompt + n > RTVA_MOST_PATH) return RTVA_SEARCH_TOO_LONG;
    memcpy(path, prompt, sizeof *prompt * (size_t)n_prompt);
    for (int i = 0; i < n; i++) {
        const float *logits = rtva_decoder_at(d, path, n_prompt + i);
        if (!logits) return d->cancelled ? RTVA_SEARCH_CANCELLED : RTVA_SEARCH_DECODE;
        float top, sum = rtva_log_sum_exp(logits, d->n_vocab, &top);
        logps[i] = logits[tokens[i]] - sum;
        path[n_prompt + i] = tokens[i];
    }
    return RTVA_SEARCH_OK;
}

#endif
