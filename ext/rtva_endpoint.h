/* rtva_endpoint: from a verdict every 10 ms to the five turn events, with exact sample positions.
 *
 * Contract
 * - One push a frame of 160 samples, in order. No allocation, no system call, no state outside the struct.
 * - A verdict is 1 (speech), 0 (not) or -1 (unknown). Unknown is neither: it ends no run and adds to no silence.
 * - Positions stand at frame boundaries. Of an utterance, SPEECH comes first and exactly once, ENDPOINT or TOO_LONG
 *   last and exactly once; between them PAUSE and RESUME alternate, beginning with PAUSE. A burst that never
 *   reaches min_speech gives no event at all.
 * - start = speech_start - preroll, but never before what the utterance before has used (its speech_end, or all of it
 *   if it was cut off as TOO_LONG) nor before the stream. speech_end is one past the last voiced sample so far.
 *
 * What counts
 * - The detector's verdict is corrected by the energy detector's (`is_active` of rtva_front.h; -1 where there is none):
 *   a detector holds "speech" for 60 to 150 ms after the voice has gone. Speech on a quiet frame is disbelieved, for at
 *   most `veto` frames in a row: a detector that insists longer hears something that the energy does not show.
 * - Voice is a run of at least `debounce` speech frames; shorter runs are silence.
 * - A candidate collects credit and becomes SPEECH at `min_speech` frames of it: 2 for a voiced frame that the energy
 *   detector confirms, 1 for any other, for a disbelieved one and for a frame of a gap that voice closes again. `bridge`
 *   frames of silence end a candidate. So "no" and "stop" pass a minimum of 250 ms with 130 ms of voice that stands
 *   out of the noise, while doubtful voice has to last for all of it.
 * - PAUSE and ENDPOINT are decided on a silent frame alone, by the count of silent frames since the last voiced one.
 * - The hangover may be changed for the pause in progress, which is named by its speech_end: what was found out about one
 *   pause never touches another. Each pause begins with the configured one. A frame is never waited for to find out what
 *   the silence counted so far says already: rtva_endpoint_settle() behind a change ends the turn exactly where a change
 *   before the last frame would have.
 */
#ifndef RTVA_ENDPOINT_H
#define RTVA_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#define RTVA_ENDPOINT_SAMPLES 160
#define RTVA_ENDPOINT_EVENTS 3 /* at most this many a push: SPEECH, PAUSE, TOO_LONG */

enum { RTVA_SPEECH = 0, RTVA_PAUSE = 1, RTVA_RESUME = 2, RTVA_ENDPOINT = 3, RTVA_TOO_LONG = 4 };

enum { RTVA_ENDPOINT_OK = 0, RTVA_ENDPOINT_BAD_CONFIG = -1 };

/* All in frames. */
typedef struct rtva_endpoint_config {
    int32_t preroll;
    int32_t min_speech;
    int32_t pause;
    int32_t hangover;
    int32_t max_utterance; /* from `start`, so it bounds the audio of a turn */
    int32_t debounce;
    int32_t bridge;
    int32_t veto;
} rtva_endpoint_config;

typedef struct rtva_endpoint_event {
    int32_t kind;
    int64_t at, start, speech_start, speech_end;
} rtva_endpoint_event;

typedef struct rtva_endpoint {
    rtva_endpoint_config config;
    int64_t position; /* end of the last frame */
    int64_t earliest; /* no utterance starts before this */
    int64_t run_start, speech_start, speech_end;
    int32_t hangover; /* of the pause in progress */
    int32_t run;      /* speech frames in a row (unknown ones do not break it) */
    int32_t run_credit;
    int32_t credit;  /* of the candidate */
    int32_t gap;     /* silent frames that become credit if voice closes the gap */
    int32_t silence; /* silent frames since the last voiced one */
    int32_t vetoed;  /* speech frames disbelieved in a row */
    bool is_candidate, in_speech, is_paused;
    bool was_silent; /* the last frame */
} rtva_endpoint;

static inline void rtva_endpoint_forget_(rtva_endpoint *e)
{
    e->run = e->run_credit = e->credit = e->gap = e->silence = 0;
    e->is_candidate = e->in_speech = e->is_paused = e->was_silent = false;
    e->hangover = e->config.hangover;
}

/* Starts over at sample `position`. */
static inline void rtva_endpoint_reset(rtva_endpoint *e, int64_t position)
{
    e->position = e->earliest = position;
    e->vetoed = 0;
    rtva_endpoint_forget_(e);
}

static inline int rtva_endpoint_init(rtva_endpoint *e, const rtva_endpoint_config *c, int64_t position)
{
    if (c->preroll < 0 || c->min_speech < 1 || c->pause < 1 || c->hangover < 1 || c->debounce < 1 || c->bridge < 1 ||
        c->veto < 0 || c->max_utterance < c->preroll + c->min_speech + c->bridge)
        return RTVA_ENDPOINT_BAD_CONFIG;
    *e = (rtva_endpoint){.config = *c};
    rtva_endpoint_reset(e, position);
    return RTVA_ENDPOINT_OK;
}

/* For the pause that began at `speech_end`, from the next frame on; false when that is not the pause in progress. */
static inline bool rtva_endpoint_set_hangover(rtva_endpoint *e, int64_t speech_end, int32_t frames)
{
    if (!e->is_paused || e->speech_end != speech_end || frames < 1)
        return false;
    e->hangover = frames;
    return true;
}

static inline int64_t rtva_endpoint_start_(const rtva_endpoint *e)
{
    int64_t start = e->speech_start - (int64_t)e->config.preroll * RTVA_ENDPOINT_SAMPLES;
    return start > e->earliest ? start : e->earliest;
}

/* Is speech to be disbelieved, because the frame is quiet and the detector has not insisted for long? */
static inline bool rtva_endpoint_is_vetoed_(rtva_endpoint *e, int verdict, int is_active)
{
    if (verdict < 0)
        return false;
    if (verdict == 0 || is_active != 0)
        e->vetoed = 0;
    else if (e->vetoed < e->config.veto)
        return ++e->vetoed > 0;
    return false;
}

static inline void rtva_endpoint_on_speech_(rtva_endpoint *e, bool is_confirmed)
{
    if (e->run++ == 0)
        e->run_start = e->position - RTVA_ENDPOINT_SAMPLES;
    e->run_credit += is_confirmed ? 2 : 1;
    if (e->run < e->config.debounce)
        return;
    if (!e->is_candidate && !e->in_speech) {
        e->is_candidate = true;
        e->speech_start = e->run_start;
        e->credit = e->gap = 0;
    }
    e->credit += e->run_credit + e->gap;
    e->run_credit = e->gap = e->silence = 0;
    e->speech_end = e->position;
}

static inline void rtva_endpoint_on_silence_(rtva_endpoint *e, bool is_vetoed)
{
    int32_t failed = e->run < e->config.debounce ? e->run : 0; /* a run too short was silence after all */
    e->silence += failed + 1;
    e->gap += failed + !is_vetoed;
    e->credit += is_vetoed && e->is_candidate;
    e->run = e->run_credit = 0;
}

static inline rtva_endpoint_event rtva_endpoint_event_(const rtva_endpoint *e, int kind)
{
    return (rtva_endpoint_event){kind, e->position, rtva_endpoint_start_(e), e->speech_start, e->speech_end};
}

static inline int rtva_endpoint_end_(rtva_endpoint *e, int kind, rtva_endpoint_event *event)
{
    *event = rtva_endpoint_event_(e, kind);
    e->earliest = kind == RTVA_TOO_LONG ? e->position : e->speech_end;
    rtva_endpoint_forget_(e);
    return 1;
}

/* Behind a change of the hangover, without another frame: 1 and the ENDPOINT if the silence so far is long enough. */
static inline int rtva_endpoint_settle(rtva_endpoint *e, rtva_endpoint_event *event)
{
    if (!e->is_paused || !e->was_silent || e->silence < e->hangover)
        return 0;
    return rtva_endpoint_end_(e, RTVA_ENDPOINT, event);
}

/* One frame. Writes up to RTVA_ENDPOINT_EVENTS events and returns how many. */
static inline int rtva_endpoint_push(rtva_endpoint *e, int verdict, int is_active, rtva_endpoint_event *events)
{
    int count = 0;
    e->position += RTVA_ENDPOINT_SAMPLES;
    bool is_vetoed = rtva_endpoint_is_vetoed_(e, verdict, is_active);
    bool is_silent = e->was_silent = verdict == 0 || is_vetoed;
    if (is_silent)
        rtva_endpoint_on_silence_(e, is_vetoed);
    else if (verdict > 0)
        rtva_endpoint_on_speech_(e, is_active > 0);
    if (e->is_candidate && e->credit >= e->config.min_speech) {
        e->is_candidate = false;
        e->in_speech = true;
        events[count++] = rtva_endpoint_event_(e, RTVA_SPEECH);
    } else if (!e->in_speech && is_silent && e->silence >= e->config.bridge) {
        rtva_endpoint_forget_(e);
    }
    if (!e->in_speech)
        return count;
    if (e->is_paused && e->silence == 0) {
        e->is_paused = false;
        e->hangover = e->config.hangover;
        events[count++] = rtva_endpoint_event_(e, RTVA_RESUME);
    }
    if (is_silent && e->silence >= e->hangover)
        return count + rtva_endpoint_end_(e, RTVA_ENDPOINT, &events[count]);
    if (is_silent && !e->is_paused && e->silence >= e->config.pause) {
        e->is_paused = true;
        events[count++] = rtva_endpoint_event_(e, RTVA_PAUSE);
    }
    if (e->position - rtva_endpoint_start_(e) >= (int64_t)e->config.max_utterance * RTVA_ENDPOINT_SAMPLES)
        count += rtva_endpoint_end_(e, RTVA_TOO_LONG, &events[count]);
    return count;
}

#endif
