from libc.stdint cimport int32_t, uint8_t, uint16_t


cdef extern from "rtva_grammar.h" nogil:
    ctypedef struct rtva_mask_entry:
        int32_t token
        int32_t next

    ctypedef struct rtva_vocabulary:
        int32_t n_nodes
        const int32_t *child
        const int32_t *n_children
        const uint8_t *byte
        const int32_t *token_first
        const int32_t *tokens

    ctypedef struct rtva_dfa_state:
        bint accepts

    ctypedef struct rtva_grammar:
        int32_t n_states
        int32_t n_dfa
        int32_t start
        rtva_dfa_state *dfa
        bint failed

    rtva_grammar *rtva_grammar_new(int32_t n_states, int32_t final, const int32_t *first, const int32_t *target,
                                   const uint16_t *symbol)
    void rtva_grammar_free(rtva_grammar *g)
    int32_t rtva_grammar_read(rtva_grammar *g, int32_t id, const uint8_t *text, int32_t n)
    int32_t rtva_grammar_mask(rtva_grammar *g, const rtva_vocabulary *v, int32_t id, const rtva_mask_entry **mask)
    int32_t rtva_grammar_parse(rtva_grammar *g, const uint8_t *text, int32_t n, int32_t **states, int32_t **ats)
    void rtva_grammar_trim(rtva_grammar *g, size_t most_bytes)
    size_t rtva_grammar_cache_bytes(const rtva_grammar *g)
