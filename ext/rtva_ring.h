/* rtva_ring: the ring of int16 samples between the capture thread and the listen thread.
 *
 * Contract
 * - One writer thread, one reader thread; any thread may copy history, look at counters, or close.
 * - rtva_ring_write never blocks, allocates, takes a lock, faults a page in (they are populated) or looks at the
 *   reader's position. It makes one system call, FUTEX_WAKE, and only when it completes what a reader sleeps for.
 * - The newest sample always wins: a writer that is ahead by more than the capacity overwrites the oldest. The reader
 *   finds that out, skips, and counts what it skipped: delivered + overrun + unread == written - origin, always.
 * - Positions count every sample ever written (64 bit, never wrap), so a position is a time.
 * - What one read returns is contiguous in time; its first sample stands at consumed - n afterwards.
 * - A view is plain memory. It shows what was asked for only if rtva_ring_is_whole still says so after its use.
 *
 * How. The writer announces what it is about to overwrite (reserved), then writes samples, then publishes (written).
 * A copy is good if, after it, its first sample is still within one capacity of `reserved`: a seqlock in which the
 * sequence number is the position itself (H.-J. Boehm, "Can seqlocks get along with programming language memory
 * models?", MSPC 2012). Samples are therefore never moved by memcpy, which a compiler may take apart or repeat, but by
 * volatile vectors of 16 bytes (with words of 8, a push and a pop of 10 ms take half as long again). What a race between
 * a copy and the writer tears is detected and discarded. Under ThreadSanitizer they are relaxed atomic words, so that it
 * judges everything else.
 * The storage is one memfd mapped twice in a row, so that every window is contiguous in memory. Reads and writes use
 * the lower mapping alone, where ThreadSanitizer can see them meet; the upper one serves views.
 *
 * Needs a 64-bit Linux, and _GNU_SOURCE before the first include. Returns 0 or a negative RTVA_RING_*.
 */
#ifndef RTVA_RING_H
#define RTVA_RING_H

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(void *) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "a 64-bit target with lock-free 64-bit atomics");

enum {
    RTVA_RING_OK = 0,
    RTVA_RING_BAD_CAPACITY = -1, /* not a power of two in 2 .. 2**31 */
    RTVA_RING_NO_MEMORY = -2,    /* errno says why */
    RTVA_RING_CLOSED = -3,
    RTVA_RING_LAPPED = -4,      /* (partly) overwritten by newer samples, or older than the ring */
    RTVA_RING_NOT_WRITTEN = -5, /* (partly) in the future */
    RTVA_RING_TIMEOUT = -6,
    RTVA_RING_INTERRUPTED = -7, /* a signal arrived while waiting */
    RTVA_RING_NUDGED = -8       /* somebody wants the reader to look around */
};

/* 128: two lines of 64, because x86 prefetches neighbours in pairs and some arm64 cores have 128-byte lines. */
#define RTVA_RING_LINE 128
#define RTVA_RING_NEVER UINT64_MAX

typedef struct rtva_ring {
    /* the writer's line */
    alignas(RTVA_RING_LINE) _Atomic uint64_t written; /* samples published */
    _Atomic uint64_t reserved;                        /* samples published or being written */
    /* the reader's line */
    alignas(RTVA_RING_LINE) _Atomic uint64_t consumed; /* position of the reader */
    _Atomic uint64_t overrun;                          /* samples the reader had to skip */
    uint64_t written_seen;                             /* the reader's cached copy of `written` */
    /* who sleeps for what: touched by the reader when it sleeps, looked at by the writer */
    alignas(RTVA_RING_LINE) _Atomic uint64_t wanted; /* wake the reader when written reaches this */
    _Atomic uint32_t bell;                           /* the futex word */
    _Atomic uint32_t closed;
    _Atomic uint32_t is_nudged; /* since the reader last slept */
    /* never changes after rtva_ring_new */
    alignas(RTVA_RING_LINE) int16_t *data;
    uint64_t capacity; /* samples of history that are promised */
    uint64_t mask;     /* of the storage, which is at least a page and may exceed the capacity */
    uint64_t origin;   /* position of the first sample */
    size_t bytes;      /* of one of the two mappings */
} rtva_ring;

/* --- samples in and out of shared memory: volatile vectors, relaxed atomics for the rest and under ThreadSanitizer --- */

typedef uint16_t __attribute__((may_alias)) rtva_half;
#if defined(__SANITIZE_THREAD__)
typedef uint64_t __attribute__((may_alias)) rtva_word;
#define RTVA_RING_AT_ONCE 4
#else
typedef uint64_t __attribute__((vector_size(16), aligned(2), may_alias)) rtva_word;
#define RTVA_RING_AT_ONCE 8
#endif

static inline void rtva_ring_put_word_(int16_t *shared, const int16_t *from)
{
    rtva_word word;
    memcpy(&word, from, sizeof word);
#if defined(__SANITIZE_THREAD__)
    __atomic_store_n((rtva_word *)shared, word, __ATOMIC_RELAXED);
#else
    *(volatile rtva_word *)shared = word;
#endif
}

static inline void rtva_ring_get_word_(int16_t *to, const int16_t *shared)
{
#if defined(__SANITIZE_THREAD__)
    rtva_word word = __atomic_load_n((const rtva_word *)shared, __ATOMIC_RELAXED);
#else
    rtva_word word = *(const volatile rtva_word *)shared;
#endif
    memcpy(to, &word, sizeof word);
}

static inline void rtva_ring_put_(int16_t *shared, const int16_t *from, size_t n)
{
    for (; n > 0 && ((uintptr_t)shared & 7) != 0; n--)
        __atomic_store_n((rtva_half *)shared++, (uint16_t)*from++, __ATOMIC_RELAXED);
    for (; n >= RTVA_RING_AT_ONCE; n -= RTVA_RING_AT_ONCE, shared += RTVA_RING_AT_ONCE, from += RTVA_RING_AT_ONCE)
        rtva_ring_put_word_(shared, from);
    for (; n > 0; n--)
        __atomic_store_n((rtva_half *)shared++, (uint16_t)*from++, __ATOMIC_RELAXED);
}

static inline void rtva_ring_get_(int16_t *to, const int16_t *shared, size_t n)
{
    for (; n > 0 && ((uintptr_t)shared & 7) != 0; n--)
        *to++ = (int16_t)__atomic_load_n((const rtva_half *)shared++, __ATOMIC_RELAXED);
    for (; n >= RTVA_RING_AT_ONCE; n -= RTVA_RING_AT_ONCE, shared += RTVA_RING_AT_ONCE, to += RTVA_RING_AT_ONCE)
        rtva_ring_get_word_(to, shared);
    for (; n > 0; n--)
        *to++ = (int16_t)__atomic_load_n((const rtva_half *)shared++, __ATOMIC_RELAXED);
}

/* Samples that fit before the end of the lower mapping. */
static inline size_t rtva_ring_first_(const rtva_ring *r, uint64_t position, size_t n)
{
    uint64_t room = r->mask + 1 - (position & r->mask);
    return n < room ? n : (size_t)room;
}

static inline void rtva_ring_get_at_(const rtva_ring *r, uint64_t position, int16_t *to, size_t n)
{
    size_t first = rtva_ring_first_(r, position, n);
    rtva_ring_get_(to, r->data + (position & r->mask), first);
    rtva_ring_get_(to + first, r->data, n - first);
}

/* --- life --- */

static inline int rtva_ring_map_(rtva_ring *r)
{
    int fd = memfd_create("rtva_ring", MFD_CLOEXEC);
    if (fd < 0)
        return RTVA_RING_NO_MEMORY;
    char *base = MAP_FAILED;
    if (ftruncate(fd, (off_t)r->bytes) == 0)
        base = mmap(NULL, 2 * r->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int flags = MAP_SHARED | MAP_FIXED | MAP_POPULATE;
    if (base != MAP_FAILED && (mmap(base, r->bytes, PROT_READ | PROT_WRITE, flags, fd, 0) == MAP_FAILED ||
                               mmap(base + r->bytes, r->bytes, PROT_READ, flags, fd, 0) == MAP_FAILED)) {
        munmap(base, 2 * r->bytes);
        base = MAP_FAILED;
    }
    int reason = errno;
    close(fd);
    errno = reason;
    r->data = (int16_t *)base;
    return base == MAP_FAILED ? RTVA_RING_NO_MEMORY : RTVA_RING_OK;
}

/* A ring that promises `capacity` samples of history and whose first sample stands at `origin` (0 but for tests). */
static inline int rtva_ring_new(rtva_ring **out, uint64_t capacity, uint64_t origin)
{
    *out = NULL;
    if (capacity < 2 || capacity > (UINT64_C(1) << 31) || (capacity & (capacity - 1)) != 0)
        return RTVA_RING_BAD_CAPACITY;
    rtva_ring *r = aligned_alloc(RTVA_RING_LINE, sizeof(rtva_ring)); /* its size is a multiple of its alignment */
    if (r == NULL)
        return RTVA_RING_NO_MEMORY;
    memset(r, 0, sizeof *r);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE) / sizeof(int16_t);
    uint64_t stored = capacity > page ? capacity : page;
    r->capacity = capacity;
    r->mask = stored - 1;
    r->bytes = (size_t)stored * sizeof(int16_t);
    r->origin = r->written_seen = origin;
    atomic_init(&r->written, origin);
    atomic_init(&r->reserved, origin);
    atomic_init(&r->consumed, origin);
    atomic_init(&r->wanted, RTVA_RING_NEVER);
    int rc = rtva_ring_map_(r);
    if (rc != RTVA_RING_OK) {
        free(r);
        return rc;
    }
    *out = r;
    return RTVA_RING_OK;
}

static inline void rtva_ring_free(rtva_ring *r)
{
    if (r == NULL)
        return;
    munmap(r->data, 2 * r->bytes);
    free(r);
}

/* Keeps the samples and the indices in memory; false (errno) where that is not permitted. */
static inline bool rtva_ring_lock_memory(rtva_ring *r)
{
    return mlock(r->data, 2 * r->bytes) == 0 && mlock(r, sizeof *r) == 0;
}

/* --- the writer --- */

static inline void rtva_ring_wake_(rtva_ring *r)
{
    atomic_fetch_add_explicit(&r->bell, 1, memory_order_release);
    syscall(SYS_futex, &r->bell, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline int rtva_ring_write(rtva_ring *r, const int16_t *samples, size_t n)
{
    if (atomic_load_explicit(&r->closed, memory_order_relaxed))
        return RTVA_RING_CLOSED;
    uint64_t end = atomic_load_explicit(&r->written, memory_order_relaxed) + n;
    atomic_store_explicit(&r->reserved, end, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* whoever sees one of these samples sees the reservation */
    size_t keep = n > r->capacity ? (size_t)r->capacity : n;
    const int16_t *from = samples + (n - keep);
    uint64_t at = end - keep;
    size_t first = rtva_ring_first_(r, at, keep);
    rtva_ring_put_(r->data + (at & r->mask), from, first);
    rtva_ring_put_(r->data, from + first, keep - first);
    /* Sequentially consistent, here and in rtva_ring_wait: of "publish, look who sleeps" and "say that I sleep, look
     * what is published" at least one must see the other, or a wake-up is lost. */
    atomic_store_explicit(&r->written, end, memory_order_seq_cst);
    uint64_t wanted = atomic_load_explicit(&r->wanted, memory_order_seq_cst);
    if (end >= wanted && atomic_compare_exchange_strong(&r->wanted, &wanted, RTVA_RING_NEVER))
        rtva_ring_wake_(r);
    return RTVA_RING_OK;
}

/* Ends the stream, from any thread: writes are refused from now on, a waiting reader wakes, the rest can be read. */
static inline void rtva_ring_close(rtva_ring *r)
{
    atomic_store_explicit(&r->closed, 1, memory_order_seq_cst);
    rtva_ring_wake_(r);
}

/* Has the reader's wait return, now or when it next would sleep; from any thread. */
static inline void rtva_ring_nudge(rtva_ring *r)
{
    atomic_store_explicit(&r->is_nudged, 1, memory_order_seq_cst);
    rtva_ring_wake_(r);
}

/* --- the reader --- */

/* Skips what is lost, and `margin` more so that a writer in full flight does not lap the reader again at once. */
static inline uint64_t rtva_ring_skip_(rtva_ring *r, uint64_t at, uint64_t margin)
{
    uint64_t oldest = atomic_load_explicit(&r->reserved, memory_order_relaxed) - r->capacity + margin;
    r->written_seen = atomic_load_explicit(&r->written, memory_order_acquire);
    uint64_t to = oldest < r->written_seen ? oldest : r->written_seen;
    uint64_t lost = atomic_load_explicit(&r->overrun, memory_order_relaxed) + (to - at);
    atomic_store_explicit(&r->overrun, lost, memory_order_relaxed);
    return to;
}

static inline bool rtva_ring_is_lapped_(const rtva_ring *r, uint64_t at)
{
    return atomic_load_explicit(&r->reserved, memory_order_relaxed) - at > r->capacity;
}

/* Copies up to n unread samples and returns how many. Bounded: after four laps by the writer it returns 0. */
static inline size_t rtva_ring_read(rtva_ring *r, int16_t *out, size_t n)
{
    static const unsigned char margin_shift[] = {63, 3, 2, 1}; /* 0, then 1/8, 1/4, 1/2 of the capacity */
    uint64_t at = atomic_load_explicit(&r->consumed, memory_order_relaxed);
    size_t done = 0;
    for (unsigned laps = 0; done < n && laps < 4;) {
        if (r->written_seen - at < n - done)
            r->written_seen = atomic_load_explicit(&r->written, memory_order_acquire);
        uint64_t take = r->written_seen - at < n - done ? r->written_seen - at : n - done;
        if (take > r->capacity / 2) /* so that a copy can win against a writer after a skip of half a capacity */
            take = r->capacity / 2;
        if (take == 0)
            break;
        bool is_lapped = rtva_ring_is_lapped_(r, at);
        if (!is_lapped) {
            rtva_ring_get_at_(r, at, out + done, (size_t)take);
            atomic_thread_fence(memory_order_acquire); /* the samples before the second look at the reservation */
            is_lapped = rtva_ring_is_lapped_(r, at);
        }
        if (!is_lapped) {
            at += take;
            done += (size_t)take;
        } else if (done > 0) {
            break; /* what one read returns is contiguous */
        } else {
            at = rtva_ring_skip_(r, at, r->capacity >> margin_shift[laps++]);
        }
    }
    atomic_store_explicit(&r->consumed, at, memory_order_release);
    return done;
}

/* Sleeps until n samples are unread (0), the ring is closed, the monotonic clock reaches deadline_ns, a nudge or a signal. */
static inline int rtva_ring_wait(rtva_ring *r, uint64_t n, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = deadline_ns / 1000000000, .tv_nsec = deadline_ns % 1000000000};
    uint64_t target = atomic_load_explicit(&r->consumed, memory_order_relaxed) + n;
    int rc = RTVA_RING_OK;
    while (atomic_load_explicit(&r->written, memory_order_acquire) < target) {
        uint32_t bell = atomic_load_explicit(&r->bell, memory_order_acquire);
        atomic_store_explicit(&r->wanted, target, memory_order_seq_cst);
        if (atomic_load_explicit(&r->written, memory_order_seq_cst) >= target)
            break;
        if (atomic_load_explicit(&r->closed, memory_order_seq_cst)) {
            rc = RTVA_RING_CLOSED;
            break;
        }
        if (atomic_exchange_explicit(&r->is_nudged, 0, memory_order_seq_cst)) {
            rc = RTVA_RING_NUDGED;
            break;
        }
        long slept = syscall(SYS_futex, &r->bell, FUTEX_WAIT_BITSET_PRIVATE, bell, &until, NULL,
                             FUTEX_BITSET_MATCH_ANY);
        if (slept < 0 && (errno == ETIMEDOUT || errno == EINTR)) {
            rc = errno == EINTR ? RTVA_RING_INTERRUPTED : RTVA_RING_TIMEOUT;
            break;
        }
    }
    atomic_store_explicit(&r->wanted, RTVA_RING_NEVER, memory_order_relaxed);
    return atomic_load_explicit(&r->written, memory_order_acquire) >= target ? RTVA_RING_OK : rc;
}

/* --- anyone --- */

/* Is [start, stop) still what was written there? Ask before use for the reason, after use for the truth. */
static inline int rtva_ring_is_whole(const rtva_ring *r, uint64_t start, uint64_t stop)
{
    if (stop > atomic_load_explicit(&r->written, memory_order_acquire))
        return RTVA_RING_NOT_WRITTEN;
    atomic_thread_fence(memory_order_acquire);
    return start < r->origin || rtva_ring_is_lapped_(r, start) ? RTVA_RING_LAPPED : RTVA_RING_OK;
}

/* Copies history [start, stop); on failure what `out` holds is undefined. */
static inline int rtva_ring_copy(const rtva_ring *r, uint64_t start, uint64_t stop, int16_t *out)
{
    int rc = rtva_ring_is_whole(r, start, stop);
    if (rc != RTVA_RING_OK)
        return rc;
    rtva_ring_get_at_(r, start, out, (size_t)(stop - start));
    return rtva_ring_is_whole(r, start, stop);
}

/* The memory of [start, stop), contiguous. Valid as memory while the ring lives, as audio while is_whole. */
static inline const int16_t *rtva_ring_view(const rtva_ring *r, uint64_t start)
{
    return r->data + (start & r->mask);
}

static inline uint64_t rtva_ring_available(const rtva_ring *r)
{
    uint64_t consumed = atomic_load_explicit(&r->consumed, memory_order_acquire);
    uint64_t unread = atomic_load_explicit(&r->written, memory_order_acquire) - consumed;
    return unread < r->capacity ? unread : r->capacity;
}

static inline uint64_t rtva_ring_written(const rtva_ring *r)
{
    return atomic_load_explicit(&r->written, memory_order_acquire);
}

static inline uint64_t rtva_ring_consumed(const rtva_ring *r)
{
    return atomic_load_explicit(&r->consumed, memory_order_acquire);
}

static inline uint64_t rtva_ring_overrun(const rtva_ring *r)
{
    return atomic_load_explicit(&r->overrun, memory_order_relaxed);
}

static inline bool rtva_ring_closed(const rtva_ring *r)
{
    return atomic_load_explicit(&r->closed, memory_order_acquire) != 0;
}

#endif
