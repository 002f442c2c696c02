"""The ring between capture and listening: see ``rtva_ring.h`` for the contract."""

import time

import numpy as np

cimport cython
cimport numpy as cnp
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_WRITABLE,
    PyBuffer_FillInfo,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.stdint cimport INT64_MAX, int16_t, int64_t, uint64_t

from rtva_ring cimport *

cnp.import_array()


class RingClosed(ValueError):
    """A write to a ring that was closed."""


class Lapped(LookupError):
    """Those samples were overwritten by newer ones, or are older than the ring."""


class NotWritten(LookupError):
    """Those samples are still in the future."""


cdef int check(int rc) except -1:
    """The one place where a code of ``rtva_ring.h`` becomes an exception."""
    if rc == RTVA_RING_OK:
        return 0
    if rc == RTVA_RING_LAPPED:
        raise Lapped("the writer has overwritten these samples")
    if rc == RTVA_RING_NOT_WRITTEN:
        raise NotWritten("these samples are not written yet")
    if rc == RTVA_RING_CLOSED:
        raise RingClosed("the ring is closed")
    if rc == RTVA_RING_BAD_CAPACITY:
        raise ValueError("the capacity must be a power of two from 2 to 2**31 samples")
    if rc == RTVA_RING_NO_MEMORY:
        PyErr_SetFromErrno(OSError)
        return -1
    raise RuntimeError(f"rtva_ring: code {rc}")


cdef int get_samples(object samples, Py_buffer *buffer, int flags) except -1:
    PyObject_GetBuffer(samples, buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags)
    if buffer.ndim == 1 and buffer.itemsize == 2 and buffer.format != NULL:
        if buffer.format[0] == c"h" or (buffer.format[0] == c"<" and buffer.format[1] == c"h"):
            return 0
    PyBuffer_Release(buffer)
    raise TypeError("samples must be one-dimensional int16")


cdef inline bint is_plain(object samples, bint writable) noexcept:
    """Whether ``samples`` is a numpy array that can be used as it lies.

    Asking numpy itself costs 2 ns; its buffer protocol, which writes a format string for each call, 40.
    """
    if not cnp.PyArray_CheckExact(samples):
        return False
    array = <cnp.ndarray>samples
    if cnp.PyArray_TYPE(array) != cnp.NPY_INT16 or cnp.PyArray_NDIM(array) != 1:
        return False
    return cnp.PyArray_ISCARRAY(array) if writable else cnp.PyArray_ISCARRAY_RO(array)


cdef inline int check_span(int64_t start, int64_t stop, int64_t capacity) except -1:
    if start > stop:
        raise ValueError(f"a span from {start} to {stop} ends before it begins")
    if start < 0 or stop - start > capacity:
        raise Lapped(f"samples {start} to {stop} do not lie within one capacity of {capacity}")
    return 0


@cython.final
cdef class Ring:
    """Samples from one writer thread to one reader thread; the newest always win, what is lost is counted."""

    cdef rtva_ring *ring
    cdef readonly int64_t capacity

    def __cinit__(self, int64_t capacity, *, int64_t origin=0):
        if capacity < 0 or origin < 0:
            raise ValueError("the capacity must be a power of two from 2 to 2**31 samples, the origin not negative")
        check(rtva_ring_new(&self.ring, <uint64_t>capacity, <uint64_t>origin))
        self.capacity = capacity

    def __dealloc__(self):
        rtva_ring_free(self.ring)

    def __len__(self):
        return rtva_ring_available(self.ring)

    def write(self, samples):
        # The GIL is kept: giving it up for some nanoseconds of copying means waiting for it afterwards.
        cdef Py_buffer buffer
        if is_plain(samples, False):
            array = <cnp.ndarray>samples
            data = <const int16_t *>cnp.PyArray_DATA(array)
            check(rtva_ring_write(self.ring, data, <size_t>cnp.PyArray_DIM(array, 0)))
            return
        get_samples(samples, &buffer, 0)
        cdef int rc = rtva_ring_write(self.ring, <const int16_t *>buffer.buf, buffer.len // 2)
        PyBuffer_Release(&buffer)
        check(rc)

    def read_into(self, out):
        cdef Py_buffer buffer
        if is_plain(out, True):
            array = <cnp.ndarray>out
            return rtva_ring_read(self.ring, <int16_t *>cnp.PyArray_DATA(array), <size_t>cnp.PyArray_DIM(array, 0))
        get_samples(out, &buffer, PyBUF_WRITABLE)
        cdef size_t count = rtva_ring_read(self.ring, <int16_t *>buffer.buf, buffer.len // 2)
        PyBuffer_Release(&buffer)
        return count

    def read(self, int64_t max_samples):
        out = np.empty(max(0, min(max_samples, <int64_t>rtva_ring_available(self.ring))), np.int16)
        cdef int64_t count = self.read_into(out)
        return out if count == len(out) else out[:count].copy()

    def available(self):
        return rtva_ring_available(self.ring)

    def copy(self, int64_t start, int64_t stop):
        check_span(start, stop, self.capacity)
        out = np.empty(stop - start, np.int16)
        cdef int16_t[::1] to = out
        if stop > start:
            check(rtva_ring_copy(self.ring, <uint64_t>start, <uint64_t>stop, &to[0]))
        else:
            check(rtva_ring_is_whole(self.ring, <uint64_t>start, <uint64_t>stop))
        return out

    def view(self, int64_t start, int64_t stop):
        check_span(start, stop, self.capacity)
        check(rtva_ring_is_whole(self.ring, <uint64_t>start, <uint64_t>stop))
        return RingView(self, start, stop)

    def wait(self, int64_t samples, double timeout_s):
        if not 0 <= samples <= self.capacity:
            raise ValueError(f"cannot wait for {samples} samples in a ring of {self.capacity}")
        cdef int64_t deadline_ns = INT64_MAX
        if timeout_s < 1e9:
            deadline_ns = time.monotonic_ns() + <int64_t>(max(0.0, timeout_s) * 1e9)
        cdef int rc = RTVA_RING_INTERRUPTED
        while rc == RTVA_RING_INTERRUPTED:
            with nogil:
                rc = rtva_ring_wait(self.ring, <uint64_t>samples, deadline_ns)
            PyErr_CheckSignals()
        return rc == RTVA_RING_OK

    def lock_memory(self):
        return rtva_ring_lock_memory(self.ring)

    def nudge(self):
        rtva_ring_nudge(self.ring)

    def close(self):
        rtva_ring_close(self.ring)

    @property
    def closed(self):
        return rtva_ring_closed(self.ring)

    @property
    def written(self):
        return rtva_ring_written(self.ring)

    @property
    def consumed(self):
        return rtva_ring_consumed(self.ring)

    @property
    def overrun(self):
        return rtva_ring_overrun(self.ring)


@cython.final
cdef class RingView:
    """A window on the ring's own memory, read-only and contiguous."""

    cdef Ring ring
    cdef readonly int64_t start
    cdef readonly int64_t stop

    def __cinit__(self, Ring ring not None, int64_t start, int64_t stop):
        self.ring = ring
        self.start = start
        self.stop = stop

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        cdef const int16_t *samples = rtva_ring_view(self.ring.ring, <uint64_t>self.start)
        PyBuffer_FillInfo(buffer, self, <void *>samples, (self.stop - self.start) * 2, 1, flags)

    def __len__(self):
        return self.stop - self.start

    @property
    def array(self):
        return np.frombuffer(self, np.int16)

    def is_valid(self):
        return rtva_ring_is_whole(self.ring.ring, <uint64_t>self.start, <uint64_t>self.stop) == RTVA_RING_OK
