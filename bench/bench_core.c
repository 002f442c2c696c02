/* The ring beside the usual hand-offs, in C: push and pop of 10 ms (160 samples), nanoseconds an operation.
 *
 * One thread, so that nothing but the operation itself is measured, then two threads on two cores. The baselines are
 * what a program has without a ring: a list of copied blocks (malloc a block, link it, copy in; copy out, free), and
 * one array under a mutex. With -DPORTAUDIO also PortAudio's ring, from Debian's static library. Prints "name nanoseconds" lines.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "rtva_ring.h"

#ifdef PORTAUDIO
/* The interface of pa_ringbuffer.h, which no package installs; the struct is opaque here and larger than theirs. */
typedef struct { char bytes[256]; } PaUtilRingBuffer;
long PaUtil_InitializeRingBuffer(PaUtilRingBuffer *, long element_bytes, long elements, void *data);
long PaUtil_WriteRingBuffer(PaUtilRingBuffer *, const void *, long elements);
long PaUtil_ReadRingBuffer(PaUtilRingBuffer *, void *, long elements);
static PaUtilRingBuffer portaudio;
static int16_t portaudio_data[1 << 15];
#endif

#define BLOCK 160
#define TIMES 40000
#define ROUNDS 15

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

typedef struct queue {
    void (*push)(struct queue *, const int16_t *);
    size_t (*pop)(struct queue *, int16_t *); /* samples, 0 when empty */
    rtva_ring *ring;
    pthread_mutex_t lock;
    struct block *first, **last;
    int16_t array[1 << 15];
    uint64_t head, tail;
    uint64_t room; /* blocks that fit */
    _Atomic uint64_t popped;
} queue;

struct block {
    struct block *next;
    int16_t samples[BLOCK];
};

static void ring_push(queue *q, const int16_t *in)
{
    rtva_ring_write(q->ring, in, BLOCK);
}

static size_t ring_pop(queue *q, int16_t *out)
{
    return rtva_ring_read(q->ring, out, BLOCK);
}

#ifdef PORTAUDIO
static void portaudio_push(queue *q, const int16_t *in)
{
    (void)q;
    PaUtil_WriteRingBuffer(&portaudio, in, BLOCK);
}

static size_t portaudio_pop(queue *q, int16_t *out)
{
    (void)q;
    return (size_t)PaUtil_ReadRingBuffer(&portaudio, out, BLOCK);
}
#endif

static void list_push(queue *q, const int16_t *in)
{
    struct block *block = malloc(sizeof *block);
    block->next = NULL;
    memcpy(block->samples, in, sizeof block->samples);
    pthread_mutex_lock(&q->lock);
    *q->last = block;
    q->last = &block->next;
    pthread_mutex_unlock(&q->lock);
}

static size_t list_pop(queue *q, int16_t *out)
{
    pthread_mutex_lock(&q->lock);
    struct block *block = q->first;
    if (block != NULL && (q->first = block->next) == NULL)
        q->last = &q->first;
    pthread_mutex_unlock(&q->lock);
    if (block == NULL)
        return 0;
    memcpy(out, block->samples, sizeof block->samples);
    free(block);
    return BLOCK;
}

static void array_push(queue *q, const int16_t *in)
{
    pthread_mutex_lock(&q->lock);
    for (int i = 0; i < BLOCK; i++)
        q->array[(q->head + i) & 0x7fff] = in[i];
    q->head += BLOCK;
    pthread_mutex_unlock(&q->lock);
}

static size_t array_pop(queue *q, int16_t *out)
{
    size_t n = 0;
    pthread_mutex_lock(&q->lock);
    if (q->head != q->tail) {
        for (int i = 0; i < BLOCK; i++)
            out[i] = q->array[(q->tail + i) & 0x7fff];
        q->tail += BLOCK;
        n = BLOCK;
    }
    pthread_mutex_unlock(&q->lock);
    return n;
}

static double one_thread(queue *q)
{
    int16_t in[BLOCK] = {1}, out[BLOCK];
    double started = now_ns();
    for (int i = 0; i < TIMES; i++) {
        q->push(q, in);
        q->pop(q, out);
    }
    return (now_ns() - started) / TIMES;
}

static void *push_all(void *argument)
{
    queue *q = argument;
    int16_t in[BLOCK] = {1};
    for (uint64_t i = 0; i < TIMES; i++) {
        while (i - atomic_load_explicit(&q->popped, memory_order_acquire) >= q->room)
            sched_yield(); /* a spinner on a busy machine would keep the other from running */
        q->push(q, in);
    }
    return NULL;
}

static double two_threads(queue *q)
{
    pthread_t writer;
    int16_t out[BLOCK];
    q->popped = 0;
    double started = now_ns();
    pthread_create(&writer, NULL, push_all, q);
    for (uint64_t i = 0; i < TIMES;)
        if (q->pop(q, out) != 0)
            atomic_store_explicit(&q->popped, ++i, memory_order_release);
        else
            sched_yield();
    pthread_join(writer, NULL);
    return (now_ns() - started) / TIMES;
}

int main(void)
{
    static queue q = {.room = 100, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct {
        const char *name;
        void (*push)(queue *, const int16_t *);
        size_t (*pop)(queue *, int16_t *);
        double one, two;
    } rows[] = {{"rtva_ring", ring_push, ring_pop, 1e18, 1e18},
#ifdef PORTAUDIO
                {"portaudio_ring", portaudio_push, portaudio_pop, 1e18, 1e18},
#endif
                {"list_of_blocks", list_push, list_pop, 1e18, 1e18},
                {"array_under_mutex", array_push, array_pop, 1e18, 1e18}};
#ifdef PORTAUDIO
    PaUtil_InitializeRingBuffer(&portaudio, sizeof(int16_t), 1 << 15, portaudio_data);
#endif
    q.last = &q.first;
    if (rtva_ring_new(&q.ring, 1 << 15, 0) != RTVA_RING_OK)
        return 1;
    for (int round = 0; round < ROUNDS; round++) /* interleaved, the best of each: others use this machine too */
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            q.push = rows[i].push;
            q.pop = rows[i].pop;
            double one = one_thread(&q), two = two_threads(&q);
            rows[i].one = one < rows[i].one ? one : rows[i].one;
            rows[i].two = two < rows[i].two ? two : rows[i].two;
        }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%s one_thread %.1f\n%s two_threads %.1f\n", rows[i].name, rows[i].one, rows[i].name, rows[i].two);
    rtva_ring_free(q.ring);
    return 0;
}
