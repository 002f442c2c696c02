/* rtva_align: the cheapest way to hear a row of phones as one sentence of a graph of phones.
 *
 * Contract
 * - A graph's nodes stand in topological order: every predecessor of a node has a lower number. Node 0 is where a
 *   sentence starts, the last node where it ends. A node with phone 0 is a junction and consumes nothing.
 * - Column c of the n + 1 columns stands behind c heard phones. A heard phone is matched with a node (substitute, 0 for
 *   the same), a node is passed over (drop, times its weight; drop[0] is 0, so junctions cost nothing), or the phone is
 *   additional (extra[c]).
 * - A jump takes the sentence from a node and column to a later node and a later column at a price: a stretch that was
 *   read by other means (a number, free words). Jumps are sorted by to_node.
 * - All costs are non-negative, so a cell above `limit` is on no way that ends below it and is not followed.
 * - A node's cells are worked out all at once, from the first column to the last that a way within `limit` reaches (its
 *   band), so a low limit costs little however large the graph is, and several of them with one instruction.
 * - No allocation. Time is (n + 1) * (nodes + predecessors) at most. The caller brings `cells`,
 *   rtva_align_room(n, nodes) of them, and `bands`, one a node; neither need be cleared.
 */
#ifndef RTVA_ALIGN_H
#define RTVA_ALIGN_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { RTVA_ALIGN_PASS = 0, RTVA_ALIGN_MATCH = 1, RTVA_ALIGN_EXTRA = 2, RTVA_ALIGN_JUMP = 3, RTVA_ALIGN_LANES = 4 };

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

/* The floats that the columns of n heard phones take: column 0, one a phone, and as many that are read and not used. */
static inline int32_t rtva_align_columns(int32_t n)
{
    return n + 1 + 2 * RTVA_ALIGN_LANES;
}

static inline int64_t rtva_align_room(int32_t n, int32_t nodes)
{
    return ((int64_t)nodes + 2) * rtva_align_columns(n);
}

/* On what terms a way is charged, for each column and what was heard before it. With share 0, no credit and more as what
 * an addition costs it is charged its cost. Otherwise it is charged a bound on its score: see rtva_align_credit. */
typedef struct rtva_align_terms {
    float limit, share;
    const float *credit, *more, *extra;
} rtva_align_terms;

/* The terms on which a way that scores `least` or more is charged no more than the limit.
 *
 * A way scores 1 - cost / size. Its size is at most the sum, over its steps, of what a node that is passed over weighs, of
 * the larger of what a matched node and its phone weigh, and of what an additional phone weighs; a jump adds nothing. So
 * it scores `least` only if its cost less share = 1 - least of all these is not above 0. A match may be charged less than
 * 0 that way; the credit of its phone, which every way pays once (in a jump the caller adds it to the price), makes up
 * for it. Weights of nodes are at most `heaviest`. Writes credit and more, and into `before` what the phones before each
 * of the n + 1 columns are credited together. `extra` is by column, as are those. */
static inline rtva_align_terms rtva_align_credit(const rtva_align_costs *k, const uint8_t *heard, const float *extra,
                                                 int32_t n, float least, float heaviest, float *credit, float *more,
                                                 double *before)
{
    const float share = least < 1.0f ? 1.0f - least : 0.0f;
    double sum = 0;
    before[0] = 0;
    for (int32_t c = 1; c <= n; c++) {
        const float *substitute = k->substitute + heard[c - 1] * k->n_phones;
        float most = share * extra[c];
        for (int32_t p = 1; p < k->n_phones; p++) {
            const float gain = heaviest * (share * k->drop[p] - substitute[p]);
            most = gain > most ? gain : most;
        }
        credit[c] = most;
        more[c] = (1.0f - share) * extra[c] + most;
        sum += most;
        before[c] = sum;
    }
    return (rtva_align_terms){(float)sum + 1e-3f, share, credit, more, extra};
}

/* Writes into `sounds` (a row of columns for each phone) what each heard phone costs as that phone of a graph. */
static inline void rtva_align_sound(const rtva_align_costs *k, const uint8_t *heard, int32_t n, float *sounds)
{
    for (int32_t phone = 0; phone < k->n_phones; phone++, sounds += rtva_align_columns(n))
        for (int32_t c = 0; c < rtva_align_columns(n); c++)
            sounds[c] = 0 < c && c <= n ? k->substitute[heard[c - 1] * k->n_phones + phone] : 0.0f;
}

/* Where the cells of a node are: those of columns first to last, and cell c at cells[at + c]. first > last: it has none.
 * Beside a band the cell before and RTVA_ALIGN_LANES behind are INFINITY. */
typedef struct rtva_align_band {
    int64_t at;
    int32_t first, last;
} rtva_align_band;

static inline float rtva_align__cell(const float *cells, const rtva_align_band *band, int32_t column)
{
    return band->first <= column && column <= band->last ? cells[band->at + column] : INFINITY;
}

/* Charges the ways into a node from the cells of one before it: passing over costs `pass`, and hearing it in the column
 * behind its weight times what it `sounds` like, less what it gains. */
static inline void rtva_align__reach(const rtva_align_terms *t, const float *restrict from, float *restrict now,
                                     int32_t first, int32_t last, float pass, float weight, float own,
                                     const float *restrict sounds)
{
    for (int32_t at = first; at <= last; at += RTVA_ALIGN_LANES)
        for (int32_t c = at; c < at + RTVA_ALIGN_LANES; c++) {
            const float gain = t->share * (own > t->extra[c] ? own : t->extra[c]);
            const float match = weight * sounds[c] - gain + t->credit[c];
            now[c] = rtva_align__least(now[c], rtva_align__least(from[c] + pass, from[c - 1] + match));
        }
}

/* The same for a junction, which is only passed over. */
static inline void rtva_align__pass(const float *restrict from, float *restrict now, int32_t first, int32_t last)
{
    for (int32_t at = first; at <= last; at += RTVA_ALIGN_LANES)
        for (int32_t c = at; c < at + RTVA_ALIGN_LANES; c++)
            now[c] = rtva_align__least(now[c], from[c]);
}

/* Lets additional phones follow the cells of a band, and keeps those that are within the limit. */
static inline void rtva_align__close(const rtva_align_terms *t, int32_t n, float *now, rtva_align_band *band)
{
    int32_t first = band->first, last = band->last;
    float before = now[first];
    for (int32_t c = first + 1; c <= last; c++)
        now[c] = before = rtva_align__least(now[c], before + t->more[c]);
    while (last < n && before <= t->limit) {
        before += t->more[++last];
        now[last] = before;
    }
    for (int32_t c = last + 1; c <= last + RTVA_ALIGN_LANES; c++)
        now[c] = INFINITY;
    for (int32_t at = first; at <= last; at += RTVA_ALIGN_LANES)
        for (int32_t c = at; c < at + RTVA_ALIGN_LANES; c++)
            now[c] = now[c] <= t->limit ? now[c] : INFINITY;
    while (first <= last && isinf(now[last]))
        last--;
    while (first <= last && isinf(now[first]))
        first++;
    band->first = first;
    band->last = last;
}

/* The columns that ways into a node lead to, from its predecessors and by the jumps first_jump..end_jump. */
static inline void rtva_align__span(const rtva_align_graph *g, int32_t v, int32_t n, const rtva_align_jump *jump,
                                    const rtva_align_jump *end_jump, const rtva_align_band *bands, rtva_align_band *band)
{
    int32_t first = v ? n + 1 : 0, last = v ? -1 : 0;
    for (int32_t i = g->first[v]; i < g->first[v + 1]; i++) {
        const rtva_align_band *u = &bands[g->pred[i]];
        if (u->first > u->last)
            continue;
        const int32_t end = u->last + (g->phone[v] && u->last < n);
        first = u->first < first ? u->first : first;
        last = end > last ? end : last;
    }
    for (; jump < end_jump; jump++) {
        first = jump->to_column < first ? jump->to_column : first;
        last = jump->to_column > last ? jump->to_column : last;
    }
    band->first = first;
    band->last = last;
}

/* The cost of the cheapest way on the terms `t`, INFINITY when there is none within their limit. */
static inline float rtva_align_run(const rtva_align_graph *g, const rtva_align_costs *k, const rtva_align_terms *t,
                                   const float *sounds, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps,
                                   float *cells, rtva_align_band *bands)
{
    const rtva_align_jump *const end_jump = jumps + n_jumps;
    int64_t used = n + 2; /* a band begins at a column that may be as high, behind a cell that is INFINITY */
    cells[used - 1] = INFINITY;
    for (int32_t v = 0; v < g->n_nodes; v++) {
        const int32_t *preds = g->pred + g->first[v], n_preds = g->first[v + 1] - g->first[v];
        const uint8_t phone = g->phone[v];
        const rtva_align_jump *jump = jumps;
        while (jumps < end_jump && jumps->to_node == v)
            jumps++;
        rtva_align_band *band = &bands[v];
        if (n_preds == 1 && !phone && jump == jumps) {
            *band = bands[preds[0]];
            continue;
        }
        rtva_align__span(g, v, n, jump, jumps, bands, band);
        if (band->first > band->last)
            continue;
        band->at = used - band->first;
        float *now = cells + band->at;
        for (int32_t c = band->first; c <= band->last + RTVA_ALIGN_LANES; c++)
            now[c] = INFINITY;
        if (!v)
            now[0] = 0.0f;
        const float own = g->weight[v] * k->drop[phone], pass = (1.0f - t->share) * own;
        const float *sound = sounds + (int64_t)phone * rtva_align_columns(n);
        for (int32_t i = 0; i < n_preds; i++) {
            const rtva_align_band *u = &bands[preds[i]];
            if (u->first > u->last)
                continue;
            if (!phone)
                rtva_align__pass(cells + u->at, now, u->first, u->last);
            else
                rtva_align__reach(t, cells + u->at, now, u->first, u->last < n ? u->last + 1 : n, pass, g->weight[v],
                                  own, sound);
        }
        for (; jump < jumps; jump++) {
            const float from = rtva_align__cell(cells, &bands[jump->from_node], jump->from_column);
            now[jump->to_column] = rtva_align__least(now[jump->to_column], from + jump->cost);
        }
        rtva_align__close(t, n, now, band);
        if (band->first <= band->last)
            used = band->at + band->last + 1 + RTVA_ALIGN_LANES;
    }
    return rtva_align__cell(cells, &bands[g->n_nodes - 1], n);
}

/* Writes the way to the last node of the last column into `steps`, end first; returns its length, at most `most`.
 * The way is found again from the cells: at each the cheapest of what leads there. */
static inline int32_t rtva_align_trace(const rtva_align_graph *g, const rtva_align_costs *k, const uint8_t *heard,
                                       const float *extra, int32_t n, const rtva_align_jump *jumps, int32_t n_jumps,
                                       const float *cells, const rtva_align_band *bands,
                                       rtva_align_step *steps, int32_t most)
{
    int32_t v = g->n_nodes - 1, c = n, length = 0;
    while (length < most) {
        const uint8_t phone = g->phone[v];
        const float pass = g->weight[v] * k->drop[phone];
        const float match = phone && c ? g->weight[v] * k->substitute[heard[c - 1] * k->n_phones + phone] : INFINITY;
        float best = c ? rtva_align__cell(cells, &bands[v], c - 1) + extra[c] : INFINITY;
        int32_t how = RTVA_ALIGN_EXTRA, next = v, column = c - 1;
        for (int32_t i = g->first[v]; i < g->first[v + 1]; i++) {
            const int32_t u = g->pred[i];
            const float now = rtva_align__cell(cells, &bands[u], c);
            const float before = c ? rtva_align__cell(cells, &bands[u], c - 1) : INFINITY;
            if (now + pass < best) {
                best = now + pass;
                how = RTVA_ALIGN_PASS;
                next = u;
                column = c;
            }
            if (before + match < best) {
                best = before + match;
                how = RTVA_ALIGN_MATCH;
                next = u;
                column = c - 1;
            }
        }
        for (int32_t i = 0; i < n_jumps; i++) {
            const rtva_align_jump *j = &jumps[i];
            if (j->to_node != v || j->to_column != c)
                continue;
            const float from = rtva_align__cell(cells, &bands[j->from_node], j->from_column) + j->cost;
            if (from < best) {
                best = from;
                how = RTVA_ALIGN_JUMP | i << 2;
                next = j->from_node;
                column = j->from_column;
            }
        }
        const int is_start = v == 0 && c == 0;
        steps[length++] = (rtva_align_step){v, c, is_start ? RTVA_ALIGN_PASS : how,
                                            rtva_align__cell(cells, &bands[v], c)};
        if (is_start || isinf(best))
            break;
        v = next;
        c = column;
    }
    return length;
}

#endif
