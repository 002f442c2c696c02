/* Front end and endpointer on hostile input, under the sanitizers:  judge_stress FRAMES [SEED]
 *
 * Random signals up to full scale in both directions, random verdicts, random rules. Exits 1 if a level leaves its range
 * or an utterance is told out of order.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rtva_endpoint.h"
#include "rtva_front.h"
#include "stress.h"

static void make_frame(int16_t *frame, int kind, int level)
{
    for (int i = 0; i < RTVA_FRONT_SAMPLES; i++)
        frame[i] = (int16_t)(kind == 0   ? 0
                             : kind == 1 ? INT16_MIN
                             : kind == 2 ? (i & 8 ? INT16_MAX : INT16_MIN)
                             : kind == 3 ? level - 16384
                                         : below(level + 1) - level / 2);
}

static void check_front(const rtva_front *f, const int16_t *out)
{
    int64_t sum = 0;
    for (int i = 0; i < RTVA_FRONT_SAMPLES; i++)
        sum += (int64_t)out[i] * out[i];
    CHECK(f->energy == 0.0 || f->energy == (double)sum / RTVA_FRONT_SAMPLES);
    CHECK(isfinite(f->floor) && f->floor >= 0.0 && isfinite(f->peak) && f->peak >= 0.0);
    CHECK(f->is_active >= -1 && f->is_active <= 1 && f->clipped >= 0 && f->clipped <= RTVA_FRONT_SAMPLES);
    CHECK(llabs(f->dc) <= INT64_C(32769) << RTVA_FRONT_DC_SCALE);
}

/* SPEECH (PAUSE RESUME)* (ENDPOINT | TOO_LONG), positions in order. */
static void check_event(const rtva_endpoint_event *event, int *last)
{
    CHECK((event->kind == RTVA_SPEECH) == (*last == RTVA_ENDPOINT || *last == RTVA_TOO_LONG));
    CHECK(event->kind != RTVA_RESUME || *last == RTVA_PAUSE);
    CHECK(event->kind != RTVA_PAUSE || *last != RTVA_PAUSE);
    CHECK(event->start <= event->speech_start && event->speech_start < event->speech_end);
    CHECK(event->speech_end <= event->at);
    *last = event->kind;
}

static rtva_endpoint_config random_rules(void)
{
    rtva_endpoint_config c = {below(40), 1 + below(40), 1 + below(20), 1 + below(80), 0, 1 + below(5), 1 + below(30),
                              below(30)};
    c.max_utterance = c.preroll + c.min_speech + c.bridge + below(500);
    return c;
}

int main(int argc, char **argv)
{
    long frames = argc > 1 ? atol(argv[1]) : 100000;
    state = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * 2 + 1;
    rtva_front_config config = {34.0, 3.16, 1e-3, 0.5, 31.6, 0.986, 0.25, 30};
    rtva_front front;
    rtva_endpoint endpoint = {.position = 0}; /* the compiler does not see that the first frame sets it up */
    rtva_endpoint_event events[RTVA_ENDPOINT_EVENTS];
    int16_t in[RTVA_FRONT_SAMPLES], out[RTVA_FRONT_SAMPLES];
    int last = RTVA_ENDPOINT, verdict = 0, kind = 0, level = 0;
    long told = 0;
    rtva_front_init(&front, &config);
    for (long i = 0; i < frames; i++) {
        if (i % 5000 == 0) {
            rtva_endpoint_config rules = random_rules();
            CHECK(rtva_endpoint_init(&endpoint, &rules, (int64_t)i << 32) == RTVA_ENDPOINT_OK);
            last = RTVA_ENDPOINT;
        }
        if (below(12) == 0) {
            kind = below(8);
            level = below(32768);
            verdict = below(3) - 1;
        }
        make_frame(in, kind, level);
        rtva_front_process(&front, in, out);
        check_front(&front, out);
        int count = rtva_endpoint_push(&endpoint, verdict, front.is_active, events);
        CHECK(count <= RTVA_ENDPOINT_EVENTS);
        for (int e = 0; e < count; e++)
            check_event(&events[e], &last);
        if (below(100) == 0)
            rtva_endpoint_set_hangover(&endpoint, endpoint.speech_end - 160 * (below(4) == 0), below(100));
        told += count;
    }
    printf("judge    %ld frames, %ld events\n", frames, told);
    return 0;
}
