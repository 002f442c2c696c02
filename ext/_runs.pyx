"""Which sets share the most with a set of runs: what :mod:`firmware_py.nlu.repair` looks templates up by."""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t


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

    @cython.boundscheck(False)  # the numbers in it are its own
    @cython.wraparound(False)
    def shared(self, runs):
        cdef list known = [self._number[run] for run in runs if run in self._number]
        if not known:
            return None
        cdef double[::1] sums = np.zeros(self._size)
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
        return np.asarray(sums), total
