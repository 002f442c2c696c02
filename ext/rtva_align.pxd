from libc.stdint cimport int32_t, int64_t, uint8_t


cdef extern from "rtva_align.h" nogil:
    int RTVA_ALIGN_JUMP
    int RTVA_ALIGN_EXTRA

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

    ctypedef struct rtva_align_terms:
        float limit
        float share
        const float *credit
        const float *more
        const float *extra

    ctypedef struct rtva_align_band:
        pass

    int32_t rtva_align_columns(int32_t n)
    int64_t rtva_align_room(int32_t n, int32_t nodes)
    rtva_align_terms rtva_align_credit(const rtva_align_costs *k, const uint8_t *heard, const float *extra, int32_t n,
                                       float least, float heaviest, float *credit, float *more, double *before)
    void rtva_align_sound(const rtva_align_costs *k, const uint8_t *heard, int32_t n, float *sounds)
    float rtva_align_run(const rtva_align_graph *g, const rtva_align_costs *k, const rtva_align_terms *t,
                         const float *sounds, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps, float *cells,
                         rtva_align_band *bands)
    int32_t rtva_align_trace(const rtva_align_graph *g, const rtva_align_costs *k, const uint8_t *heard,
                             const float *extra, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps,
                             const float *cells, const rtva_align_band *bands, rtva_align_step *steps, int32_t most)
