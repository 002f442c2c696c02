"""Sentence templates as an automaton, a vocabulary as a trie: see ``rtva_grammar.h`` for the contract."""

import unicodedata
from functools import lru_cache

import numpy as np

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int32_t, uint8_t, uint16_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from rtva_grammar cimport *

_GAPS = frozenset("-_/:;\\|‐‑‒–—―−~")
_SYMBOLS = {"%": "percent", "°": "degrees", "+": "plus", "&": "and", "×": "times", "÷": "divided by"}


@lru_cache(maxsize=65536)
def fold(str text, str language="en"):
    """Lower case, no punctuation, hyphens and the like as spaces, symbols as words; spaces stay as they are.

    Applied to templates and, token by token, to what a recogniser writes, so that both meet.
    """
    out = []
    for character in unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()):
        if character.isalnum() or unicodedata.category(character)[0] == "M":
            out.append(character)
        elif character.isspace() or character in _GAPS:
            out.append(" ")
        elif character in _SYMBOLS:
            out.append(f" {_SYMBOLS[character]} " if language.startswith("en") else f" {character} ")
    return "".join(out)


cdef int32_t _grow(list keys, const int32_t[::1] numbers, int32_t[:, ::1] rows, uint8_t[::1] letters):
    """The trie of sorted ``keys``, level by level; returns how many nodes it has.

    ``rows`` become: first child, children, first token, tokens in the order of the nodes; the last three are scratch:
    the keys below a node, from and to, and its depth.
    """
    cdef Py_ssize_t start, at, hi
    cdef int32_t node = 0, nodes = 1, depth, placed = 0
    cdef uint8_t letter
    rows[4, 0], rows[5, 0], rows[6, 0] = 0, <int32_t>len(keys), 0
    while node < nodes:
        at, hi, depth = rows[4, node], rows[5, node], rows[6, node]
        rows[2, node] = placed
        while at < hi and len(<bytes>keys[at]) == depth:
            rows[3, placed] = numbers[at]
            placed += 1
            at += 1
        rows[0, node] = nodes
        while at < hi:
            start = at
            letter = (<const uint8_t *><char *><bytes>keys[start])[depth]
            while at < hi and (<const uint8_t *><char *><bytes>keys[at])[depth] == letter:
                at += 1
            rows[4, nodes], rows[5, nodes], rows[6, nodes] = <int32_t>start, <int32_t>at, depth + 1
            letters[nodes] = letter
            nodes += 1
        rows[1, node] = nodes - rows[0, node]
        node += 1
    rows[2, nodes] = placed
    return nodes


cdef class Vocabulary:
    """Token texts (normalised bytes; empty: the token is never admitted) as a trie.

    ``capsule`` hands the trie to the other compiled modules.
    """
    cdef rtva_vocabulary c
    cdef object _arrays
    cdef readonly int n_tokens

    def __init__(self, list texts):
        order = sorted([i for i, t in enumerate(texts) if t], key=texts.__getitem__)
        cdef list keys = [texts[i] for i in order]
        cdef const int32_t[::1] numbers = np.array(order, np.int32)
        most = sum(map(len, keys)) + 2  # nodes, the root among them, and the end of the last
        scratch, letters = np.zeros((7, most), np.int32), np.zeros(most, np.uint8)
        cdef int32_t[:, ::1] rows = scratch
        cdef uint8_t[::1] bytes_view = letters
        cdef int32_t nodes = _grow(keys, numbers, rows, bytes_view)
        self.n_tokens = len(texts)
        self._keep(nodes, [scratch[0], scratch[1], scratch[2], scratch[3]], letters)

    def _keep(self, int32_t nodes, list columns, letters):
        arrays = [np.array(column[:nodes + 1]) for column in columns[:3]]
        arrays += [np.array(columns[3][:max(1, arrays[2][nodes])]), np.array(letters[:nodes])]
        self._arrays = arrays
        cdef const int32_t[::1] child = arrays[0], counts = arrays[1], first = arrays[2], tokens = arrays[3]
        cdef const uint8_t[::1] byte_view = arrays[4]
        self.c.n_nodes = nodes
        self.c.child, self.c.n_children = &child[0], &counts[0]
        self.c.byte = &byte_view[0]
        self.c.token_first, self.c.tokens = &first[0], &tokens[0]

    @property
    def capsule(self):
        """The C structure, for ``_whisper``; valid while this object lives."""
        return PyCapsule_New(&self.c, "rtva_vocabulary", NULL)


cdef class Automaton:
    """Rows of a nondeterministic automaton (``first``, ``symbol``, ``target``), start 0, end ``final``.

    Raises ValueError for rows that do not fit together, MemoryError. One caller at a time.
    """
    cdef rtva_grammar *c
    cdef object _arrays

    def __cinit__(self, first, symbol, target, int final):
        cdef const int32_t[::1] rows = np.ascontiguousarray(first, np.int32)
        cdef const uint16_t[::1] symbols = np.ascontiguousarray(symbol, np.uint16)
        cdef const int32_t[::1] targets = np.ascontiguousarray(target, np.int32)
        cdef int32_t n = <int32_t>(rows.shape[0] - 1)
        checked = np.asarray(targets)
        if n < 1 or not 0 <= final < n or rows[n] != targets.shape[0] or symbols.shape[0] != targets.shape[0]:
            raise ValueError("automaton: rows do not fit together")
        if targets.shape[0] == 0 or checked.min() < 0 or checked.max() >= n or (np.diff(np.asarray(rows)) < 0).any():
            raise ValueError("automaton: an edge leads nowhere")
        self._arrays = (rows, symbols, targets)
        self.c = rtva_grammar_new(n, final, &rows[0], &targets[0], &symbols[0])
        if self.c == NULL:
            raise MemoryError

    def __dealloc__(self):
        rtva_grammar_free(self.c)

    @property
    def capsule(self):
        """The C structure, for ``_whisper``; valid while this object lives."""
        return PyCapsule_New(self.c, "rtva_grammar", NULL)

    @property
    def start(self):
        """The first state."""
        return self.c.start

    @property
    def cache_bytes(self):
        """Memory of what was interned so far."""
        return rtva_grammar_cache_bytes(self.c)

    def trim(self, size_t most_bytes):
        """Forgets interned states and masks beyond ``most_bytes``; states from before are void."""
        rtva_grammar_trim(self.c, most_bytes)

    def read(self, int state, const uint8_t[::1] text):
        """The state after ``text``, negative when no sentence goes on like that."""
        cdef int32_t end = state
        if not 0 <= state < self.c.n_dfa:
            raise ValueError("no such state")
        if text.shape[0]:
            with nogil:
                end = rtva_grammar_read(self.c, state, &text[0], <int32_t>text.shape[0])
        return end

    def accepts(self, int state):
        """Whether a sentence may end in ``state``."""
        return 0 <= state < self.c.n_dfa and self.c.dfa[state].accepts

    def mask(self, Vocabulary vocabulary, int state):
        """``(tokens, next states)`` of everything that may follow, int32 arrays."""
        cdef const rtva_mask_entry *entries = NULL
        cdef int32_t n
        if not 0 <= state < self.c.n_dfa:
            raise ValueError("no such state")
        with nogil:
            n = rtva_grammar_mask(self.c, &vocabulary.c, state, &entries)
        found = np.empty((n, 3), np.int32)
        cdef int32_t[:, ::1] rows = found
        if n:
            memcpy(&rows[0, 0], entries, <size_t>n * sizeof(rtva_mask_entry))
        return found[:, 0], found[:, 1]

    def parse(self, bytes text):
        """States of the preferred reading of a whole sentence with the bytes read before each, or None."""
        cdef int32_t *states = NULL
        cdef int32_t *ats = NULL
        cdef const uint8_t *raw = text
        cdef int32_t n = <int32_t>len(text), count, i
        with nogil:
            count = rtva_grammar_parse(self.c, raw, n, &states, &ats)
        try:
            if count < 0:
                raise MemoryError
            return [(states[i], ats[i]) for i in range(count)] if count else None
        finally:
            free(states)
            free(ats)
