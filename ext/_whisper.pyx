"""whisper.cpp below its text interface: logits, forced tokens, search. See ``rtva_search.h``, ``rtva_whisper.h``."""

import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, uint8_t
from libc.string cimport memset

from rtva_grammar cimport rtva_grammar, rtva_vocabulary
from rtva_search cimport *
from rtva_whisper cimport *


class Unsupported(ImportError):
    """The libwhisper of this process is not one that this binding knows."""


class Stopped(Exception):
    """The state was cancelled."""


cdef rtva_whisper library
cdef bint is_open = False


def open_library():
    """Finds the libwhisper that was loaded (``firmware_py.stt.library``) and checks it; returns its version.

    Raises Unsupported, in one line, when there is none, or one of another version or layout.
    """
    global is_open
    cdef const char *missing = b""
    cdef int rc = rtva_whisper_open(&library, &missing)
    if rc == RTVA_WHISPER_ABSENT:
        raise Unsupported("no libwhisper is loaded; see firmware_py.stt.library")
    if rc == RTVA_WHISPER_SYMBOL:
        raise Unsupported(f"libwhisper has no {missing.decode()}")
    rc = rtva_whisper_check(&library)
    if rc == RTVA_WHISPER_VERSION:
        raise Unsupported(f"libwhisper {library.version.decode()} is not known (1.8.2 to 1.9.3 are)")
    if rc == RTVA_WHISPER_LAYOUT:
        raise Unsupported(f"libwhisper {library.version.decode()} lays its parameters out differently")
    library.log_set(rtva_whisper_quiet, NULL)
    is_open = True
    return library.version.decode()


cdef int check(int rc) except -1:
    """The one place where a code of ``rtva_search.h`` becomes an exception."""
    if rc >= 0:
        return rc
    if rc == RTVA_SEARCH_CANCELLED:
        raise Stopped
    if rc == RTVA_SEARCH_NO_MEMORY:
        raise MemoryError
    if rc == RTVA_SEARCH_TOO_LONG:
        raise ValueError(f"prompt and tokens are more than {RTVA_MOST_PATH}")
    raise RuntimeError("whisper failed to decode")


cdef class Model:
    """Weights from a ggml file (verified by the caller: a broken one ends in a C++ exception).

    Raises Unsupported without a known library, OSError when the file does not load.
    """
    cdef void *ctx
    cdef readonly int n_vocab, n_audio_ctx, eot, sot, prev, nosp, not_timestamps, transcribe
    cdef readonly bint is_multilingual

    def __init__(self, str path, *, bint use_gpu=False):
        if not is_open:
            open_library()
        cdef bytes name = path.encode()
        cdef const char *raw = name
        with nogil:
            self.ctx = rtva_whisper_load(&library, raw, use_gpu)
        if self.ctx == NULL:
            raise OSError(f"{path}: whisper does not load it")
        self.n_vocab = library.n_vocab(self.ctx)
        self.n_audio_ctx = library.n_audio_ctx(self.ctx)
        self.is_multilingual = library.is_multilingual(self.ctx)
        self.eot, self.sot = library.token_eot(self.ctx), library.token_sot(self.ctx)
        self.prev, self.nosp = library.token_prev(self.ctx), library.token_nosp(self.ctx)
        self.not_timestamps = library.token_not(self.ctx)
        self.transcribe = library.token_transcribe(self.ctx)

    def __dealloc__(self):
        if self.ctx != NULL:
            library.free(self.ctx)

    def texts(self):
        """The bytes of every text token, in order (``eot`` of them)."""
        return [<bytes>library.token_text(self.ctx, t) for t in range(self.eot)]

    def language_token(self, str language):
        """The token of a language code. Raises ValueError for one that whisper does not know."""
        cdef int at = library.lang_id(language.encode())
        if at < 0:
            raise ValueError(f"whisper does not know the language {language!r}")
        return library.token_lang(self.ctx, at)

    def language_tokens(self):
        """``{code: token}`` of all languages of this model."""
        count = min(library.lang_max() + 1, self.transcribe - 1 - self.sot)
        return {library.lang_text(i).decode(): library.token_lang(self.ctx, i) for i in range(count)}

    def tokenize(self, str text):
        """The model's own tokens of a text."""
        cdef int32_t[::1] out = np.zeros(max(16, 4 * len(text)), np.int32)
        cdef int n = library.tokenize(self.ctx, text.encode(), &out[0], <int>out.shape[0])
        return np.asarray(out)[: max(n, 0)].tolist()


cdef class Tables:
    """What decoding needs to know of each token: its normalised text, whether it reads as nothing (1; 2 for a decimal
    point, which does so but for between digits), and its marks (1 suppressed always, 2 at the beginning, 4 it begins
    a word)."""
    cdef object _arrays
    cdef const uint8_t *silent
    cdef const uint8_t *marks
    cdef const int32_t *text_first
    cdef const uint8_t *text
    cdef int n

    def __init__(self, list texts, silent, marks):
        cdef const uint8_t[::1] blob = np.frombuffer(b"".join(texts) + b" ", np.uint8)
        cdef const int32_t[::1] rows = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        cdef const uint8_t[::1] quiet = np.ascontiguousarray(silent, np.uint8)
        cdef const uint8_t[::1] marked = np.ascontiguousarray(marks, np.uint8)
        if quiet.shape[0] != len(texts) or marked.shape[0] != len(texts):
            raise ValueError("tables: one row for each text token")
        self._arrays = (blob, rows, quiet, marked)
        self.n = len(texts)
        self.silent, self.marks, self.text_first, self.text = &quiet[0], &marked[0], &rows[0], &blob[0]


cdef int ask(void *user) noexcept with gil:
    """Whether the caller wants to stop; an exception of its own counts as a yes."""
    try:
        return 1 if (<object>user)() else 0
    except BaseException:
        return 1


cdef class State:
    """One listener over a model; several may share one. One call at a time, but ``cancel`` from any thread.

    ``poll(f)`` has ``f()`` asked before every token; true stops the call.
    """
    cdef Model model
    cdef rtva_decoder d
    cdef object _poll
    cdef readonly int audio_ctx

    def __init__(self, Model model, int threads):
        self.model = model
        memset(&self.d, 0, sizeof(self.d))
        self.d.w, self.d.ctx, self.d.threads = &library, model.ctx, threads
        self.d.n_vocab, self.d.eot = model.n_vocab, model.eot
        with nogil:
            self.d.state = library.init_state(self.d.ctx)
        if self.d.state == NULL:
            raise MemoryError

    def __dealloc__(self):
        rtva_decoder_free(&self.d)
        if self.d.state != NULL:
            library.free_state(self.d.state)

    def cancel(self):
        """Makes the call in progress, or the next, raise Stopped before its next token."""
        self.d.cancelled = 1

    def poll(self, is_cancelled):
        """Sets or, with None, takes away what is asked before every token. Forgets a cancellation."""
        self._poll = is_cancelled
        self.d.user = <void *>is_cancelled
        self.d.poll = ask
        if is_cancelled is None:
            self.d.poll = NULL
        self.d.cancelled = 0

    @property
    def decodes(self):
        """Decoder calls since the last ``listen``."""
        return self.d.decodes

    def listen(self, const float[::1] samples, int audio_ctx):
        """Encodes mono float32 at 16 kHz (at least 100 ms) with ``audio_ctx`` encoder frames of 20 ms."""
        cdef int rc
        if samples.shape[0] < 1600 or not 0 < audio_ctx <= self.model.n_audio_ctx:
            raise ValueError("listen: at least 1600 samples and a context the model has")
        rtva_decoder_forget(&self.d)
        self.d.decodes = 0
        self.audio_ctx = audio_ctx
        with nogil:
            rc = rtva_whisper_listen(&library, self.d.ctx, self.d.state, &samples[0], <int>samples.shape[0], audio_ctx,
                                     self.d.threads)
        if rc:
            raise RuntimeError(f"whisper failed to encode ({rc})")

    def logits(self, tokens):
        """Scores of every token after ``tokens``, float32, shape (n_vocab,)."""
        cdef int32_t[::1] path = np.ascontiguousarray(tokens, np.int32)
        cdef const float *found
        cdef int n = <int>path.shape[0]
        if not 0 < n < RTVA_MOST_PATH:
            raise ValueError(f"1 to {RTVA_MOST_PATH - 1} tokens")
        with nogil:
            found = rtva_decoder_at(&self.d, &path[0], n)
        if found == NULL:
            check(RTVA_SEARCH_CANCELLED if self.d.cancelled else RTVA_SEARCH_DECODE)
        return np.asarray(<const float[:self.model.n_vocab]>found).copy()

    @property
    def pace_ms(self):
        """What a token took of late with one thread and with all of them; 0.0 where it was not tried."""
        return self.d.pace.took[0] / 1e6, self.d.pace.took[1] / 1e6

    def score(self, prompt, tokens):
        """Log probability of each of ``tokens`` when they follow ``prompt``, float32."""
        cdef int32_t[::1] before = np.ascontiguousarray(prompt, np.int32), said = np.ascontiguousarray(tokens, np.int32)
        cdef float[::1] out = np.zeros(max(1, said.shape[0]), np.float32)
        cdef int rc
        with nogil:
            rc = rtva_decode_forced(&self.d, &before[0], <int>before.shape[0], &said[0] if said.shape[0] else NULL,
                                    <int>said.shape[0], &out[0])
        check(rc)
        return np.asarray(out)[: said.shape[0]]

    def decode(self, Tables tables, prompt, int most, int patience=0):
        """Open decoding until the end, ``most`` tokens or the first repeat (``patience`` copies later).

        Returns ``(tokens, log probabilities, log probability of the end, no-speech probability, is a loop)``.
        """
        cdef int32_t[::1] before = np.ascontiguousarray(prompt, np.int32)
        cdef int32_t[::1] tokens = np.zeros(most + 1, np.int32)
        cdef float[::1] logps = np.zeros(most + 1, np.float32)
        cdef rtva_open o
        cdef int rc
        memset(&o, 0, sizeof(o))
        o.marks, o.nosp, o.most, o.patience = tables.marks, self.model.nosp, most, patience
        with nogil:
            rc = rtva_decode_open(&self.d, &o, &before[0], <int>before.shape[0], &tokens[0], &logps[0])
        check(rc)
        return np.asarray(tokens)[: o.n].tolist(), np.asarray(logps)[: o.n], o.end_logp, o.no_speech, bool(o.is_loop)

    def search(self, Tables tables, object automaton, object vocabulary, prompt, dict limits):
        """Sentences of the grammar, likeliest first: ``[(score, tokens, logps, best logps)]``, the end included."""
        cdef rtva_grammar *g = <rtva_grammar *>PyCapsule_GetPointer(automaton.capsule, "rtva_grammar")
        cdef rtva_vocabulary *v = <rtva_vocabulary *>PyCapsule_GetPointer(vocabulary.capsule, "rtva_vocabulary")
        cdef int32_t[::1] before = np.ascontiguousarray(prompt, np.int32)
        cdef rtva_search_limits l
        cdef rtva_search s
        cdef int rc
        l.bonus, l.open_bonus = limits["bonus"], limits["open_bonus"]
        l.slack, l.width = limits["slack"], limits["width"]
        l.least_total, l.most_loss = limits["least_total"], limits["most_loss"]
        l.loss, l.loss_a_token = limits["loss"], limits["loss_a_token"]
        l.most_evals, l.most_tokens, l.most_children = limits["evals"], limits["tokens"], limits["children"]
        memset(&s, 0, sizeof(s))
        s.silent, s.text_first, s.text = tables.silent, tables.text_first, tables.text
        try:
            with nogil:
                rc = rtva_search_run(&s, &l, &self.d, g, v, &before[0], <int>before.shape[0])
            check(rc)
            return [found(&s, s.found[i]) for i in range(s.n_found)], s.evals
        finally:
            rtva_search_free(&s)


cdef tuple found(rtva_search *s, int32_t node):
    cdef list tokens = [], logps = [], best = []
    score = s.nodes[node].score
    while s.nodes[node].parent >= 0:
        tokens.append(s.nodes[node].token)
        logps.append(s.nodes[node].logp)
        best.append(s.nodes[node].best)
        node = s.nodes[node].parent
    return score, tokens[::-1], logps[::-1], best[::-1]
