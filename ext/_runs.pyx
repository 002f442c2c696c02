"""Which sets share the most with a set of runs: what :mod:`firmware_py.nlu.repair` looks templates up by."""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc


class RunIndex:
    """Which of some sets have which runs (strings); ``worth`` says how much each run counts.

    ``shared(runs)`` is the worth that each set shares with ``runs``, float64 (sets,), and the worth of the runs that
    any set has; None when no set has any.
    """

    def __init__(self, sets, worth):
        members = {}
        for number, own in enumerate(sets):
            for run in own:
                members.setdefault(run, []).append(number)
        self._size = len(sets)
        self._number = {run: i for i, run in enumerate(members)}
        self._first = np.cumsum([0, *map(len, members.values())], dtype=np.int64)
        self._members = np.array([number for found in members.values() for number in found] or [0], np.int32)
        self._worth = np.array([worth(len(found)) for found in members.values()] or [0], np.float64)

    def worth_of(self, runs):
        """The worth of runs, in their order; each must be one that some set has."""
        return [float(self._worth[self._number[run]]) for run in runs]

    def shared(self, runs):
        cdef list known = [self._number[run] for run in runs if run in self._number]
        cdef double total = 0
        if not known:
            return None
        sums = np.zeros(self._size)
        total = self._add(known, sums)
        return sums, total

    @cython.boundscheck(False)  # the numbers in it are its own
    @cython.wraparound(False)
    def _add(self, list known, double[::1] sums):
        cdef const int32_t[::1] members = self._members
        cdef const int64_t[::1] first = self._first
        cdef const double[::1] worth = self._worth
        cdef double total = 0
        cdef int64_t i
        cdef Py_ssize_t number
        for number in known:
            total += worth[number]
            for i in range(first[number], first[number + 1]):
                sums[members[i]] += worth[number]
        return total


@cython.boundscheck(False)
@cython.wraparound(False)
def nearest(const double[::1] shared, double heard, const double[::1] own, Py_ssize_t most, double least,
            double of_best):
    """``(minus measure, set)``, the best first: what ``shared`` is of ``heard``, or of the smaller of that and ``own``.

    Of each measure only the ``most`` best sets count, and no set that measures less than ``least`` or ``of_best`` of
    the best. Raises ValueError when ``shared`` and ``own`` do not fit.
    """
    cdef Py_ssize_t i, n = shared.shape[0], n_near = 0, n_far = 0
    cdef double best = 0
    if own.shape[0] != n or not heard > 0 or most < 1:
        raise ValueError("shared and own must be as long, heard above 0 and most at least 1")
    cdef _measured *near = <_measured *>malloc(2 * most * sizeof(_measured))
    if not near:
        raise MemoryError()
    cdef _measured *far = near + most
    try:
        for i in range(n):
            best = max(best, shared[i] / min(own[i], heard))
        least = max(least, of_best * best)
        for i in range(n):
            n_near = _keep(near, n_near, most, _measured(shared[i] / heard, i), least)
            n_far = _keep(far, n_far, most, _measured(shared[i] / min(own[i], heard), i), least)
        found = {near[i].number: -near[i].measure for i in range(n_near)}
        for i in range(n_far):
            found[far[i].number] = min(-far[i].measure, found.get(far[i].number, 0.0))
        return sorted([(measure, number) for number, measure in found.items()])
    finally:
        free(near)


cdef struct _measured:
    double measure
    Py_ssize_t number


cdef inline Py_ssize_t _keep(_measured *kept, Py_ssize_t n, Py_ssize_t most, _measured new,
                             double least) noexcept nogil:
    """Puts one that measures enough in its place among the best; returns how many there are."""
    cdef Py_ssize_t at = n
    if new.measure < least or (n == most and new.measure <= kept[n - 1].measure):
        return n
    if n == most:
        at = n - 1
    while at > 0 and kept[at - 1].measure < new.measure:
        kept[at] = kept[at - 1]
        at -= 1
    kept[at] = new
    return n + (n < most)
