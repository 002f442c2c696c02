/* Gives alsa-lib's `file` and `null` devices what hardware has and they lack: a clock, a buffer that overruns, limits on
 * rate, channels and format, and faults. For LD_PRELOAD; everything else is the real alsa-lib.
 *
 * RTVA_HW      words: paced, rate=48000, channels=2, format=S32_LE, ppm=200 (the device's clock is that much fast)
 * RTVA_FAULTS  N:NAME, separated by commas, keyed on the Nth read or write of the process, from 1:
 *              EPIPE ESTRPIPE EIO once; ENODEV for ever; STALL delivers nothing for ever; ENODEV@open, EBUSY@open and
 *              EACCES@open refuse snd_pcm_open (without N)
 * RTVA_CONTROL a file of 64 bytes, 16 numbers (enum below), through which another process commands the faults of a
 *              running one; the sound gets a little noise, as every microphone has
 * One PCM a direction; non-blocking callers only when paced. */
#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* RTLD_NEXT is NULL here when the Python extension was opened RTLD_LOCAL, so alsa-lib is asked by name. */
static void *library(void) {
    static void *handle;
    if (!handle) handle = dlopen("libasound.so.2", RTLD_NOW);
    return handle;
}
#define REAL(type, name, args) \
    static type(*real) args; \
    if (!real) real = (type(*) args)dlsym(library(), name)

/* Numbers of the control file. ONCE is an errno for the next call and goes back to 0; the others last until taken back.
 * LOUD_MS is when the loudspeaker sounds for the last time by what it was given and not told to forget (ms, monotonic).
 * RATE is what the device's clock really does, in Hz; SOUND is 1 for zeros, 2 for a constant, 3 for a full-scale square. */
enum { ONCE, GONE, STALLED, BUSY, OPEN_BLOCKS, READ_BLOCKS, RATE, SOUND, PLAY_ONCE, PLAY_GONE, OPENS, WALL_S, LOUD_MS, NUMBERS = 16 };

static volatile int32_t *control(void) {
    static volatile int32_t *page;
    static int32_t none[NUMBERS];
    const char *path = getenv("RTVA_CONTROL");
    if (!page && path) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *found = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd >= 0) close(fd);
        if (found != MAP_FAILED) page = found;
    }
    return page ? page : none;
}

/* The wall clock jumps; the monotonic one never does. The program's own calls come here, also the library's. */
int clock_gettime(clockid_t which, struct timespec *at) {
    int rc = (int)syscall(SYS_clock_gettime, which, at);
    if (!rc && which == CLOCK_REALTIME) at->tv_sec += control()[WALL_S];
    return rc;
}

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL); }

typedef struct {
    snd_pcm_t *pcm;
    int is_capture, is_gone, is_stalled, timer;
    snd_pcm_state_t state;
    int64_t start_ns, base; /* base: frames made before start_ns, when the rate was another */
    double rate_hz, said_hz;
    int64_t moved; /* frames read or written since the start */
    int64_t buffer, period;
} device;

static device devices[2];
static long calls;

static const char *word(const char *name) {
    const char *all = getenv("RTVA_HW");
    size_t length = strlen(name);
    for (const char *at = all; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
        if (!strncmp(at, name, length)) return at + length;
    return NULL;
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The device of a handle that the program opened; NULL for one that a plugin opened beneath it, which goes through. */
static device *find(snd_pcm_t *pcm) {
    for (int i = 0; i < 2; i++)
        if (devices[i].pcm == pcm) return &devices[i];
    return NULL;
}

static device *paced(snd_pcm_t *pcm) { return word("paced") ? find(pcm) : NULL; }

/* Frames the device's clock has made or played since the start. */
static int64_t elapsed(const device *d) {
    return d->start_ns ? d->base + (int64_t)((double)(now_ns() - d->start_ns) * d->rate_hz / 1e9) : 0;
}

/* Frames that can be read or written now; -EPIPE after an overrun or underrun. */
static int64_t avail(device *d) {
    double rate_hz = d->is_capture && control()[RATE] ? control()[RATE] : d->said_hz;
    if (rate_hz != d->rate_hz) {
        d->base = elapsed(d);
        if (d->start_ns) d->start_ns = now_ns();
        d->rate_hz = rate_hz;
    }
    if (d->state == SND_PCM_STATE_XRUN) return -EPIPE;
    if (d->state == SND_PCM_STATE_DRAINING && elapsed(d) >= d->moved) d->state = SND_PCM_STATE_SETUP;
    int64_t ahead = d->is_capture ? elapsed(d) - d->moved : d->buffer - d->moved + elapsed(d);
    if (d->state == SND_PCM_STATE_RUNNING && ahead > d->buffer) {
        d->state = SND_PCM_STATE_XRUN;
        return -EPIPE;
    }
    return d->state == SND_PCM_STATE_RUNNING || !d->is_capture ? ahead : 0;
}

/* Wakes a poller when one period can be moved. */
static void arm(device *d) {
    struct itimerspec when = {0};
    if (d->start_ns && !d->is_stalled) {
        int64_t frames = d->is_capture ? d->moved + d->period : d->moved - d->buffer + d->period;
        int64_t at = d->start_ns + (int64_t)((double)(frames - d->base) * 1e9 / d->rate_hz);
        when.it_value.tv_sec = at / 1000000000;
        when.it_value.tv_nsec = at % 1000000000;
    }
    timerfd_settime(d->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int is(const char *at, const char *name) { return !strncmp(at, name, strlen(name)); }

/* The error of this call, 0 for none. */
static int fault(device *d) {
    volatile int32_t *now = control();
    while (d->is_capture && now[READ_BLOCKS]) nap();
    int once = d->is_capture ? ONCE : PLAY_ONCE, code = now[once];
    now[once] = 0;
    if (now[d->is_capture ? GONE : PLAY_GONE]) d->is_gone = 1;
    if (code == EPIPE) d->state = SND_PCM_STATE_XRUN;
    if (code) return -code;
    if (d->is_capture && now[STALLED] && !d->is_gone) return -EAGAIN;
    calls++;
    for (const char *at = getenv("RTVA_FAULTS"); at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        char *name;
        if (strtol(at, &name, 10) != calls || *name++ != ':') continue;
        if (is(name, "ENODEV")) d->is_gone = 1;
        if (is(name, "STALL")) d->is_stalled = 1;
        if (is(name, "ESTRPIPE")) return -ESTRPIPE;
        if (is(name, "EIO")) return -EIO;
        if (is(name, "EPIPE")) {
            d->state = SND_PCM_STATE_XRUN;
            return -EPIPE;
        }
    }
    return d->is_gone ? -ENODEV : d->is_stalled ? -EAGAIN : 0;
}

int snd_pcm_open(snd_pcm_t **pcm, const char *name, snd_pcm_stream_t stream, int mode) {
    REAL(int, "snd_pcm_open", (snd_pcm_t **, const char *, snd_pcm_stream_t, int));
    const char *faults = getenv("RTVA_FAULTS");
    if (faults && strstr(faults, "EBUSY@open")) return -EBUSY;
    if (faults && strstr(faults, "ENODEV@open")) return -ENODEV;
    if (faults && strstr(faults, "EACCES@open")) return -EACCES;
    volatile int32_t *now = control();
    int is_capture = stream == SND_PCM_STREAM_CAPTURE;
    if (is_capture) now[OPENS]++;
    while (is_capture && now[OPEN_BLOCKS]) nap();
    if (is_capture && now[BUSY]) return -EBUSY;
    if (now[is_capture ? GONE : PLAY_GONE]) return -ENODEV;
    int rc = real(pcm, name, stream, mode);
    if (rc >= 0) {
        device *d = &devices[stream == SND_PCM_STREAM_CAPTURE];
        int timer = d->timer ? d->timer : timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        *d = (device){.pcm = *pcm, .timer = timer, .is_capture = stream == SND_PCM_STREAM_CAPTURE};
    }
    return rc;
}

int snd_pcm_hw_params_any(snd_pcm_t *pcm, snd_pcm_hw_params_t *params) {
    REAL(int, "snd_pcm_hw_params_any", (snd_pcm_t *, snd_pcm_hw_params_t *));
    int rc = real(pcm, params);
    if (!find(pcm)) return rc;
    const char *rate = word("rate="), *channels = word("channels="), *format = word("format=");
    if (rate) {
        unsigned low = (unsigned)atoi(rate), high = low;
        snd_pcm_hw_params_set_rate_minmax(pcm, params, &low, NULL, &high, NULL);
    }
    if (channels) snd_pcm_hw_params_set_channels(pcm, params, (unsigned)atoi(channels));
    if (format) {
        char name[16] = {0};
        strncpy(name, format, strcspn(format, " ") < 15 ? strcspn(format, " ") : 15);
        snd_pcm_hw_params_set_format(pcm, params, snd_pcm_format_value(name));
    }
    return rc;
}

int snd_pcm_hw_params(snd_pcm_t *pcm, snd_pcm_hw_params_t *params) {
    REAL(int, "snd_pcm_hw_params", (snd_pcm_t *, snd_pcm_hw_params_t *));
    int rc = real(pcm, params);
    device *d = find(pcm);
    if (!d) return rc;
    unsigned rate = 0;
    snd_pcm_uframes_t buffer = 0, period = 0;
    snd_pcm_hw_params_get_rate(params, &rate, NULL);
    snd_pcm_hw_params_get_buffer_size(params, &buffer);
    snd_pcm_hw_params_get_period_size(params, &period, NULL);
    const char *ppm = word("ppm=");
    d->said_hz = d->rate_hz = rate * (1.0 + (ppm ? atof(ppm) : 0.0) / 1e6);
    d->buffer = (int64_t)buffer;
    d->period = (int64_t)period;
    d->state = SND_PCM_STATE_PREPARED;
    d->start_ns = d->moved = d->base = 0;
    return rc;
}

static snd_pcm_sframes_t move(device *d, snd_pcm_uframes_t frames) {
    if (d->state == SND_PCM_STATE_PREPARED) {
        d->start_ns = now_ns();
        d->moved = d->base = 0;
        d->state = SND_PCM_STATE_RUNNING;
        if (!d->is_capture) return frames < (snd_pcm_uframes_t)d->buffer ? (snd_pcm_sframes_t)frames : d->buffer;
    }
    int64_t ready = avail(d);
    if (ready < 0) return ready;
    if (ready == 0) return -EAGAIN;
    return ready < (int64_t)frames ? ready : (snd_pcm_sframes_t)frames;
}

/* What the control file makes of 16-bit mono; the others stay as they are. */
static void change(device *d, void *buffer, snd_pcm_sframes_t count) {
    static uint32_t noise = 1;
    int16_t *sample = buffer;
    if (!getenv("RTVA_CONTROL") || count <= 0 || snd_pcm_frames_to_bytes(d->pcm, 1) != 2) return;
    for (snd_pcm_sframes_t i = 0; i < count; i++) {
        noise = noise * 1664525u + 1013904223u;
        int32_t heard = sample[i] + (int32_t)(noise >> 28) - 8;
        switch (control()[SOUND]) {
            case 1: heard = 0; break;
            case 2: heard = 8000; break;
            case 3: heard = (d->moved + i) / 40 % 2 ? 32767 : -32768; break;
        }
        sample[i] = (int16_t)(heard > 32767 ? 32767 : heard < -32768 ? -32768 : heard);
    }
}

static int32_t ms(int64_t ns) { return (int32_t)(ns / 1000000 & 0x7fffffff); }

/* When the last sample of these that can be heard leaves the loudspeaker; 16 bit, any number of channels. */
static void note_loud(const device *d, const int16_t *sample, int64_t before, snd_pcm_sframes_t count) {
    snd_pcm_sframes_t channels = snd_pcm_frames_to_bytes(d->pcm, 1) / 2;
    for (snd_pcm_sframes_t i = count - 1; i >= 0; i--)
        if (sample[i * channels] > 64 || sample[i * channels] < -64) {
            control()[LOUD_MS] = ms(d->start_ns + (int64_t)((double)(before + i) * 1e9 / d->rate_hz));
            return;
        }
}

/* What was queued is forgotten. */
static void hush(const device *d) {
    if (!d->is_capture && control()[LOUD_MS] > ms(now_ns())) control()[LOUD_MS] = ms(now_ns());
}

static snd_pcm_sframes_t moved(device *d, snd_pcm_sframes_t count) {
    if (count > 0) d->moved += count;
    arm(d);
    return count;
}

snd_pcm_sframes_t snd_pcm_readi(snd_pcm_t *pcm, void *buffer, snd_pcm_uframes_t frames) {
    REAL(snd_pcm_sframes_t, "snd_pcm_readi", (snd_pcm_t *, void *, snd_pcm_uframes_t));
    device *d = find(pcm);
    if (!d) return real(pcm, buffer, frames);
    int rc = fault(d);
    if (rc) return rc;
    if (!paced(pcm)) return real(pcm, buffer, frames);
    snd_pcm_sframes_t count = move(d, frames);
    if (count > 0) count = real(pcm, buffer, (snd_pcm_uframes_t)count);
    change(d, buffer, count);
    return moved(d, count);
}

snd_pcm_sframes_t snd_pcm_writei(snd_pcm_t *pcm, const void *buffer, snd_pcm_uframes_t frames) {
    REAL(snd_pcm_sframes_t, "snd_pcm_writei", (snd_pcm_t *, const void *, snd_pcm_uframes_t));
    device *d = find(pcm);
    if (!d) return real(pcm, buffer, frames);
    int rc = fault(d);
    if (rc) return rc;
    if (!paced(pcm)) return real(pcm, buffer, frames);
    snd_pcm_sframes_t count = move(d, frames);
    int64_t before = d->moved;
    if (count > 0) count = real(pcm, buffer, (snd_pcm_uframes_t)count);
    note_loud(d, buffer, before, count);
    return moved(d, count);
}

int snd_pcm_prepare(snd_pcm_t *pcm) {
    REAL(int, "snd_pcm_prepare", (snd_pcm_t *));
    device *d = find(pcm);
    if (d) {
        hush(d);
        d->state = SND_PCM_STATE_PREPARED;
        d->start_ns = d->moved = d->base = 0;
    }
    return real(pcm);
}

int snd_pcm_drop(snd_pcm_t *pcm) {
    REAL(int, "snd_pcm_drop", (snd_pcm_t *));
    device *d = find(pcm);
    if (d && d->is_gone) return -ENODEV;
    if (d) {
        hush(d);
        d->state = SND_PCM_STATE_SETUP;
        d->start_ns = d->moved = d->base = 0;
    }
    return real(pcm);
}

int snd_pcm_drain(snd_pcm_t *pcm) {
    REAL(int, "snd_pcm_drain", (snd_pcm_t *));
    device *d = paced(pcm);
    if (!d) return real(pcm);
    if (d->is_gone) return -ENODEV;
    if (d->state == SND_PCM_STATE_RUNNING) d->state = SND_PCM_STATE_DRAINING;
    avail(d);
    return d->state == SND_PCM_STATE_DRAINING ? -EAGAIN : 0;
}

snd_pcm_state_t snd_pcm_state(snd_pcm_t *pcm) {
    REAL(snd_pcm_state_t, "snd_pcm_state", (snd_pcm_t *));
    device *d = paced(pcm);
    if (!d) return real(pcm);
    avail(d);
    return d->is_gone ? SND_PCM_STATE_DISCONNECTED : d->state;
}

snd_pcm_sframes_t snd_pcm_avail(snd_pcm_t *pcm) {
    REAL(snd_pcm_sframes_t, "snd_pcm_avail", (snd_pcm_t *));
    device *d = paced(pcm);
    if (!d) return real(pcm);
    return d->is_gone ? -ENODEV : avail(d);
}

int snd_pcm_poll_descriptors_count(snd_pcm_t *pcm) {
    REAL(int, "snd_pcm_poll_descriptors_count", (snd_pcm_t *));
    return paced(pcm) ? 1 : real(pcm);
}

int snd_pcm_poll_descriptors(snd_pcm_t *pcm, struct pollfd *fds, unsigned space) {
    REAL(int, "snd_pcm_poll_descriptors", (snd_pcm_t *, struct pollfd *, unsigned));
    if (!paced(pcm) || !space) return real(pcm, fds, space);
    fds[0] = (struct pollfd){.fd = find(pcm)->timer, .events = POLLIN};
    return 1;
}

int snd_pcm_poll_descriptors_revents(snd_pcm_t *pcm, struct pollfd *fds, unsigned count, unsigned short *revents) {
    REAL(int, "snd_pcm_poll_descriptors_revents", (snd_pcm_t *, struct pollfd *, unsigned, unsigned short *));
    if (!paced(pcm)) return real(pcm, fds, count, revents);
    *revents = count && (fds[0].revents & POLLIN) ? (find(pcm)->is_capture ? POLLIN : POLLOUT) : 0;
    return 0;
}
