"""Heard phones against a graph of phones: see ``rtva_align.h`` for the contract."""

import numpy as np

from libc.math cimport isfinite
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport free, malloc

from rtva_align cimport *

MAX_CELLS = 1 << 24
"""Columns times nodes that one alignment may take: 64 MiB while it runs."""


cdef class PhoneCosts:
    """What it costs to hear one phone as another (``substitute``, float32 (n, n)) or not at all (``drop``, (n,))."""
    cdef float[:, ::1] _substitute
    cdef float[::1] _drop
    cdef rtva_align_costs c

    def __init__(self, substitute, drop):
        self._substitute = np.array(substitute, np.float32)
        self._drop = np.array(drop, np.float32)
        cdef Py_ssize_t n = self._drop.shape[0]
        if self._substitute.shape[0] != n or self._substitute.shape[1] != n or not 0 < n <= 256:
            raise ValueError("substitute must be (n, n) and drop (n,), n at most 256")
        if np.min(substitute) < 0 or np.min(drop) < 0:
            raise ValueError("costs must not be negative")
        self._drop[0] = 0  # passing a junction is free
        self.c.n_phones = <int32_t>n
        self.c.substitute = &self._substitute[0, 0]
        self.c.drop = &self._drop[0]


cdef class PhoneGraph:
    """Nodes in topological order: ``phone`` uint8 (0: junction), ``weight`` float32, predecessors of node v
    ``pred[first[v]:first[v + 1]]``. Raises ValueError for a predecessor that is not before its node.
    """
    cdef const uint8_t[::1] _phone
    cdef const float[::1] _weight
    cdef const int32_t[::1] _first, _pred
    cdef rtva_align_graph c
    cdef int _highest

    def __init__(self, phone, weight, first, pred):
        self._phone = np.array(phone, np.uint8)
        self._weight = np.array(weight, np.float32)
        self._first = np.array(first, np.int32)
        self._pred = np.array(list(pred) or [0], np.int32)
        cdef Py_ssize_t n = self._phone.shape[0], v
        cdef int32_t i
        if n == 0 or self._weight.shape[0] != n or self._first.shape[0] != n + 1 or self._first[0] != 0:
            raise ValueError("phone (n,), weight (n,) and first (n + 1,) do not fit")
        if self._first[n] != len(pred) or np.min(weight) < 0:
            raise ValueError("first must end at the number of predecessors, weights must not be negative")
        for v in range(n):
            if self._first[v] > self._first[v + 1]:
                raise ValueError("first must not fall")
            for i in range(self._first[v], self._first[v + 1]):
                if not 0 <= self._pred[i] < v:
                    raise ValueError("a predecessor must come before its node")
        self._highest = int(np.max(phone))
        self.c.n_nodes = <int32_t>n
        self.c.phone = &self._phone[0]
        self.c.weight = &self._weight[0]
        self.c.first = &self._first[0]
        self.c.pred = &self._pred[0]

    @property
    def n_nodes(self):
        return self.c.n_nodes

    def align(self, PhoneCosts costs not None, const uint8_t[::1] heard not None, const float[::1] extra not None,
              list jumps not None, float limit):
        """``(cost, [(node, column, how, cost so far), ...], jumps)`` of the cheapest way, None if none is in ``limit``.

        ``jumps`` are ``(from node, from column, to node, to column, cost)``. ``how`` is 0 passed over, 1 matched,
        2 additional, 3 + 4 * index for a jump, counted in the returned (sorted) jumps. Raises ValueError for what
        does not fit, MemoryError beyond MAX_CELLS.
        """
        cdef int32_t n = <int32_t>heard.shape[0], nodes = self.c.n_nodes, i, length = 0, most = n + nodes + 1
        cdef Py_ssize_t n_cells = (<Py_ssize_t>n + 1) * nodes
        if extra.shape[0] != n or self._highest >= costs.c.n_phones:
            raise ValueError("extra must be as long as heard, and every phone must have its costs")
        for i in range(n):
            if heard[i] >= costs.c.n_phones or not extra[i] >= 0:
                raise ValueError("a heard phone without costs")
        if n_cells > MAX_CELLS:
            raise MemoryError("the alignment is too large")
        jumps = sorted(jumps, key=_to_column)
        cdef float *cells = <float *>malloc(n_cells * sizeof(float))
        cdef rtva_align_jump *js = <rtva_align_jump *>malloc((len(jumps) + 1) * sizeof(rtva_align_jump))
        cdef rtva_align_step *steps = <rtva_align_step *>malloc(most * sizeof(rtva_align_step))
        cdef const uint8_t *phones = &heard[0] if n else NULL
        cdef const float *extras = &extra[0] if n else NULL
        cdef int32_t n_jumps = <int32_t>len(jumps)
        cdef float cost
        try:
            if not cells or not js or not steps:
                raise MemoryError()
            for i in range(n_jumps):
                js[i] = _jump(jumps[i], nodes, n)
            with nogil:
                cost = rtva_align_run(&self.c, &costs.c, phones, extras, n, js, n_jumps, limit, cells)
                if isfinite(cost):
                    length = rtva_align_trace(&self.c, &costs.c, phones, extras, n, js, n_jumps, cells, steps, most)
            if not length:
                return None
            return cost, [(steps[i].node, steps[i].column, steps[i].how, steps[i].cost)
                          for i in range(length - 1, -1, -1)], jumps
        finally:
            free(cells)
            free(js)
            free(steps)


def _to_column(jump):
    return jump[3]


cdef rtva_align_jump _jump(tuple given, int32_t nodes, int32_t n) except *:
    cdef rtva_align_jump j
    j.from_node, j.from_column, j.to_node, j.to_column, j.cost = given
    if not (0 <= j.from_node < nodes and 0 <= j.to_node < nodes and 0 <= j.from_column < j.to_column <= n):
        raise ValueError("a jump must go forward, from and to a node and column that exist")
    if not j.cost >= 0:
        raise ValueError("costs must not be negative")
    return j
