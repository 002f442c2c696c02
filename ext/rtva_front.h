/* rtva_front: what can be said about a 10 ms frame before any model looks at it.
 *
 * Contract
 * - 160 mono int16 samples at 16 kHz in, the same without their constant offset out (in and out may be the same).
 * - No allocation, no system call, no state outside the struct; about a microsecond a frame.
 * - Integer arithmetic on samples and only + - * / and comparisons on energies, so that a verdict is the same on every
 *   machine (build with contraction of floating-point expressions off, which -std=c11 does).
 * - `is_active` is -1 when the detector cannot tell: in its first 300 ms, and while what it has heard lately does not
 *   stand out of the noise by 15 dB. Unknown is never silence.
 *
 * How. The offset is tracked by a leaky integrator (corner 10 Hz) and subtracted. The energy of a frame is its mean
 * square. The noise floor is the minimum of the smoothed energy over the last 4 s, kept as 20 blocks (R. Martin, "Noise
 * power spectral density estimation based on optimal smoothing and minimum statistics", IEEE TSAP 9(5), 2001, reduced
 * to one band). A frame whose samples are all equal is digital silence: its energy is 0, and it is no noise, so it does
 * not enter the floor. A peak follows speech and decays by 6 dB/s.
 * A frame is active above the higher of "floor + 5 dB" and "peak - 30 dB", and stays active down to 3 dB below that.
 */
#ifndef RTVA_FRONT_H
#define RTVA_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#define RTVA_FRONT_SAMPLES 160
#define RTVA_FRONT_BLOCKS 20       /* of the minimum search, */
#define RTVA_FRONT_BLOCK_FRAMES 20 /* 200 ms each */
#define RTVA_FRONT_DC_SHIFT 8      /* 2**-8 per sample: tau 16 ms, corner 16000 / (2 pi 256) = 10 Hz */
#define RTVA_FRONT_DC_SCALE 16     /* fraction bits of the offset */

enum {
    RTVA_FRONT_UNKNOWN = -1,
    RTVA_FRONT_QUIET = 0,
    RTVA_FRONT_ACTIVE = 1
};

/* Ratios of energies, and per-frame factors. */
typedef struct rtva_front_config {
    double floor_least; /* mean square below which the floor never falls */
    double on_ratio;    /* active from floor * on_ratio, */
    double range_ratio; /* and from peak * range_ratio */
    double stay_ratio;  /* an active frame stays so down to threshold * stay_ratio */
    double contrast;    /* quiet is only known while peak >= floor * contrast */
    double peak_decay;
    double smoothing;
    int32_t warmup_frames;
} rtva_front_config;

typedef struct rtva_front {
    rtva_front_config config;
    int64_t dc;      /* offset, in 2**-16 samples */
    double energy;   /* mean square of the last frame, without offset */
    double previous; /* of the one before */
    double smoothed;
    double floor; /* mean square; 0 while unknown */
    double peak;
    double blocks[RTVA_FRONT_BLOCKS]; /* minima of complete blocks, newest at block_next - 1 */
    double block_minimum;             /* of the block in progress */
    int32_t block_frames;
    int32_t block_next;
    int32_t blocks_known;
    int64_t frames;       /* seen */
    int64_t noise_frames; /* seen and not digital silence */
    int64_t clipped_total;
    int32_t clipped; /* samples at full scale in the last frame */
    int32_t is_active; /* RTVA_FRONT_UNKNOWN, _QUIET or _ACTIVE */
} rtva_front;

static inline void rtva_front_init(rtva_front *f, const rtva_front_config *config)
{
    *f = (rtva_front){.config = *config, .is_active = RTVA_FRONT_UNKNOWN};
}

/* Subtracts the offset; returns the sum of squares of what is left, 0 for digital silence (in which what is left is only
 * the offset on its way). */
static inline uint64_t rtva_front_remove_dc_(rtva_front *f, const int16_t *in, int16_t *out)
{
    int64_t dc = f->dc;
    uint64_t sum = 0;
    int32_t clipped = 0;
    bool is_flat = true;
    const int16_t first = in[0];
    if (f->frames == 0) { /* begin at the mean, so that a constant offset is gone from the first sample */
        for (int i = 0; i < RTVA_FRONT_SAMPLES; i++)
            dc += in[i];
        dc = dc * (INT64_C(1) << RTVA_FRONT_DC_SCALE) / RTVA_FRONT_SAMPLES;
    }
    for (int i = 0; i < RTVA_FRONT_SAMPLES; i++) {
        int64_t x = in[i];
        clipped += x == INT16_MAX || x == INT16_MIN;
        is_flat = is_flat && x == first;
        int64_t y = x - ((dc + (INT64_C(1) << (RTVA_FRONT_DC_SCALE - 1))) >> RTVA_FRONT_DC_SCALE);
        dc += (x * (INT64_C(1) << RTVA_FRONT_DC_SCALE) - dc) >> RTVA_FRONT_DC_SHIFT;
        y = y > INT16_MAX ? INT16_MAX : y < INT16_MIN ? INT16_MIN : y;
        out[i] = (int16_t)y;
        sum += (uint64_t)(y * y);
    }
    f->dc = dc;
    f->clipped = clipped;
    f->clipped_total += clipped;
    return is_flat ? 0 : sum;
}

/* Minimum statistics over the smoothed energy. */
static inline void rtva_front_track_floor_(rtva_front *f)
{
    f->smoothed = f->noise_frames == 0 ? f->energy : f->smoothed + f->config.smoothing * (f->energy - f->smoothed);
    f->noise_frames++;
    if (f->block_frames == 0 || f->smoothed < f->block_minimum)
        f->block_minimum = f->smoothed;
    double minimum = f->block_minimum;
    for (int i = 0; i < f->blocks_known; i++)
        minimum = f->blocks[i] < minimum ? f->blocks[i] : minimum;
    f->floor = minimum > f->config.floor_least ? minimum : f->config.floor_least;
    if (++f->block_frames == RTVA_FRONT_BLOCK_FRAMES) {
        f->blocks[f->block_next] = f->block_minimum;
        f->block_next = (f->block_next + 1) % RTVA_FRONT_BLOCKS;
        f->blocks_known += f->blocks_known < RTVA_FRONT_BLOCKS;
        f->block_frames = 0;
    }
}

static inline int32_t rtva_front_judge_(const rtva_front *f)
{
    const rtva_front_config *c = &f->config;
    if (f->noise_frames < c->warmup_frames)
        return RTVA_FRONT_UNKNOWN;
    if (f->energy == 0.0)
        return RTVA_FRONT_QUIET;
    double now = 0.5 * (f->energy + f->previous); /* two frames: pitch pulses beat against 10 ms */
    double threshold = f->floor * c->on_ratio;
    if (f->peak * c->range_ratio > threshold)
        threshold = f->peak * c->range_ratio;
    if (f->is_active == RTVA_FRONT_ACTIVE)
        threshold *= c->stay_ratio;
    if (now >= threshold)
        return RTVA_FRONT_ACTIVE;
    return f->peak < f->floor * c->contrast ? RTVA_FRONT_UNKNOWN : RTVA_FRONT_QUIET;
}

/* One frame; afterwards dc, energy, floor, is_active and clipped tell about it. Returns is_active. */
static inline int rtva_front_process(rtva_front *f, const int16_t *in, int16_t *out)
{
    f->previous = f->energy;
    f->energy = (double)rtva_front_remove_dc_(f, in, out) / RTVA_FRONT_SAMPLES;
    if (f->frames++ == 0)
        f->previous = f->energy;
    if (f->energy > 0.0)
        rtva_front_track_floor_(f);
    f->peak *= f->config.peak_decay;
    if (f->smoothed > f->peak)
        f->peak = f->smoothed;
    f->is_active = rtva_front_judge_(f);
    return f->is_active;
}

#endif
