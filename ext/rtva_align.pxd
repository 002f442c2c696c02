from libc.stdint cimport int32_t, uint8_t


cdef extern from "rtva_align.h" nogil:
    int RTVA_ALIGN_JUMP

    ctypedef struct rtva_align_graph:
        int32_t n_nodes
        const uint8_t *phone
        const float *weight
        const int32_t *first
        const int32_t *pred

    ctypedef struct rtva_align_costs:
        int32_t n_phones
        const float *substitute
        const float *drop

    ctypedef struct rtva_align_jump:
        int32_t from_node
        int32_t from_column
        int32_t to_node
        int32_t to_column
        float cost

    ctypedef struct rtva_align_step:
        int32_t node
        int32_t column
        int32_t how
        float cost

    float rtva_align_run(const rtva_align_graph *g, const rtva_align_costs *k, const uint8_t *heard, const float *extra,
                         int32_t n, const rtva_align_jump *jumps, int32_t n_jumps, float limit, float *cells)
    int32_t rtva_align_trace(const rtva_align_graph *g, const rtva_align_costs *k, const uint8_t *heard,
                             const float *extra, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps,
                             const float *cells, rtva_align_step *steps, int32_t most)
