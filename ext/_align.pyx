"""Heard phones against a graph of phones: see ``rtva_align.h`` for the contract."""

import numpy as np

from libc.math cimport isfinite
from libc.stdint cimport int32_t, uint8_t
from libc.stdlib cimport calloc, free, malloc

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
    ``pred[first[v]:first[v + 1]]``. ``slots`` are ``(source, from node, to node)``, ``source`` a key of the stretches
    that :func:`next_above` is given; they are kept in the order of their ends. Raises ValueError for a predecessor that
    is not before its node, and for a slot that does not go forward.
    """
    cdef const uint8_t[::1] _phone
    cdef const float[::1] _weight
    cdef const int32_t[::1] _first, _pred
    cdef rtva_align_graph c
    cdef int _highest
    cdef float _heaviest
    cdef readonly list slots

    def __init__(self, phone, weight, first, pred, slots=()):
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
        self.slots = sorted([(source, int(start), int(end)) for source, start, end in slots], key=_end)
        if not all(0 <= start < end < n for _, start, end in self.slots):
            raise ValueError("a slot must go forward, from and to a node that exists")
        self._highest, self._heaviest = int(np.max(phone)), float(np.max(weight))
        self.c.n_nodes = <int32_t>n
        self.c.phone = &self._phone[0]
        self.c.weight = &self._weight[0]
        self.c.first = &self._first[0]
        self.c.pred = &self._pred[0]

    @property
    def n_nodes(self):
        return self.c.n_nodes

    cdef Py_ssize_t _cells(self, PhoneCosts costs, int32_t n) except -1:
        """How many cells an alignment with n heard phones takes."""
        cdef Py_ssize_t n_cells = rtva_align_room(n, self.c.n_nodes)
        if self._highest >= costs.c.n_phones:
            raise ValueError("every phone must have its costs")
        if n_cells > MAX_CELLS:
            raise MemoryError("the alignment is too large")
        return n_cells


cdef class _Room:
    """The memory that alignments of one row of heard phones take, one after the other."""
    cdef float *cells
    cdef float *sounds
    cdef float *none
    cdef float *extra
    cdef float *credit
    cdef float *more
    cdef double *credited
    cdef rtva_align_band *bands
    cdef rtva_align_step *steps
    cdef rtva_align_jump *jumps

    def __init__(self, PhoneCosts costs, const uint8_t[::1] heard, const float[::1] extra, Py_ssize_t n_cells,
                 Py_ssize_t n_nodes, Py_ssize_t n_jumps):
        cdef int32_t n = <int32_t>heard.shape[0], c
        cdef Py_ssize_t columns = rtva_align_columns(n)
        self.cells = <float *>malloc(n_cells * sizeof(float))
        self.sounds = <float *>malloc(costs.c.n_phones * columns * sizeof(float))
        self.none = <float *>calloc(4 * columns, sizeof(float))
        self.credited = <double *>calloc(columns, sizeof(double))
        self.bands = <rtva_align_band *>malloc(n_nodes * sizeof(rtva_align_band))
        self.steps = <rtva_align_step *>malloc((n + n_nodes + 1) * sizeof(rtva_align_step))
        self.jumps = <rtva_align_jump *>malloc((2 * n_jumps + 1) * sizeof(rtva_align_jump))
        if not (self.cells and self.sounds and self.none and self.credited and self.bands and self.steps
                and self.jumps):
            raise MemoryError()
        self.extra, self.credit = self.none + columns, self.none + 2 * columns
        self.more = self.none + 3 * columns
        for c in range(n):
            self.extra[c + 1] = extra[c]
        rtva_align_sound(&costs.c, &heard[0] if n else NULL, n, self.sounds)

    cdef rtva_align_terms exact(self, float limit):
        return rtva_align_terms(limit, 0, self.none, self.extra, self.extra)

    cdef list way(self, int32_t length):
        """The steps of a way that was traced, end first."""
        cdef int32_t i
        return [(self.steps[i].node, self.steps[i].column, self.steps[i].how & 3, self.steps[i].cost)
                for i in range(length - 1, -1, -1)]

    def __dealloc__(self):
        free(self.cells)
        free(self.sounds)
        free(self.none)
        free(self.credited)
        free(self.bands)
        free(self.steps)
        free(self.jumps)


cdef class Stretches:
    """Stretches of heard phones that the slots of one source may take: ``(from column, to column, cost)``."""
    cdef rtva_align_jump *jumps
    cdef int32_t n, last

    def __init__(self, stretches):
        ordered = sorted(stretches, key=_second)
        self.jumps = <rtva_align_jump *>malloc((len(ordered) + 1) * sizeof(rtva_align_jump))
        if not self.jumps:
            raise MemoryError()
        cdef rtva_align_jump *j
        for begin, end, cost in ordered:
            j = &self.jumps[self.n]
            j.from_column, j.to_column, j.cost = begin, end, cost
            if not 0 <= j.from_column < j.to_column or not j.cost >= 0:
                raise ValueError("a stretch must go forward and its cost must not be negative")
            self.n += 1
            self.last = j.to_column

    def __dealloc__(self):
        free(self.jumps)


def next_above(list graphs not None, Py_ssize_t at, PhoneCosts costs not None, const uint8_t[::1] heard not None,
               const float[::1] extra not None, const double[::1] weight not None, dict stretches not None,
               float limit, double least):
    """``(number, cost, [(node, column, how, cost so far), ...])`` of the first of ``graphs[at:]`` whose cheapest way is
    within ``limit`` and scores ``least``, None if there is none.

    ``how`` a node was reached is 0 passed over, 1 matched, 2 by an additional phone, 3 by a jump, from the node and
    column of the step before. A way scores 1 - its cost / the larger of the weights of the nodes on it and of the
    phones that no jump took, -1 if both are 0; ``weight`` (columns,) is what the phones before each column weigh. What
    slots may take is in ``stretches``, by source; a source that is not there takes nothing. Raises ValueError for what
    does not fit, MemoryError beyond MAX_CELLS.
    """
    cdef int32_t n = <int32_t>heard.shape[0], n_jumps, length, i
    cdef Py_ssize_t n_cells = 0, n_nodes = 0, most_jumps = 0, more, number = at, count = len(graphs)
    cdef const uint8_t *phones = &heard[0] if n else NULL
    cdef PhoneGraph graph
    cdef float cost, heaviest = 0
    _check_heard(heard, extra, costs)
    if weight.shape[0] != n + 1:
        raise ValueError("weight must have a value for every column")
    for number in range(at, count):
        graph = <PhoneGraph?>graphs[number]
        n_cells = max(n_cells, graph._cells(costs, n))
        n_nodes = max(n_nodes, graph.c.n_nodes)
        heaviest = max(heaviest, graph._heaviest)
        more = 0
        for source, _, _ in graph.slots:
            more += _taken(stretches, source, n)
        most_jumps = max(most_jumps, more)
    cdef _Room room = _Room(costs, heard, extra, n_cells, n_nodes, most_jumps)
    cdef rtva_align_terms exact = room.exact(limit), bound
    cdef rtva_align_jump *dear = room.jumps + most_jumps
    bound = rtva_align_credit(&costs.c, phones, room.extra, n, <float>least, heaviest, room.credit, room.more,
                              room.credited)
    for number in range(at, count):
        graph = <PhoneGraph>graphs[number]
        n_jumps = _gather(graph, stretches, room.jumps)
        with nogil:
            if least > 0:
                for i in range(n_jumps):
                    dear[i] = room.jumps[i]
                    dear[i].cost += <float>(room.credited[dear[i].to_column] - room.credited[dear[i].from_column])
                cost = rtva_align_run(&graph.c, &costs.c, &bound, room.sounds, n, dear, n_jumps, room.cells, room.bands)
                if not isfinite(cost):
                    continue
            cost = rtva_align_run(&graph.c, &costs.c, &exact, room.sounds, n, room.jumps, n_jumps, room.cells,
                                  room.bands)
            if not isfinite(cost):
                continue
            length = rtva_align_trace(&graph.c, &costs.c, phones, room.extra, n, room.jumps, n_jumps, room.cells,
                                      room.bands, room.steps, <int32_t>(n + n_nodes + 1))
        if _score(&graph.c, &costs.c, room.steps, length, room.jumps, &weight[0], n) >= least:
            return number, cost, room.way(length)
    return None


cdef double _score(const rtva_align_graph *g, const rtva_align_costs *k, const rtva_align_step *steps, int32_t length,
                   const rtva_align_jump *jumps, const double *weight, int32_t n) noexcept nogil:
    """The score of a way that was traced, end first."""
    cdef double said = 0, taken = 0
    cdef int32_t i, v
    cdef const rtva_align_jump *jump
    for i in range(length - 1, -1, -1):
        if steps[i].how & 3 == RTVA_ALIGN_JUMP:
            jump = &jumps[steps[i].how >> 2]
            taken += weight[jump.to_column] - weight[jump.from_column]
        elif steps[i].how & 3 != RTVA_ALIGN_EXTRA:
            v = steps[i].node
            said += <double>k.drop[g.phone[v]] * <double>g.weight[v]
    return way_score(steps[0].cost, said, taken, weight[n])


cdef inline double way_score(double cost, double said, double taken, double heard) noexcept nogil:
    cdef double size = max(said, heard - taken)
    return max(0.0, 1 - cost / size) if size > 0 else -1.0


cdef int32_t _taken(dict stretches, source, int32_t n) except -1:
    """How many stretches there are for a source; ValueError when they do not fit n columns."""
    found = stretches.get(source)
    if found is None:
        return 0
    if (<Stretches?>found).last > n:
        raise ValueError("a stretch must end at a column that exists")
    return (<Stretches>found).n


cdef int32_t _gather(PhoneGraph graph, dict stretches, rtva_align_jump *jumps):
    """Writes the jumps of every slot, in the order of their ends, and returns how many there are."""
    cdef int32_t n_jumps = 0, start, end, i
    cdef Stretches taken
    for source, start, end in graph.slots:
        found = stretches.get(source)
        if found is None:
            continue
        taken = <Stretches>found
        for i in range(taken.n):
            jumps[n_jumps] = taken.jumps[i]
            jumps[n_jumps].from_node, jumps[n_jumps].to_node = start, end
            n_jumps += 1
    return n_jumps


cdef int _check_heard(const uint8_t[::1] heard, const float[::1] extra, PhoneCosts costs) except -1:
    cdef Py_ssize_t i
    if extra.shape[0] != heard.shape[0]:
        raise ValueError("extra must be as long as heard")
    for i in range(heard.shape[0]):
        if heard[i] >= costs.c.n_phones or not extra[i] >= 0:
            raise ValueError("a heard phone without costs")
    return 0


def _second(stretch):
    return stretch[1]


def _end(slot):
    return slot[2]
