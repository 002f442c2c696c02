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


cdef class Vocabulary:
    """Token texts (normalised bytes; empty: the token is never admitted) as a trie.

    ``capsule`` hands the trie to the other compiled modules.
    """
    cdef rtva_vocabulary c
    cdef object _arrays
    cdef readonly int n_tokens

    def __init__(self, list texts):
        order = sorted((t, i) for i, t in enumerate(texts) if t)
        cdef list keys = [t for t, _ in order]
        cdef list ranges = [(0, len(keys), 0)]
        cdef list child = [], n_children = [], byte = [0], first = [], ends = []
        cdef Py_ssize_t node = 0, lo, hi, depth, at, start
        while node < len(ranges):
            lo, hi, depth = ranges[node]
            first.append(lo)
            at = lo
            while at < hi and len(keys[at]) == depth:
                at += 1
            ends.append(at)
            child.append(len(ranges))
            start = at
            while start < hi:
                letter = keys[start][depth]
                at = start + 1
                while at < hi and keys[at][depth] == letter:
                    at += 1
                ranges.append((start, at, depth + 1))
                byte.append(letter)
                start = at
            n_children.append(len(ranges) - child[node])
            node += 1
        self.n_tokens = len(texts)
        self._keep(child, n_children, byte, first, ends, [i for _, i in order])

    def _keep(self, child, n_children, byte, first, ends, tokens):
        counts = np.asarray(ends, np.int64) - np.asarray(first, np.int64)
        rows = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        # The tokens of a node stand at first .. end of the sorted order; rows pack them in the order of the nodes.
        taken = np.concatenate([np.zeros(0, np.int64), *(np.arange(a, b) for a, b in zip(first, ends) if b > a)])
        flat = np.asarray(tokens, np.int32)[taken.astype(np.int64)]
        arrays = [np.asarray(a, np.int32) for a in (child, n_children)]
        arrays += [np.asarray(byte, np.uint8), rows, np.ascontiguousarray(flat, np.int32)]
        self._arrays = arrays
        cdef const int32_t[::1] child_view = arrays[0], counts_view = arrays[1], rows_view = arrays[3]
        cdef const uint8_t[::1] byte_view = arrays[2]
        flat_kept = arrays[4] if arrays[4].size else np.zeros(1, np.int32)
        arrays.append(flat_kept)
        cdef const int32_t[::1] flat_view = flat_kept
        self.c.n_nodes = len(child)
        self.c.child = &child_view[0]
        self.c.n_children = &counts_view[0]
        self.c.byte = &byte_view[0]
        self.c.token_first = &rows_view[0]
        self.c.tokens = &flat_view[0]

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
