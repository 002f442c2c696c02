/* Two and three threads on one ring, at full speed, for so many seconds of audio:  ring_stress SECONDS [SEED]
 *
 * Each sample is a hash of its position, so a reader knows what every position must hold. Exits 1 at the first lie.
 *   paced    the writer waits for the reader: nothing may be lost
 *   lapped   the writer waits only when it is half a ring past the reader, so that they meet where samples are being
 *            overwritten: what is read must be right, what is lost must be counted
 *   free     the writer never waits
 *   history  a third thread copies and views the past meanwhile
 *   wake     the reader only sleeps: a wake-up that gets lost leaves it there until its alarm
 *   close    the reader sleeps for a sample that never comes and is woken by the end of the stream
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>

#include "rtva_ring.h"

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: ", __func__, __LINE__, #condition);                                            \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

#define CHUNK 2048
#define FREE UINT64_MAX
#ifndef ALARM_NS
#define ALARM_NS INT64_C(20000000000)
#endif

static uint64_t total; /* samples to write in each scene */
static uint64_t seed;

static int16_t sample_at(uint64_t position)
{
    position *= UINT64_C(0x9E3779B97F4A7C15);
    return (int16_t)(position >> 40);
}

static uint64_t random_next(uint64_t *state) /* xorshift64 */
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Not sched_yield: on a busy machine that gives away a whole time slice. */
static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
}

typedef struct scene {
    const char *name;
    rtva_ring *ring;
    uint64_t last;  /* position behind the last sample that will be written */
    uint64_t leash; /* capacity plus at most this is how far the writer runs ahead of the reader */
    bool is_sleepy; /* the reader sleeps in rtva_ring_wait instead of spinning */
    uint64_t delivered, whole, lapped, early;
} scene;

static void check_samples(const char *what, const int16_t *samples, uint64_t position, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK(samples[i] == sample_at(position + i), "%s: position %llu holds %d", what,
              (unsigned long long)(position + i), samples[i]);
}

static void *write_all(void *argument)
{
    scene *s = argument;
    int16_t chunk[CHUNK];
    uint64_t state = seed | 1, position = rtva_ring_written(s->ring);
    while (position < s->last) {
        size_t n = 1 + random_next(&state) % ((random_next(&state) & 7) == 0 ? CHUNK : 320);
        n = n < s->last - position ? n : (size_t)(s->last - position);
        uint64_t ahead = s->ring->capacity + (s->leash == 0 ? 0 : random_next(&state) % s->leash);
        while (s->leash < FREE && position + n - rtva_ring_consumed(s->ring) > ahead)
            nap();
        for (size_t i = 0; i < n; i++)
            chunk[i] = sample_at(position + i);
        CHECK(rtva_ring_write(s->ring, chunk, n) == RTVA_RING_OK, "refused");
        position += n;
    }
    return NULL;
}

static void *read_all(void *argument)
{
    scene *s = argument;
    int16_t out[CHUNK];
    uint64_t state = (seed ^ 0x5DEECE66D) | 1, origin = s->ring->origin;
    while (rtva_ring_consumed(s->ring) < s->last) {
        size_t n = 1 + random_next(&state) % CHUNK;
        if (s->is_sleepy) {
            uint64_t left = s->last - rtva_ring_consumed(s->ring), least = 1 + random_next(&state) % 480;
            int64_t alarm = now_ns() + ALARM_NS;
            int rc = rtva_ring_wait(s->ring, least < left ? least : left, alarm);
            CHECK(rc == RTVA_RING_OK && now_ns() < alarm, "code %d: a wake-up was lost", rc);
        } else if (s->leash > 0 && random_next(&state) % 64 == 0) {
            nap();
        }
        uint64_t before = rtva_ring_consumed(s->ring);
        size_t got = rtva_ring_read(s->ring, out, n);
        uint64_t position = rtva_ring_consumed(s->ring);
        check_samples(s->name, out, position - got, got);
        s->delivered += got;
        if (got == 0)
            nap();
        CHECK(position >= before + got, "the reader went back");
        CHECK(s->delivered + rtva_ring_overrun(s->ring) == position - origin, "%s: samples unaccounted for", s->name);
    }
    return NULL;
}

static void *look_back(void *argument)
{
    scene *s = argument;
    int16_t out[CHUNK];
    uint64_t state = (seed ^ 0xB5026F5AA) | 1;
    for (uint64_t written = 0; written < s->last;) {
        written = rtva_ring_written(s->ring);
        uint64_t back = random_next(&state) % (s->ring->capacity + 200), n = random_next(&state) % CHUNK;
        uint64_t start = written > back ? written - back : 0, stop = start + n;
        int rc = rtva_ring_copy(s->ring, start, stop, out);
        if (rc == RTVA_RING_OK)
            check_samples("copy", out, start, n);
        s->whole += rc == RTVA_RING_OK;
        s->lapped += rc == RTVA_RING_LAPPED;
        s->early += rc == RTVA_RING_NOT_WRITTEN;
        if (rtva_ring_is_whole(s->ring, start, stop) != RTVA_RING_OK)
            continue;
        rtva_ring_get_(out, rtva_ring_view(s->ring, start), n); /* as the owner of a view reads it */
        if (rtva_ring_is_whole(s->ring, start, stop) == RTVA_RING_OK)
            check_samples("view", out, start, n);
    }
    return NULL;
}

static void play(const char *name, uint64_t capacity, uint64_t origin, uint64_t leash, bool is_sleepy, bool has_third)
{
    scene s = {.name = name, .leash = leash, .is_sleepy = is_sleepy, .last = origin + total};
    CHECK(rtva_ring_new(&s.ring, capacity, origin) == RTVA_RING_OK, "%s", strerror(errno));
    pthread_t writer, reader, third;
    pthread_create(&reader, NULL, read_all, &s);
    if (has_third)
        pthread_create(&third, NULL, look_back, &s);
    pthread_create(&writer, NULL, write_all, &s);
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
    if (has_third)
        pthread_join(third, NULL);
    uint64_t lost = rtva_ring_overrun(s.ring);
    CHECK(s.delivered + lost == total && rtva_ring_written(s.ring) == s.last, "%s: the sums differ", name);
    CHECK(leash > 0 || lost == 0, "%s: lost %llu", name, (unsigned long long)lost);
    printf("%-8s capacity %6llu  written %11llu = in %11llu + lost %11llu", name, (unsigned long long)capacity,
           (unsigned long long)total, (unsigned long long)s.delivered, (unsigned long long)lost);
    if (has_third)
        printf("  copies %llu whole, %llu lapped, %llu early", (unsigned long long)s.whole,
               (unsigned long long)s.lapped, (unsigned long long)s.early);
    putchar('\n');
    rtva_ring_free(s.ring);
}

static void *sleep_for_one(void *ring)
{
    int64_t alarm = now_ns() + ALARM_NS;
    int rc = rtva_ring_wait(ring, 1, alarm);
    CHECK(rc == RTVA_RING_CLOSED && now_ns() < alarm, "code %d: the end was missed", rc);
    return NULL;
}

static void close_on_sleepers(int times)
{
    for (int i = 0; i < times; i++) {
        rtva_ring *ring;
        pthread_t reader;
        CHECK(rtva_ring_new(&ring, 64, 0) == RTVA_RING_OK, "%s", strerror(errno));
        pthread_create(&reader, NULL, sleep_for_one, ring);
        for (int naps = i % 4; naps > 0; naps--)
            nap();
        rtva_ring_close(ring);
        pthread_join(reader, NULL);
        CHECK(rtva_ring_write(ring, (int16_t[]){1}, 1) == RTVA_RING_CLOSED, "written after the end");
        rtva_ring_free(ring);
    }
    printf("close    %d sleepers woken\n", times);
}

int main(int argc, char **argv)
{
    total = (argc > 1 ? strtoull(argv[1], NULL, 10) : 600) * 16000;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    play("paced", 4096, 0, 0, false, false);
    play("paced", 1 << 19, (UINT64_C(1) << 32) - 5000, 0, false, false);
    play("lapped", 2048, 0, 1024, false, false);
    play("lapped", 16384, (UINT64_C(1) << 32) - 5000, 8192, false, false);
    play("history", 16384, (UINT64_C(1) << 52) + 3, 8192, false, true);
    play("free", 512, 0, FREE, false, false);
    play("wake", 4096, 0, 0, true, false);
    play("wake", 65536, 7, FREE, true, false);
    close_on_sleepers(300);
    return 0;
}
