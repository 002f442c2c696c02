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
 * - Nodes lie in blocks. A block is worked out in a column only if a way within `limit` leads into it, so a low limit
 *   costs little however large the graph is. Cells of others are never read.
 * - No allocation. Time is (n + 1) * (nodes + predecessors) at most. The caller brings `cells`, (n + 1) * nodes, and
 *   `marks`, (n + 3) * blocks; neither need be cleared.
 */
#ifndef RTVA_ALIGN_H
#define RTVA_ALIGN_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { RTVA_ALIGN_PASS = 0, RTVA_ALIGN_MATCH = 1, RTVA_ALIGN_EXTRA = 2, RTVA_ALIGN_JUMP = 3, RTVA_ALIGN_LANES = 4, RTVA_ALIGN_BLOCK = 32 };

typedef struct rtva_align_graph {
    int32_t n_nodes;
    const uint8_t *phone;
    const float *weight;
    const int32_t *first; /* n_nodes + 1: where a node's predecessors begin */
    const int32_t *pred;
    int32_t n_blocks; /* RTVA_ALIGN_BLOCK nodes each, the last fewer */
    const int32_t *pred_first, *pred_block; /* as first and pred: the other blocks with predecessors of a block's nodes */
    const int32_t *next_first, *next_block; /* and the other way about */
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

/* On what terms a way is charged. With share 0, keep 1 and no credit it is charged its cost. Otherwise it is charged a
 * bound on its score: see rtva_align_credit. */
typedef struct rtva_align_terms {
    float limit, share, keep;
    const float *credit; /* a heard phone each, or NULL */
} rtva_align_terms;

/* The terms on which a way that scores `least` or more is charged no more than the limit.
 *
 * A way scores 1 - cost / size. Its size is at most the sum, over its steps, of what a node that is passed over weighs, of
 * the larger of what a matched node and its phone weigh, and of what an additional phone weighs; a jump adds nothing. So
 * it scores `least` only if its cost less share = 1 - least of all these is not above 0. A match may be charged less than
 * 0 that way; the credit of its phone, which every way pays once (in a jump the caller adds it to the price), makes up
 * for it. Weights of nodes are at most `heaviest`. Writes credit, and into `before` what the phones before each of
 * the n + 1 columns are credited together. */
static inline rtva_align_terms rtva_align_credit(const rtva_align_costs *k, const uint8_t *heard, const float *extra,
                                                 int32_t n, float least, float heaviest, float *credit, double *before)
{
    const float share = least < 1.0f ? 1.0f - least : 0.0f;
    double sum = 0;
    for (int32_t c = 0; c < n; c++) {
        const float *substitute = k->substitute + heard[c] * k->n_phones;
        float most = share * extra[c];
        for (int32_t p = 1; p < k->n_phones; p++) {
            const float gain = heaviest * (share * k->drop[p] - substitute[p]);
            most = gain > most ? gain : most;
        }
        credit[c] = most;
        before[c] = sum;
        sum += most;
    }
    before[n] = sum;
    return (rtva_align_terms){(float)sum + 1e-3f, share, 1.0f - share, credit};
}

typedef struct rtva_align__column {
    float *now;
    const float *before; /* column 0 has none: nothing is matched there */
    const float *substitute;
    float extra, more; /* what the phone of the column costs as an addition, and what it is charged */
    float credit;
} rtva_align__column;

static inline int rtva_align__cell(const rtva_align_graph *g, const rtva_align_costs *k, const rtva_align_terms *t,
                                   const rtva_align__column *at, int32_t v)
{
    const uint8_t phone = g->phone[v];
    const float own = g->weight[v] * k->drop[phone];
    const float pass = t->keep * own;
    const float gain = t->share * (own > at->extra ? own : at->extra);
    const float match =
        phone && at->substitute ? g->weight[v] * at->substitute[phone] - gain + at->credit : INFINITY;
    float best = rtva_align__least(at->now[v], at->before[v] + at->more);
    for (int32_t i = g->first[v], end = g->first[v + 1]; i < end; i++) {
        const int32_t u = g->pred[i];
        best = rtva_align__least(best, rtva_align__least(at->now[u] + pass, at->before[u] + match));
    }
    at->now[v] = best <= t->limit ? best : INFINITY;
    return best <= t->limit;
}

/* Fills the nodes from..to - 1 of `lanes` columns beside each other. Each column follows one node behind the one before
 * it, so that the additions of one need not wait for those of another. Returns which columns have a cell within `limit`,
 * a bit each. */
static inline int rtva_align__fill(const rtva_align_graph *g, const rtva_align_costs *k, const rtva_align_terms *t,
                                   const rtva_align__column *columns, int32_t lanes, int32_t from, int32_t to)
{
    int alive = 0;
    int32_t s = from;
    for (; s < from + lanes - 1; s++)
        for (int32_t l = 0; l <= s - from; l++)
            if (s - l < to)
                alive |= rtva_align__cell(g, k, t, &columns[l], s - l) << l;
    if (lanes == RTVA_ALIGN_LANES)
        for (; s < to; s++)
            for (int32_t l = 0; l < RTVA_ALIGN_LANES; l++)
                alive |= rtva_align__cell(g, k, t, &columns[l], s - l) << l;
    else
        for (; s < to; s++)
            for (int32_t l = 0; l < lanes; l++)
                alive |= rtva_align__cell(g, k, t, &columns[l], s - l) << l;
    for (; s < to + lanes - 1; s++)
        for (int32_t l = s - to + 1; l < lanes; l++)
            alive |= rtva_align__cell(g, k, t, &columns[l], s - l) << l;
    return alive;
}

/* How many columns from c on may be filled beside each other: none of them is reached by a jump from another of them. */
static inline int32_t rtva_align__lanes(const rtva_align_jump *jumps, int32_t n_jumps, int32_t next_jump, int32_t c,
                                        int32_t n)
{
    int32_t lanes = c == 0 ? 1 : RTVA_ALIGN_LANES;
    if (lanes > n + 1 - c)
        lanes = n + 1 - c;
    for (; next_jump < n_jumps && jumps[next_jump].to_column < c + lanes; next_jump++)
        if (jumps[next_jump].from_column >= c)
            lanes = jumps[next_jump].to_column - c;
    return lanes;
}

/* The cells of a block in a column, which are INFINITY until they are worked out. */
static inline void rtva_align__ready(const rtva_align_graph *g, float *cells, uint8_t *marks, int32_t column,
                                     int32_t block)
{
    uint8_t *mark = &marks[(int64_t)column * g->n_blocks + block];
    if (*mark)
        return;
    *mark = 1;
    const int32_t end = (block + 1) * RTVA_ALIGN_BLOCK;
    float *now = cells + (int64_t)column * g->n_nodes;
    for (int32_t v = block * RTVA_ALIGN_BLOCK; v < (end < g->n_nodes ? end : g->n_nodes); v++)
        now[v] = INFINITY;
}

/* Works out one block in `lanes` columns from c on, and says in due and due_next where a way goes on. */
static inline void rtva_align__block(const rtva_align_graph *g, const rtva_align_costs *k,
                                     const rtva_align_terms *t, const rtva_align__column *columns, int32_t c,
                                     int32_t lanes, int32_t block, float *cells, uint8_t *marks, uint8_t *due,
                                     uint8_t *due_next)
{
    for (int32_t column = c ? c - 1 : 0; column < c + lanes; column++) {
        rtva_align__ready(g, cells, marks, column, block);
        for (int32_t i = g->pred_first[block]; i < g->pred_first[block + 1]; i++)
            rtva_align__ready(g, cells, marks, column, g->pred_block[i]);
    }
    const int32_t from = block * RTVA_ALIGN_BLOCK, end = from + RTVA_ALIGN_BLOCK;
    const int alive = rtva_align__fill(g, k, t, columns, lanes, from, end < g->n_nodes ? end : g->n_nodes);
    const uint8_t is_last_alive = alive >> (lanes - 1) & 1;
    due_next[block] |= is_last_alive;
    if (alive)
        for (int32_t i = g->next_first[block]; i < g->next_first[block + 1]; i++) {
            due[g->next_block[i]] = 1;
            due_next[g->next_block[i]] |= is_last_alive;
        }
}

/* The cost of the cheapest way on the terms `t`, INFINITY when there is none within their limit. */
static inline float rtva_align_run(const rtva_align_graph *g, const rtva_align_costs *k, const rtva_align_terms *t,
                                   const uint8_t *heard, const float *extra, int32_t n, const rtva_align_jump *jumps,
                                   int32_t n_jumps, float *cells, uint8_t *marks)
{
    const int32_t nodes = g->n_nodes, blocks = g->n_blocks;
    uint8_t *due = marks + (int64_t)(n + 1) * blocks, *due_next = due + blocks;
    int32_t next_jump = 0;
    memset(marks, 0, (size_t)(n + 3) * blocks);
    rtva_align__ready(g, cells, marks, 0, 0);
    cells[0] = 0.0f;
    due[0] = 1;
    for (int32_t c = 0; c <= n;) {
        const int32_t lanes = rtva_align__lanes(jumps, n_jumps, next_jump, c, n);
        rtva_align__column columns[RTVA_ALIGN_LANES];
        for (int32_t l = 0; l < lanes; l++) {
            float *now = cells + (int64_t)(c + l) * nodes;
            const int is_first = c + l == 0;
            columns[l] = (rtva_align__column){now, is_first ? now : now - nodes,
                                              is_first ? NULL : k->substitute + heard[c + l - 1] * k->n_phones,
                                              is_first ? 0.0f : extra[c + l - 1], INFINITY, 0.0f};
            if (!is_first) {
                columns[l].credit = t->credit ? t->credit[c + l - 1] : 0.0f;
                columns[l].more = t->keep * columns[l].extra + columns[l].credit;
            }
        }
        for (; next_jump < n_jumps && jumps[next_jump].to_column < c + lanes; next_jump++) {
            const rtva_align_jump *j = &jumps[next_jump];
            rtva_align__ready(g, cells, marks, j->from_column, j->from_node / RTVA_ALIGN_BLOCK);
            const float from = cells[(int64_t)j->from_column * nodes + j->from_node];
            if (isinf(from))
                continue;
            rtva_align__ready(g, cells, marks, j->to_column, j->to_node / RTVA_ALIGN_BLOCK);
            float *to = &columns[j->to_column - c].now[j->to_node];
            *to = rtva_align__least(*to, from + j->cost);
            due[j->to_node / RTVA_ALIGN_BLOCK] = 1;
        }
        for (int32_t block = 0; block < blocks; block++)
            if (due[block])
                rtva_align__block(g, k, t, columns, c, lanes, block, cells, marks, due, due_next);
        if (next_jump == n_jumps && !memchr(due_next, 1, blocks))
            return INFINITY;
        memset(due, 0, blocks);
        uint8_t *done = due;
        due = due_next;
        due_next = done;
        c += lanes;
    }
    rtva_align__ready(g, cells, marks, n, blocks - 1);
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
