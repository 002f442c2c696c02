/* rtva_mel: Whisper's log-mel spectrogram, a 10 ms frame at a time.
 *
 * Contract
 * - Frame i is centred on sample 160 i: a Hann window of 400 samples from 160 i - 200 on, the power of its discrete
 *   Fourier transform, a triangular filter bank, the decimal logarithm of at least 1e-10. Samples before the first are
 *   its mirror image, samples behind the last are zeros (openai/whisper, audio.py: torch.stft, center=True, reflect).
 * - rtva_mel_push() takes any number of samples and computes each frame once its last sample is there;
 *   rtva_mel_finish() ends the utterance with zeros and writes `n_out` frames, band by band, each clamped to the
 *   loudest value - 8 and scaled by (x + 4) / 4. Frames that lie wholly behind the end count as 1e-10.
 * - finish may be called again after more samples: the frames at the end are computed anew, the others are kept.
 * - No allocation in push but the growth of `frames`; one thread at a time.
 */
#ifndef RTVA_MEL_H
#define RTVA_MEL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { RTVA_MEL_WINDOW = 400, RTVA_MEL_HOP = 160, RTVA_MEL_BINS = 201, RTVA_MEL_HALF = 200, RTVA_MEL_MOST_BANDS = 128 };

typedef struct { float re, im; } rtva_mel_complex;

typedef struct rtva_mel {
    int32_t n_bands, first[RTVA_MEL_MOST_BANDS], last[RTVA_MEL_MOST_BANDS]; /* bins of each filter that are not 0 */
    float *bank;                                                            /* n_bands x RTVA_MEL_BINS */
    float window[RTVA_MEL_WINDOW];
    rtva_mel_complex half[RTVA_MEL_HALF], whole[RTVA_MEL_HALF + 1];         /* e^(-2 pi i k / 200), e^(-2 pi i k / 400) */
    float held[RTVA_MEL_WINDOW];           /* the samples that the next frame needs, and how many */
    int32_t n_held;
    int64_t n_samples, n_frames, cap_frames;
    float *frames;                         /* n_frames x n_bands, logarithms, not clamped */
} rtva_mel;

static bool rtva_mel_init(rtva_mel *m, const float *bank, int32_t n_bands) {
    const double pi = 3.14159265358979323846;
    memset(m, 0, sizeof *m);
    m->n_bands = n_bands;
    m->bank = malloc(sizeof *bank * (size_t)n_bands * RTVA_MEL_BINS);
    if (!m->bank) return false;
    memcpy(m->bank, bank, sizeof *bank * (size_t)n_bands * RTVA_MEL_BINS);
    for (int32_t b = 0; b < n_bands; b++) {
        const float *row = bank + (size_t)b * RTVA_MEL_BINS;
        m->first[b] = 0, m->last[b] = RTVA_MEL_BINS;
        while (m->first[b] < m->last[b] && row[m->first[b]] == 0.0f) m->first[b]++;
        while (m->last[b] > m->first[b] && row[m->last[b] - 1] == 0.0f) m->last[b]--;
    }
    for (int i = 0; i < RTVA_MEL_WINDOW; i++) m->window[i] = (float)(0.5 * (1.0 - cos(2.0 * pi * i / RTVA_MEL_WINDOW)));
    for (int k = 0; k < RTVA_MEL_HALF; k++) {
        m->half[k] = (rtva_mel_complex){(float)cos(2 * pi * k / RTVA_MEL_HALF), (float)-sin(2 * pi * k / RTVA_MEL_HALF)};
    }
    for (int k = 0; k <= RTVA_MEL_HALF; k++) {
        m->whole[k] = (rtva_mel_complex){(float)cos(2 * pi * k / RTVA_MEL_WINDOW), (float)-sin(2 * pi * k / RTVA_MEL_WINDOW)};
    }
    return true;
}

static void rtva_mel_free(rtva_mel *m) {
    free(m->bank), free(m->frames);
    m->bank = NULL, m->frames = NULL;
}

static void rtva_mel_reset(rtva_mel *m) { m->n_held = 0, m->n_samples = m->n_frames = 0; }

static inline rtva_mel_complex rtva_mel_times(rtva_mel_complex a, rtva_mel_complex b) {
    return (rtva_mel_complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* Stockham's transform, mixed radices (R. C. Agarwal and J. W. Cooley 1987): butterflies over `n` values with stride
 * `s`, n * s = 200. */
static void rtva_mel_four(const rtva_mel *m, int n, int s, const rtva_mel_complex *x, rtva_mel_complex *y) {
    for (int p = 0, step = n / 4; p < step; p++) {
        const rtva_mel_complex w1 = m->half[p * s], w2 = m->half[2 * p * s], w3 = m->half[3 * p * s];
        for (int q = 0; q < s; q++) {
            const rtva_mel_complex a = x[q + s * p], b = x[q + s * (p + step)];
            const rtva_mel_complex c = x[q + s * (p + 2 * step)], d = x[q + s * (p + 3 * step)];
            const rtva_mel_complex ac = {a.re + c.re, a.im + c.im}, bd = {b.re + d.re, b.im + d.im};
            const rtva_mel_complex a_c = {a.re - c.re, a.im - c.im}, b_d = {b.im - d.im, d.re - b.re};
            rtva_mel_complex *to = y + q + s * 4 * p;
            to[0] = (rtva_mel_complex){ac.re + bd.re, ac.im + bd.im};
            to[s] = rtva_mel_times((rtva_mel_complex){a_c.re + b_d.re, a_c.im + b_d.im}, w1);
            to[2 * s] = rtva_mel_times((rtva_mel_complex){ac.re - bd.re, ac.im - bd.im}, w2);
            to[3 * s] = rtva_mel_times((rtva_mel_complex){a_c.re - b_d.re, a_c.im - b_d.im}, w3);
        }
    }
}

static void rtva_mel_two(const rtva_mel *m, int n, int s, const rtva_mel_complex *x, rtva_mel_complex *y) {
    for (int p = 0, step = n / 2; p < step; p++) {
        for (int q = 0; q < s; q++) {
            const rtva_mel_complex a = x[q + s * p], b = x[q + s * (p + step)];
            y[q + s * 2 * p] = (rtva_mel_complex){a.re + b.re, a.im + b.im};
            y[q + s * (2 * p + 1)] = rtva_mel_times((rtva_mel_complex){a.re - b.re, a.im - b.im}, m->half[p * s]);
        }
    }
}

static void rtva_mel_five(const rtva_mel *m, int n, int s, const rtva_mel_complex *x, rtva_mel_complex *y) {
    const float c1 = 0.30901699437f, c2 = -0.80901699437f, s1 = 0.95105651630f, s2 = 0.58778525229f; /* of 72 and 144 degrees */
    for (int p = 0, step = n / 5; p < step; p++) {
        for (int q = 0; q < s; q++) {
            const rtva_mel_complex a = x[q + s * p], b = x[q + s * (p + step)], c = x[q + s * (p + 2 * step)];
            const rtva_mel_complex d = x[q + s * (p + 3 * step)], e = x[q + s * (p + 4 * step)];
            const rtva_mel_complex be = {b.re + e.re, b.im + e.im}, cd = {c.re + d.re, c.im + d.im};
            const rtva_mel_complex b_e = {b.re - e.re, b.im - e.im}, c_d = {c.re - d.re, c.im - d.im};
            const rtva_mel_complex u = {a.re + c1 * be.re + c2 * cd.re, a.im + c1 * be.im + c2 * cd.im};
            const rtva_mel_complex v = {a.re + c2 * be.re + c1 * cd.re, a.im + c2 * be.im + c1 * cd.im};
            const rtva_mel_complex f = {s1 * b_e.im + s2 * c_d.im, -s1 * b_e.re - s2 * c_d.re};
            const rtva_mel_complex g = {s2 * b_e.im - s1 * c_d.im, -s2 * b_e.re + s1 * c_d.re};
            rtva_mel_complex *to = y + q + s * 5 * p;
            to[0] = (rtva_mel_complex){a.re + be.re + cd.re, a.im + be.im + cd.im};
            to[s] = rtva_mel_times((rtva_mel_complex){u.re + f.re, u.im + f.im}, m->half[p * s]);
            to[2 * s] = rtva_mel_times((rtva_mel_complex){v.re + g.re, v.im + g.im}, m->half[2 * p * s]);
            to[3 * s] = rtva_mel_times((rtva_mel_complex){v.re - g.re, v.im - g.im}, m->half[3 * p * s]);
            to[4 * s] = rtva_mel_times((rtva_mel_complex){u.re - f.re, u.im - f.im}, m->half[4 * p * s]);
        }
    }
}

/* Power of the real transform of 400 windowed samples: a complex one of 200, then the even and odd halves apart. */
static void rtva_mel_power(const rtva_mel *m, const float *samples, float *power) {
    rtva_mel_complex a[RTVA_MEL_HALF], b[RTVA_MEL_HALF];
    for (int i = 0; i < RTVA_MEL_HALF; i++) {
        a[i].re = samples[2 * i] * m->window[2 * i];
        a[i].im = samples[2 * i + 1] * m->window[2 * i + 1];
    }
    rtva_mel_four(m, 200, 1, a, b);
    rtva_mel_two(m, 50, 4, b, a);
    rtva_mel_five(m, 25, 8, a, b);
    rtva_mel_five(m, 5, 40, b, a);
    for (int k = 0; k <= RTVA_MEL_HALF; k++) {
        const rtva_mel_complex z = a[k % RTVA_MEL_HALF], mirror = a[(RTVA_MEL_HALF - k) % RTVA_MEL_HALF];
        const rtva_mel_complex even = {0.5f * (z.re + mirror.re), 0.5f * (z.im - mirror.im)};
        const rtva_mel_complex odd = {0.5f * (z.im + mirror.im), -0.5f * (z.re - mirror.re)};
        const rtva_mel_complex turned = rtva_mel_times(odd, m->whole[k]);
        const float re = even.re + turned.re, im = even.im + turned.im;
        power[k] = re * re + im * im;
    }
}

/* `out[band]`: decimal logarithms of one frame. */
static void rtva_mel_frame(const rtva_mel *m, const float *samples, float *out) {
    float power[RTVA_MEL_BINS];
    rtva_mel_power(m, samples, power);
    for (int32_t b = 0; b < m->n_bands; b++) {
        const float *row = m->bank + (size_t)b * RTVA_MEL_BINS;
        float sum = 0.0f;
        for (int32_t k = m->first[b]; k < m->last[b]; k++) sum += row[k] * power[k];
        out[b] = log10f(sum > 1e-10f ? sum : 1e-10f);
    }
}

static bool rtva_mel_room(rtva_mel *m, int64_t n) {
    if (n <= m->cap_frames) return true;
    int64_t cap = m->cap_frames ? m->cap_frames : 256;
    while (cap < n) cap *= 2;
    float *grown = realloc(m->frames, sizeof *grown * (size_t)cap * (size_t)m->n_bands);
    if (!grown) return false;
    m->frames = grown, m->cap_frames = cap;
    return true;
}

/* Appends samples. False when there is no memory; then the utterance is to be begun anew. */
static bool rtva_mel_push(rtva_mel *m, const float *samples, int64_t n) {
    if (!rtva_mel_room(m, (m->n_samples + n) / RTVA_MEL_HOP + 1)) return false;
    for (int64_t i = 0; i < n;) {
        /* The first window is half mirror image, which is filled in when the other half is there. */
        if (m->n_samples == 0 && m->n_held == 0) m->n_held = RTVA_MEL_HALF;
        int64_t take = RTVA_MEL_WINDOW - m->n_held < n - i ? RTVA_MEL_WINDOW - m->n_held : n - i;
        memcpy(m->held + m->n_held, samples + i, sizeof *samples * (size_t)take);
        m->n_held += (int32_t)take, m->n_samples += take, i += take;
        if (m->n_held < RTVA_MEL_WINDOW) break;
        if (m->n_frames == 0) {
            for (int j = 1; j < RTVA_MEL_HALF; j++) m->held[RTVA_MEL_HALF - j] = m->held[RTVA_MEL_HALF + j];
            m->held[0] = 0.0f; /* its weight in the window is 0, and no later frame has it */
        }
        rtva_mel_frame(m, m->held, m->frames + (size_t)m->n_frames++ * (size_t)m->n_bands);
        memmove(m->held, m->held + RTVA_MEL_HOP, sizeof *m->held * (RTVA_MEL_WINDOW - RTVA_MEL_HOP));
        m->n_held -= RTVA_MEL_HOP;
    }
    return true;
}

/* Writes `n_out` frames as Whisper's encoder takes them, out[band * n_out + frame]. False when there is no memory. */
static bool rtva_mel_finish(rtva_mel *m, float *out, int64_t n_out) {
    const int64_t kept = m->n_frames, last = m->n_samples ? (m->n_samples + RTVA_MEL_HALF - 1) / RTVA_MEL_HOP + 1 : 0;
    float window[RTVA_MEL_WINDOW], high = -10.0f;
    if (!rtva_mel_room(m, last)) return false;
    memset(window, 0, sizeof window);
    memcpy(window, m->held, sizeof *window * (size_t)m->n_held);
    if (kept == 0)
        for (int j = 1; j < RTVA_MEL_HALF; j++) window[RTVA_MEL_HALF - j] = window[RTVA_MEL_HALF + j];
    for (int64_t i = kept; i < last; i++) {
        rtva_mel_frame(m, window, m->frames + (size_t)i * (size_t)m->n_bands);
        memmove(window, window + RTVA_MEL_HOP, sizeof *window * (RTVA_MEL_WINDOW - RTVA_MEL_HOP));
        memset(window + RTVA_MEL_WINDOW - RTVA_MEL_HOP, 0, sizeof *window * RTVA_MEL_HOP);
    }
    const int64_t n = last < n_out ? last : n_out;
    for (int64_t i = 0; i < last * m->n_bands; i++) high = m->frames[i] > high ? m->frames[i] : high;
    const float floor = high - 8.0f, silence = ((floor > -10.0f ? floor : -10.0f) + 4.0f) / 4.0f;
    for (int32_t b = 0; b < m->n_bands; b++) {
        float *row = out + (size_t)b * (size_t)n_out;
        for (int64_t i = 0; i < n; i++) {
            const float x = m->frames[(size_t)i * (size_t)m->n_bands + (size_t)b];
            row[i] = ((x > floor ? x : floor) + 4.0f) / 4.0f;
        }
        for (int64_t i = n; i < n_out; i++) row[i] = silence;
    }
    return true;
}

#endif
