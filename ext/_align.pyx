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
    ``pred[first[v]:first[v + 1]]``. ``slots`` are ``(source, from node, to node)``, ``source`` a key of the stretches
    that :func:`next_within` is given. Raises ValueError for a predecessor that is not before its node.
    """
    cdef const uint8_t[::1] _phone
    cdef const float[::1] _weight
    cdef const int32_t[::1] _first, _pred, _pred_first, _pred_block, _next_first, _next_block
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
        self.slots = [(source, int(start), int(end)) for source, start, end in slots]
        if not all(0 <= start < n and 0 <= end < n for _, start, end in self.slots):
            raise ValueError("a slot must go from and to a node that exists")
        self._highest, self._heaviest = int(np.max(phone)), float(np.max(weight))
        self.c.n_nodes = <int32_t>n
        self.c.phone = &self._phone[0]
        self.c.weight = &self._weight[0]
        self.c.first = &self._first[0]
        self.c.pred = &self._pred[0]
        self._lay_blocks()

    cdef _lay_blocks(self):
        cdef int32_t v, i, block, size = RTVA_ALIGN_BLOCK, n = (self.c.n_nodes + size - 1) // size
        before, behind = [set() for _ in range(n)], [set() for _ in range(n)]
        for v in range(self.c.n_nodes):
            for i in range(self._first[v], self._first[v + 1]):
                block = self._pred[i] // size
                if block != v // size:
                    before[v // size].add(block)
                    behind[block].add(v // size)
        self._pred_first, self._pred_block = _listed(before)
        self._next_first, self._next_block = _listed(behind)
        self.c.n_blocks = n
        self.c.pred_first, self.c.pred_block = &self._pred_first[0], &self._pred_block[0]
        self.c.next_first, self.c.next_block = &self._next_first[0], &self._next_block[0]

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
        _check_heard(heard, extra, costs)
        cdef Py_ssize_t n_cells = self._cells(costs, n)
        jumps = sorted(jumps, key=_to_column)
        cdef float *cells = <float *>malloc(n_cells * sizeof(float))
        cdef rtva_align_jump *js = <rtva_align_jump *>malloc((len(jumps) + 1) * sizeof(rtva_align_jump))
        cdef rtva_align_step *steps = <rtva_align_step *>malloc(most * sizeof(rtva_align_step))
        cdef uint8_t *marks = <uint8_t *>malloc((n + 3) * self.c.n_blocks)
        cdef const uint8_t *phones = &heard[0] if n else NULL
        cdef const float *extras = &extra[0] if n else NULL
        cdef int32_t n_jumps = <int32_t>len(jumps)
        cdef rtva_align_terms terms = rtva_align_terms(limit, 0, 1, NULL)
        cdef float cost
        try:
            if not cells or not js or not steps or not marks:
                raise MemoryError()
            for i in range(n_jumps):
                js[i] = _jump(jumps[i], nodes, n)
            with nogil:
                cost = rtva_align_run(&self.c, &costs.c, &terms, phones, extras, n, js, n_jumps, cells, marks)
                if isfinite(cost):
                    length = rtva_align_trace(&self.c, &costs.c, phones, extras, n, js, n_jumps, cells, steps, most)
            if not length:
                return None
            return cost, [(steps[i].node, steps[i].column, steps[i].how, steps[i].cost)
                          for i in range(length - 1, -1, -1)], jumps
        finally:
            free(cells)
            free(marks)
            free(js)
            free(steps)

    cdef Py_ssize_t _cells(self, PhoneCosts costs, int32_t n) except -1:
        """How many cells an alignment with n heard phones takes."""
        cdef Py_ssize_t n_cells = (<Py_ssize_t>n + 1) * self.c.n_nodes
        if self._highest >= costs.c.n_phones:
            raise ValueError("every phone must have its costs")
        if n_cells > MAX_CELLS:
            raise MemoryError("the alignment is too large")
        return n_cells


def _listed(sets):
    """Where the members of each set begin, and the members, one set after the other."""
    return (np.cumsum([0, *map(len, sets)], dtype=np.int32),
            np.array([member for found in sets for member in sorted(found)] or [0], np.int32))


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
    """The first of ``graphs[at:]`` whose cheapest way is within ``limit`` and scores ``least``, or their number.

    A way scores 1 - its cost / the larger of the weights of the nodes on it and of the phones that no jump took;
    ``weight`` (columns,) is what the phones before each column weigh. What slots may take is in ``stretches``, by
    source; a source that is not there takes nothing. Raises as :meth:`PhoneGraph.align` does.
    """
    cdef int32_t n = <int32_t>heard.shape[0], n_jumps, length, i
    cdef Py_ssize_t n_cells = 0, n_steps = 0, n_marks = 0, room = 1, more, number = at, count = len(graphs)
    cdef const uint8_t *phones = &heard[0] if n else NULL
    cdef const float *extras = &extra[0] if n else NULL
    cdef PhoneGraph graph
    cdef float cost, heaviest = 0
    cdef rtva_align_terms exact = rtva_align_terms(limit, 0, 1, NULL), bound
    _check_heard(heard, extra, costs)
    if weight.shape[0] != n + 1:
        raise ValueError("weight must have a value for every column")
    for number in range(at, count):
        graph = <PhoneGraph?>graphs[number]
        n_cells = max(n_cells, graph._cells(costs, n))
        n_steps = max(n_steps, n + graph.c.n_nodes + 1)
        n_marks = max(n_marks, (n + 3) * graph.c.n_blocks)
        heaviest = max(heaviest, graph._heaviest)
        more = 0
        for source, _, _ in graph.slots:
            more += _taken(stretches, source, n)
        room = max(room, more)
    cdef float *cells = <float *>malloc(n_cells * sizeof(float))
    cdef uint8_t *marks = <uint8_t *>malloc(n_marks)
    cdef rtva_align_step *steps = <rtva_align_step *>malloc(n_steps * sizeof(rtva_align_step))
    cdef rtva_align_jump *jumps = <rtva_align_jump *>malloc(2 * room * sizeof(rtva_align_jump))
    cdef rtva_align_jump *dear = jumps + room
    cdef float *credit = <float *>malloc((n + 1) * sizeof(float))
    cdef double *credited = <double *>malloc((n + 1) * sizeof(double))
    try:
        if not cells or not marks or not steps or not jumps or not credit or not credited:
            raise MemoryError()
        bound = rtva_align_credit(&costs.c, phones, extras, n, <float>least, heaviest, credit, credited)
        for number in range(at, count):
            graph = <PhoneGraph>graphs[number]
            n_jumps = _gather(graph, stretches, jumps)
            with nogil:
                for i in range(n_jumps):
                    dear[i] = jumps[i]
                    dear[i].cost += <float>(credited[jumps[i].to_column] - credited[jumps[i].from_column])
                cost = rtva_align_run(&graph.c, &costs.c, &bound, phones, extras, n, dear, n_jumps, cells, marks)
                if not isfinite(cost):
                    continue
                cost = rtva_align_run(&graph.c, &costs.c, &exact, phones, extras, n, jumps, n_jumps, cells, marks)
                if not isfinite(cost):
                    continue
                length = rtva_align_trace(&graph.c, &costs.c, phones, extras, n, jumps, n_jumps, cells, steps,
                                          <int32_t>n_steps)
            if _score(&graph.c, &costs.c, steps, length, jumps, &weight[0], n) >= least:
                return number
        return count
    finally:
        free(cells)
        free(marks)
        free(steps)
        free(jumps)
        free(credit)
        free(credited)


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
    """Writes the jumps of every slot, in the order of their columns, and returns how many there are."""
    cdef int32_t n_jumps = 0, start, end, i, j
    cdef Stretches taken
    cdef rtva_align_jump jump
    for source, start, end in graph.slots:
        found = stretches.get(source)
        if found is None:
            continue
        taken = <Stretches>found
        j = n_jumps - 1
        n_jumps += taken.n
        for i in range(taken.n - 1, -1, -1):  # merged from the end with what was there
            jump = taken.jumps[i]
            jump.from_node, jump.to_node = start, end
            while j >= 0 and jumps[j].to_column > jump.to_column:
                jumps[j + i + 1] = jumps[j]
                j -= 1
            jumps[j + i + 1] = jump
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
