/* rtva_align: the cheapest way to hear a row of phones as one sentence of a graph of phones.
 *
 * Contract
 * - A graph's nodes stand in topological order: every predecessor of a node has a lower number. Node 0 is where a
 *   sentence starts, the last node where it ends. A node with phone 0 is a junction and consumes nothing.
 * - Column c of the n + 1 columns stands behind c heard phones. A heard phone is matched with a node (substitute, 0 for
 *   the same), a node is passed over (drop, times its weight; drop[0] is 0, so junctions cost nothing), or the phone is
 *   additional (extra[c]).
 * - A jump takes the sentence from a node and column to a node and a later column at a price: a stretch that was read
 *   by other means (a number, free words). Jumps are sorted by to_column; from_column < to_column.
 * - All costs are non-negative, so a cell above `limit` is on no way that ends below it and is not followed.
 * - No allocation. Time is (n + 1) * (nodes + predecessors). The caller brings `cells`, (n + 1) * nodes.
 */
#ifndef RTVA_ALIGN_H
#define RTVA_ALIGN_H

#include <math.h>
#include <stdint.h>

enum { RTVA_ALIGN_PASS = 0, RTVA_ALIGN_MATCH = 1, RTVA_ALIGN_EXTRA = 2, RTVA_ALIGN_JUMP = 3 };

typedef struct rtva_align_graph {
    int32_t n_nodes;
    const uint8_t *phone;
    const float *weight;
    const int32_t *first; /* n_nodes + 1: where a node's predecessors begin */
    const int32_t *pred;
} rtva_align_graph;

typedef struct rtva_align_costs {
    int32_t n_phones;
    const float *substitute; /* n_phones * n_phones */
    const float *drop;       /* n_phones */
} rtva_align_costs;

typedef struct rtva_align_jump {
    int32_t from_node, from_column, to_node, to_column;
    float cost;
} rtva_align_jump;

typedef struct rtva_align_step {
    int32_t node, column;
    int32_t how; /* how it was reached; for a jump RTVA_ALIGN_JUMP + 4 * its index */
    float cost;  /* from the start to here */
} rtva_align_step;

static inline float rtva_align__least(float a, float b)
{
    return a < b ? a : b;
}

/* The cost of the cheapest way, INFINITY when there is none within `limit`. */
static inline float rtva_align_run(const rtva_align_graph *g, const rtva_align_costs *k, const uint8_t *heard,
                                   const float *extra, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps,
                                   float limit, float *cells)
{
    const int32_t nodes = g->n_nodes;
    int32_t next_jump = 0;
    for (int32_t c = 0; c <= n; c++) {
        float *now = cells + (int64_t)c * nodes;
        const float *before = c ? now - nodes : now; /* column 0 has none: nothing is matched there */
        const float *substitute = k->substitute + (c ? heard[c - 1] * k->n_phones : 0);
        const float more = c ? extra[c - 1] : INFINITY;
        int alive = 0;
        for (int32_t v = 0; v < nodes; v++)
            now[v] = INFINITY;
        if (c == 0)
            now[0] = 0.0f;
        for (; next_jump < n_jumps && jumps[next_jump].to_column == c; next_jump++) {
            const rtva_align_jump *j = &jumps[next_jump];
            const float from = cells[(int64_t)j->from_column * nodes + j->from_node];
            now[j->to_node] = rtva_align__least(now[j->to_node], from + j->cost);
        }
        for (int32_t v = 0; v < nodes; v++) {
            const uint8_t phone = g->phone[v];
            const float pass = g->weight[v] * k->drop[phone];
            const float match = phone && c ? g->weight[v] * substitute[phone] : INFINITY;
            float best = rtva_align__least(now[v], before[v] + more);
            for (int32_t i = g->first[v], end = g->first[v + 1]; i < end; i++) {
                const int32_t u = g->pred[i];
                best = rtva_align__least(best, rtva_align__least(now[u] + pass, before[u] + match));
            }
            now[v] = best <= limit ? best : INFINITY;
            alive |= best <= limit;
        }
        if (!alive && next_jump == n_jumps)
            return INFINITY;
    }
    return cells[(int64_t)n * nodes + nodes - 1];
}

/* Writes the way to the last node of the last column into `steps`, end first; returns its length, at most `most`.
 * The way is found again from the cells: at each the cheapest of what leads there. */
static inline int32_t rtva_align_trace(const rtva_align_graph *g, const rtva_align_costs *k, const uint8_t *heard,
                                       const float *extra, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps,
                                       const float *cells, rtva_align_step *steps, int32_t most)
{
    const int32_t nodes = g->n_nodes;
    int32_t v = nodes - 1, c = n, length = 0;
    while (length < most) {
        const float *now = cells + (int64_t)c * nodes, *before = c ? now - nodes : now;
        const uint8_t phone = g->phone[v];
        const float pass = g->weight[v] * k->drop[phone];
        const float match = phone && c ? g->weight[v] * k->substitute[heard[c - 1] * k->n_phones + phone] : INFINITY;
        float best = c ? before[v] + extra[c - 1] : INFINITY;
        int32_t how = RTVA_ALIGN_EXTRA, next = v, column = c - 1;
        for (int32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            const int32_t u = g->pred[i];
            if (now[u] + pass < best) {
                best = now[u] + pass;
                how = RTVA_ALIGN_PASS;
                next = u;
                column = c;
            }
            if (before[u] + match < best) {
                best = before[u] + match;
                how = RTVA_ALIGN_MATCH;
                next = u;
                column = c - 1;
            }
        }
        for (int32_t i = 0; i < n_jumps; i++) {
            const rtva_align_jump *j = &jumps[i];
            if (j->to_node != v || j->to_column != c)
                continue;
            const float from = cells[(int64_t)j->from_column * nodes + j->from_node] + j->cost;
            if (from < best) {
                best = from;
                how = RTVA_ALIGN_JUMP | i << 2;
                next = j->from_node;
                column = j->from_column;
            }
        }
        const int is_start = v == 0 && c == 0;
        steps[length++] = (rtva_align_step){v, c, is_start ? RTVA_ALIGN_PASS : how, now[v]};
        if (is_start || isinf(best))
            break;
        v = next;
        c = column;
    }
    return length;
}

#endif
